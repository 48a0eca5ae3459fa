#include "transport/segment_dialer.hpp"

#include <catch2/catch.hpp>

#include "async/waiters.hpp"
#include "base/limits.hpp"
#include "transport/echo.hpp"
#include "transport/proxy_error.hpp"
#include "unit/async/support.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;
using test::World;

namespace {

/// Answers a ping as a server does; what is longer than `passes` never gets there.
class EchoStream final : public SecureStream {
 public:
  explicit EchoStream(std::size_t passes, std::size_t changed = SIZE_MAX) : passes_(passes), changed_(changed) {}
  task<std::size_t> read_some(MutableByteView into) override {
    while (back_.empty()) co_await never_.wait();
    const std::size_t n = std::min({into.size(), back_.size(), std::size_t{1000}});
    std::copy_n(back_.begin(), n, into.begin());
    back_.erase(back_.begin(), back_.begin() + static_cast<std::ptrdiff_t>(n));
    co_return n;
  }
  task<void> write(std::span<const ByteView> parts) override {
    Buffer all;
    for (auto& p : parts) append(all, p);
    if (all.size() > passes_) co_return;
    all[13] = 1;  // a reply
    if (changed_ < all.size()) all[changed_] = static_cast<std::uint8_t>(all[changed_] + 1);
    append(back_, all);
  }
  void close() noexcept override {}
  std::string describe() const override { return "192.0.2.1:16384"; }
  const PeerIdentity& peer() const override { return peer_; }

 private:
  const std::size_t passes_, changed_;
  Buffer back_;
  Waiters never_;
  PeerIdentity peer_;
};

/// A network that carries large messages when segments are at most `fits`.
struct Net final : Line, SecureDialer {
  explicit Net(Timers& t) : timers(t) {}
  task<std::unique_ptr<Stream>> dial(Endpoint) override { throw failure(Errc::unreachable, "not used"); }
  void set_max_segment(std::optional<int> bytes) override { segment = bytes; }
  LineSymptom symptom() const override { return shows; }
  std::string network(const Endpoint&) const override { return place; }
  task<std::unique_ptr<SecureStream>> connect(Endpoint, ExpectedServer) override {
    tried.push_back(segment.value_or(0));
    if (refusal) std::rethrow_exception(refusal);
    if (segment && *segment <= fits) co_return std::make_unique<EchoStream>(SIZE_MAX);
    if (tls_stalls) {
      co_await timers.sleep(limits::kTlsTimeout);
      throw failure(Errc::timed_out, "starting TLS");
    }
    co_return std::make_unique<EchoStream>(fits >= 1460 ? SIZE_MAX : 1000);
  }
  Timers& timers;
  int fits = 1460;
  bool tls_stalls = false;
  LineSymptom shows = LineSymptom::swallowing;
  std::string place = "10.0.0.7";
  std::exception_ptr refusal;
  std::optional<int> segment;
  std::vector<int> tried;  // 0: as the system has it
};

struct Memory final : SegmentMemory {
  std::optional<int> segment(const std::string& network, const std::string& address) const override {
    const auto found = all.find(network + " " + address);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  }
  void learn(const std::string& network, const std::string& address, int bytes) override { all[network + " " + address] = bytes; }
  std::map<std::string, int> all;
};

struct DialerBench : World {
  Net net{timers};
  Memory memory;
  SegmentDialer dialer{net, net, timers, memory};
  Endpoint place = *Endpoint::parse("192.0.2.1:16384");

  Errc connect() {
    ExpectedServer anybody = place.address;
    const auto code = error_of(dialer.connect(place, std::move(anybody)));
    return code ? classify(code) : Errc{};
  }
};

using Sizes = std::vector<int>;

}  // namespace

TEST_CASE("segments: where large packets pass, one connection is enough and nothing is remembered") {
  DialerBench b;
  CHECK(b.connect() == Errc{});
  CHECK(b.net.tried == Sizes{0});
  CHECK(b.memory.all.empty());
}

