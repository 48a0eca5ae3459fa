// What an agent makes of the address directories that it hears of.
#include "agent/address_book.hpp"

#include <catch2/catch.hpp>

#include "crypto/authority.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"
#include "wire/signed_document.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using wire::pb::Directory;
using Heard = AddressBook::Heard;

namespace {

struct World {
  asio::io_context io;
  sim::SimTimers timers;
  sim::SimClock clock{timers};
  SystemRandom random;
  sim::SimDisk disk;
  AgentState state{disk, "/state"};
  Authority root = Authority::make_root(SigningKey::generate(random), clock.wall(), random);
  Authority stranger = Authority::make_root(SigningKey::generate(random), clock.wall(), random);
  SigningKey key = SigningKey::generate(random);
  ServerId east = random.id<ServerId>(), west = random.id<ServerId>();
  AddressBook book{state, root.certificate(), clock};

  void pass(std::chrono::nanoseconds d) { sim::run(io, timers, timers.sleep(d)); }
  std::int64_t now() const { return clock.wall().time_since_epoch().count(); }
  static std::int64_t ns(std::chrono::nanoseconds d) { return d.count(); }
  // serial, and the pair's addresses: 192.0.2.<n>, 198.51.100.<n>
  Directory directory(std::uint64_t serial, int n) const {
    Directory d;
    d.set_serial(serial);
    d.set_valid_from_ns(now());
    auto* pair = d.add_pair();
    pair->mutable_primary()->set_server_id(east.raw());
    pair->mutable_primary()->set_name("east");
    pair->mutable_primary()->add_address("192.0.2." + std::to_string(n) + ":16384");
    pair->mutable_alternate()->set_server_id(west.raw());
    pair->mutable_alternate()->set_name("west");
    pair->mutable_alternate()->add_address("198.51.100." + std::to_string(n) + ":16384");
    return d;
  }
  // The same, to come in `wait`, with what is there before.
  Directory later(std::uint64_t serial, int n, const Directory& before, std::chrono::nanoseconds wait, std::chrono::nanoseconds overlap) const {
    Directory d = directory(serial, n);
    d.set_valid_from_ns(now() + ns(wait));
    d.set_overlap_until_ns(d.valid_from_ns() + ns(overlap));
    *d.add_before() = before.pair(0);
    return d;
  }
  wire::pb::SignedDirectory sign(const Directory& d, const Authority* by = nullptr) {
    const Authority& authority = by ? *by : root;
    const auto request = CertificateRequest::make(key);
    const std::vector<Certificate> chain{authority.issue_server(request, east, {}, Validity::starting(clock.wall(), 24h * 365), random)};
    const wire::Signer signer{key, chain};
    return wire::sign_directory(d, signer);
  }
  void register_with(const Directory& d) {
    const std::string bytes = sign(d).SerializeAsString();
    state.set_directory(as_bytes(bytes));
  }
  std::string line() const {
    std::string out;
    for (auto& t : book.pair()) out += (out.empty() ? "" : " ") + t.address.substr(0, t.address.find(':'));
    return out;
  }
};

}  // namespace

TEST_CASE("address book: an announced directory is kept, shown and not used before its time") {
  World w;
  const Directory first = w.directory(1, 1);
  w.register_with(first);
  CHECK(w.line() == "192.0.2.1 198.51.100.1");
  const auto signed_next = w.sign(w.later(2, 2, first, 24h, 48h));
  CHECK(w.book.hear(signed_next) == Heard::taken);
  CHECK(w.book.hear(signed_next) == Heard::known);
  CHECK(w.line() == "192.0.2.1 198.51.100.1");
  CHECK(w.book.serial() == 1);
  CHECK(w.book.announced() == 2);
  const auto all = w.book.destinations();
  REQUIRE(all.size() == 4);
  CHECK_FALSE(all[0].from);
  CHECK(all[2].address == "192.0.2.2:16384");
  CHECK(all[2].role == "primary");
  REQUIRE(all[2].from);
  CHECK(*all[2].from == w.clock.wall() + 24h);
  w.book.worked("192.0.2.2:16384");  // a probe ahead of time changes nothing
  CHECK(w.book.serial() == 1);
}

TEST_CASE("address book: how an announced address fared is kept as long as it is announced") {
  World w;
  const Directory first = w.directory(1, 1);
  w.register_with(first);
  REQUIRE(w.book.hear(w.sign(w.later(2, 2, first, 24h, 48h))) == Heard::taken);
  const auto of = [&](const std::string& address) {
    for (auto& d : w.book.destinations())
      if (d.address == address) return d;
    FAIL("there is no " << address);
    return AddressBook::Destination{};
  };
  CHECK_FALSE(of("192.0.2.2:16384").tried);
  w.book.tried("192.0.2.2:16384", "a firewall drops it");
  w.book.tried("198.51.100.2:16384", "");
  CHECK(of("192.0.2.2:16384").tried == w.clock.wall());
  CHECK(of("192.0.2.2:16384").problem == "a firewall drops it");
  CHECK(of("198.51.100.2:16384").tried);
  CHECK(of("198.51.100.2:16384").problem.empty());
  CHECK_FALSE(of("192.0.2.1:16384").tried);
  w.book.tried("192.0.2.2:16384", "");
  CHECK(of("192.0.2.2:16384").problem.empty());
  CHECK(w.state.endpoints().trial_size() == 2);
  w.pass(25h);
  CHECK_FALSE(of("192.0.2.2:16384").tried);  // in force: every session tries it
}

