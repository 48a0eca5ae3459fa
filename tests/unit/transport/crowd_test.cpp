#include "transport/crowd.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

namespace farkeep::test {
namespace {

Network network_of(const char* address) { return Network::of(boost::asio::ip::make_address(address)); }

TEST_CASE("network: a /24 and a /64 are one each, and an IPv4 address in IPv6 clothes is the same one") {
  CHECK(network_of("192.0.2.1") == network_of("192.0.2.254"));
  CHECK(network_of("192.0.2.1") != network_of("192.0.3.1"));
  CHECK(network_of("::ffff:192.0.2.1") == network_of("192.0.2.1"));
  CHECK(network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9"));
  CHECK(network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1"));
  CHECK(network_of("0.0.0.1") != network_of("::1"));
}

/// Members of a crowd, and how many of each network had to go.
struct People {
  explicit People(std::size_t most) : crowd(most) {}
  void comes(Network network, int& gone) {
    auto member = std::make_unique<Crowd::Member>(network, [&gone] { ++gone; });
    crowd.enter(*member);
    all.push_back(std::move(member));
  }
  Crowd crowd;
  std::vector<std::unique_ptr<Crowd::Member>> all;
};

TEST_CASE("crowd: a flood out of one network pushes out itself, not the few who come from elsewhere") {
  People p{64};
  int few = 0, flood = 0;
  for (int i = 0; i < 8; ++i) p.comes(network_of("198.51.100.1"), few);
  for (int i = 0; i < 5000; ++i) p.comes(network_of("203.0.113.7"), flood);
  CHECK(p.crowd.size() == 64);
  CHECK(flood == 5000 - 56);
  CHECK(few == 0);
  CHECK(p.crowd.gave_way() == 5000 - 56);
}

TEST_CASE("crowd: who leaves or dies gives the place back, whoever comes next takes it without a loss") {
  People p{2};
  int gone = 0;
  p.comes(network_of("192.0.2.1"), gone);
  p.comes(network_of("192.0.2.1"), gone);
  p.all.front()->leave();
  p.all.front()->leave();
  CHECK(p.crowd.size() == 1);
  p.comes(network_of("192.0.2.1"), gone);
  p.all.pop_back();
  CHECK(p.crowd.size() == 1);
  p.comes(network_of("192.0.2.1"), gone);
  CHECK(gone == 0);
  p.comes(network_of("192.0.2.1"), gone);
  CHECK(gone == 1);
}

TEST_CASE("crowd: a member that changes over has one place, and one that outlives its crowd is harmless") {
  int gone = 0;
  Crowd::Member member{network_of("192.0.2.1"), [&gone] { ++gone; }};
  Crowd first{1};
  {
    Crowd second{1};
    first.enter(member);
    second.enter(member);
    CHECK(first.size() == 0);
    CHECK(second.size() == 1);
  }
  CHECK(member.inside());
  first.enter(member);
  CHECK(first.size() == 1);
  CHECK(gone == 0);
}

}  // namespace
}  // namespace farkeep::test