TEST_CASE("segments: where they vanish, smaller ones are tried, and what helps is remembered for the network and the address") {
  DialerBench b;
  const int fits = GENERATE(1220, 536);
  b.net.fits = fits;
  const SteadyTime start = b.timers.now();
  CHECK(b.connect() == Errc{});
  CHECK(b.net.tried == (fits == 1220 ? Sizes{0, 1220} : Sizes{0, 1220, 536}));
  CHECK(b.since(start) == limits::kEchoTimeout * (fits == 1220 ? 1 : 2));
  CHECK(b.memory.all == std::map<std::string, int>{{"10.0.0.7 192.0.2.1:16384", fits}});

  b.net.tried.clear();
  CHECK(b.connect() == Errc{});
  CHECK(b.net.tried == Sizes{fits});

  b.net.tried.clear();
  b.net.place = "192.168.1.4";  // elsewhere: from the beginning
  b.net.fits = 1460;
  CHECK(b.connect() == Errc{});
  CHECK(b.net.tried == Sizes{0});
}

TEST_CASE("segments: TLS that stalls with the sign of it is tried with smaller ones, too") {
  DialerBench b;
  b.net.fits = 1220;
  b.net.tls_stalls = true;
  CHECK(b.connect() == Errc{});
  CHECK(b.net.tried == Sizes{0, 1220});
}

TEST_CASE("segments: when none helps, the first error is what is said, and nothing is remembered") {
  DialerBench b;
  b.net.fits = 100;
  CHECK(b.connect() == Errc::timed_out);
  CHECK(b.net.tried == Sizes{0, 1220, 536});
  CHECK(b.memory.all.empty());
}

TEST_CASE("segments: who gives up while large packets vanish finds the smaller segment the next time") {
  DialerBench b;
  b.net.fits = 536;
  const auto give_up = [&](std::chrono::nanoseconds after) {
    ExpectedServer anybody = b.place.address;
    auto quiet = [](task<std::unique_ptr<SecureStream>> connecting) -> task<void> { co_await std::move(connecting); };
    CHECK(classify(b.run_cancelled(quiet(b.dialer.connect(b.place, std::move(anybody))), after)) == Errc::cancelled);
  };
  give_up(1s);  // too early to tell
  CHECK(b.memory.all.empty());
  b.net.shows = LineSymptom::none;
  give_up(5s);
  CHECK(b.memory.all.empty());
  b.net.shows = LineSymptom::swallowing;
  give_up(5s);
  CHECK(b.memory.all.begin()->second == 1220);
  give_up(5s);
  CHECK(b.memory.all.begin()->second == 536);
  const SteadyTime start = b.timers.now();
  CHECK(b.connect() == Errc{});
  CHECK(b.since(start) < 1s);
}

TEST_CASE("segments: a server that accepts and stays silent costs one more try, once an hour") {
  DialerBench b;
  b.net.fits = 100;
  b.net.tls_stalls = true;
  b.net.shows = LineSymptom::silent;
  CHECK(b.connect() == Errc::timed_out);
  CHECK(b.net.tried == Sizes{0, 1220});
  CHECK(b.connect() == Errc::timed_out);
  CHECK(b.net.tried == Sizes{0, 1220, 0});
  b.run(b.timers.sleep(1h));
  CHECK(b.connect() == Errc::timed_out);
  CHECK(b.net.tried == Sizes{0, 1220, 0, 0, 1220});
}

TEST_CASE("segments: what is no stall is no reason") {
  DialerBench b;
  b.net.fits = 100;
  SECTION("refused") { b.net.refusal = std::make_exception_ptr(failure(Errc::unreachable, "connecting")); }
  SECTION("a stranger") { b.net.refusal = std::make_exception_ptr(failure(Errc::identity, "starting TLS")); }
  SECTION("no sign of it") {
    b.net.shows = LineSymptom::none;
    b.net.tls_stalls = true;
  }
  SECTION("a proxy that does not answer") {
    b.net.refusal = std::make_exception_ptr(proxy_error(ProxyTrouble::silent, ProxyPlace{}));
  }
  CHECK(b.connect() != Errc{});
  CHECK(b.net.tried == Sizes{0});
}

TEST_CASE("echo: what comes back is what went, or it is no answer") {
  World w;
  EchoStream good(SIZE_MAX);
  CHECK(w.error_of(echo(good, limits::kMaxPingBody)) == boost::system::error_code{});
  EchoStream empty(SIZE_MAX);
  CHECK(w.error_of(echo(empty, 0)) == boost::system::error_code{});
  const std::size_t changed = GENERATE(0, 5, 8, 12, 15, 16, 4000);
  EchoStream bad(SIZE_MAX, changed);
  CHECK(classify(w.error_of(echo(bad, 4096))) == Errc::protocol);
}