TEST_CASE("address book: from its time on the new addresses come first, and replace the old ones when one has worked") {
  World w;
  const Directory first = w.directory(1, 1);
  w.register_with(first);
  CHECK(w.book.hear(w.sign(w.later(2, 2, first, 1h, 2h))) == Heard::taken);
  w.pass(90min);
  CHECK(w.line() == "192.0.2.2 198.51.100.2 192.0.2.1 198.51.100.1");
  w.book.worked("192.0.2.1:16384");
  CHECK(w.book.serial() == 1);
  w.book.worked("198.51.100.2:16384");
  CHECK(w.book.serial() == 2);
  CHECK_FALSE(w.book.announced());
  CHECK(w.line() == "192.0.2.2 198.51.100.2 192.0.2.1 198.51.100.1");  // the old ones answer still
  w.pass(2h);
  CHECK(w.line() == "192.0.2.2 198.51.100.2");
}

TEST_CASE("address book: new addresses that never work leave the old ones in place for ever") {
  World w;
  const Directory first = w.directory(1, 1);
  w.register_with(first);
  CHECK(w.book.hear(w.sign(w.later(2, 2, first, 1h, 1h))) == Heard::taken);
  w.pass(1000h);
  CHECK(w.line() == "192.0.2.2 198.51.100.2 192.0.2.1 198.51.100.1");
}

TEST_CASE("address book: a directory that is older, forged, ambiguous or absurd changes nothing") {
  World w;
  const Directory first = w.directory(5, 1);
  w.register_with(first);
  CHECK(w.book.hear(w.sign(w.directory(4, 2))) == Heard::refused);
  CHECK(w.book.hear(w.sign(w.directory(5, 2))) == Heard::refused);
  CHECK(w.book.hear(w.sign(w.directory(6, 2), &w.stranger)) == Heard::refused);
  auto forged = w.sign(w.directory(6, 2));
  forged.mutable_directory()->back() = static_cast<char>(forged.directory().back() ^ 1);
  CHECK(w.book.hear(forged) == Heard::refused);
  for (const char* address : {"0.0.0.0:16384", "224.0.0.1:16384", "backup.example.net:16384", "127.0.0.1:16384", "192.0.2.1:0", ""}) {
    Directory d = w.directory(6, 2);
    d.mutable_pair(0)->mutable_primary()->set_address(0, address);
    CHECK(w.book.hear(w.sign(d)) == Heard::refused);
  }
  Directory nobody = w.directory(6, 2);
  nobody.mutable_pair(0)->mutable_primary()->clear_address();
  CHECK(w.book.hear(w.sign(nobody)) == Heard::refused);
  Directory net = w.directory(6, 2);
  net.mutable_pair(0)->mutable_primary()->add_subnet("192.0.2.1/24");
  CHECK(w.book.hear(w.sign(net)) == Heard::refused);
  CHECK(w.line() == "192.0.2.1 198.51.100.1");
  CHECK_FALSE(w.book.announced());
  CHECK(w.book.hear(w.sign(w.directory(6, 2))) == Heard::taken);  // nothing of that kept it from the right one
}

TEST_CASE("address book: a server that lags behind and shows the one in use is no danger") {
  World w;
  const Directory first = w.directory(1, 1);
  const auto signed_first = w.sign(first);
  const std::string bytes = signed_first.SerializeAsString();
  w.state.set_directory(as_bytes(bytes));
  CHECK(w.book.hear(w.sign(w.directory(2, 2))) == Heard::taken);
  CHECK(w.book.hear(signed_first) == Heard::known);
  CHECK(w.book.announced() == 2);
}

TEST_CASE("address book: the same addresses signed anew are taken at once") {
  World w;
  w.register_with(w.directory(1, 1));
  CHECK(w.book.hear(w.sign(w.directory(2, 1))) == Heard::taken);
  CHECK(w.book.serial() == 2);
  CHECK_FALSE(w.book.announced());
}

TEST_CASE("address book: registered between announcement and its time, the addresses before it are used") {
  World w;
  const Directory first = w.directory(1, 1);
  w.register_with(w.later(2, 2, first, 1h, 1h));
  CHECK(w.line() == "192.0.2.1 198.51.100.1");
  REQUIRE(w.book.destinations().size() == 4);
  CHECK(w.book.destinations()[2].from);
  w.pass(61min);
  CHECK(w.line() == "192.0.2.2 198.51.100.2 192.0.2.1 198.51.100.1");
}
