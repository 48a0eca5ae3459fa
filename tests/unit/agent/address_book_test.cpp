// What an agent makes of the address directories that it hears of.
#include "agent/address_book.hpp"

#include <catch2/catch.hpp>

#include "agent/heads.hpp"
#include "crypto/authority.hpp"
#include "sim_state.hpp"
#include "wire/directory_rule.hpp"
#include "wire/signed_document.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using wire::pb::Directory;
using Heard = AddressBook::Heard;

namespace {

struct BookWorld : test::SimState {
  Authority root = Authority::make_root(SigningKey::generate(random), clock.wall(), random);
  Authority stranger = Authority::make_root(SigningKey::generate(random), clock.wall(), random);
  SigningKey key = SigningKey::generate(random);
  ServerId east = random.id<ServerId>(), west = random.id<ServerId>();
  AddressBook book{state, root.certificate(), clock};

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
  wire::pb::SignedDirectory sign(const Directory& d, const Authority* by = nullptr, const ServerId* signer_id = nullptr) {
    const Authority& authority = by ? *by : root;
    const auto request = CertificateRequest::make(key);
    const std::vector<Certificate> chain{authority.issue_server(request, signer_id ? *signer_id : east, {}, Validity::starting(clock.wall(), 24h * 365), random)};
    const wire::Signer signer{key, chain};
    return wire::sign_directory(d, signer);
  }
  // The same pair after the west has taken over, or with another alternate.
  Directory pair_of(std::uint64_t serial, const ServerId& primary, const ServerId& alternate) const {
    Directory d = directory(serial, 7);
    d.mutable_pair(0)->mutable_primary()->set_server_id(primary.raw());
    d.mutable_pair(0)->mutable_alternate()->set_server_id(alternate.raw());
    return d;
  }
  wire::pb::SignedRootWord word(std::uint64_t serial, const ServerId& primary, const ServerId& alternate, std::optional<ServerId> revoked = {}, const Authority* by = nullptr) {
    wire::pb::RootWord w;
    w.set_serial(serial);
    auto* pair = w.add_pair();
    pair->set_primary(primary.raw());
    pair->set_alternate(alternate.raw());
    if (revoked) w.add_revoked()->set_server_id(revoked->raw());
    return wire::sign_root_word(w, by ? by->key() : root.key());
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
  BookWorld w;
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
  BookWorld w;
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
  BookWorld w;
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
  BookWorld w;
  const Directory first = w.directory(1, 1);
  w.register_with(first);
  CHECK(w.book.hear(w.sign(w.later(2, 2, first, 1h, 1h))) == Heard::taken);
  w.pass(1000h);
  CHECK(w.line() == "192.0.2.2 198.51.100.2 192.0.2.1 198.51.100.1");
}

TEST_CASE("address book: a directory that is older, forged, ambiguous or absurd changes nothing") {
  BookWorld w;
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
  BookWorld w;
  const Directory first = w.directory(1, 1);
  const auto signed_first = w.sign(first);
  const std::string bytes = signed_first.SerializeAsString();
  w.state.set_directory(as_bytes(bytes));
  CHECK(w.book.hear(w.sign(w.directory(2, 2))) == Heard::taken);
  CHECK(w.book.hear(signed_first) == Heard::known);
  CHECK(w.book.announced() == 2);
}

TEST_CASE("address book: the same addresses signed anew are taken at once") {
  BookWorld w;
  w.register_with(w.directory(1, 1));
  CHECK(w.book.hear(w.sign(w.directory(2, 1))) == Heard::taken);
  CHECK(w.book.serial() == 2);
  CHECK_FALSE(w.book.announced());
}

TEST_CASE("address book: registered between announcement and its time, the addresses before it are used") {
  BookWorld w;
  const Directory first = w.directory(1, 1);
  w.register_with(w.later(2, 2, first, 1h, 1h));
  CHECK(w.line() == "192.0.2.1 198.51.100.1");
  REQUIRE(w.book.destinations().size() == 4);
  CHECK(w.book.destinations()[2].from);
  w.pass(61min);
  CHECK(w.line() == "192.0.2.2 198.51.100.2 192.0.2.1 198.51.100.1");
}

TEST_CASE("address book: another server of the pair does not make itself primary, nor drop anybody, whatever serial it gives") {
  BookWorld w;
  w.register_with(w.directory(1, 1));
  for (const std::uint64_t serial : {std::uint64_t{2}, std::uint64_t{5'000}, ~std::uint64_t{0}}) {
    CHECK(w.book.hear(w.sign(w.pair_of(serial, w.west, ServerId{}), nullptr, &w.west)) == Heard::refused);
    CHECK(w.book.hear(w.sign(w.pair_of(serial, w.west, w.east), nullptr, &w.west)) == Heard::refused);
    CHECK(w.book.hear(w.sign(w.directory(serial, 2), nullptr, &w.west)) == Heard::refused);  // the east's pair, signed by the west
  }
  CHECK(w.line() == "192.0.2.1 198.51.100.1");
  CHECK(w.book.hear(w.sign(w.directory(2, 2))) == Heard::taken);  // the east's own word
}

TEST_CASE("address book: a serial far beyond what time and knowledge explain is refused, up to the last number") {
  BookWorld w;
  w.register_with(w.directory(1, 1));
  const std::uint64_t most = wire::serial_ceiling(1, w.clock.wall());
  CHECK(w.book.hear(w.sign(w.directory(most + 1, 2))) == Heard::refused);
  CHECK(w.book.hear(w.sign(w.directory(~std::uint64_t{0}, 2))) == Heard::refused);
  CHECK(w.book.hear(w.sign(w.directory(most, 2))) == Heard::taken);
}

TEST_CASE("address book: a server leaves the pair, and another becomes primary, by the root's word alone") {
  BookWorld w;
  w.register_with(w.directory(1, 1));
  const ServerId north = w.random.id<ServerId>();
  auto next = w.sign(w.pair_of(2, w.east, north));
  CHECK(w.book.hear(next) == Heard::refused);
  *next.mutable_root_word() = w.word(1, w.east, north, {}, &w.stranger);
  CHECK(w.book.hear(next) == Heard::refused);
  *next.mutable_root_word() = w.word(1, w.east, north);
  CHECK(w.book.hear(next) == Heard::taken);

  // The east is gone for good: the root names the north as primary.
  auto last = w.sign(w.pair_of(3, north, w.west), nullptr, &north);
  CHECK(w.book.hear(last) == Heard::refused);
  *last.mutable_root_word() = w.word(2, north, w.west, w.east);
  CHECK(w.book.hear(last) == Heard::taken);
  auto revoked = w.sign(w.directory(4, 4));
  *revoked.mutable_root_word() = w.word(1, w.east, north);  // older than what is known: it says nothing any more
  CHECK(w.book.hear(revoked) == Heard::refused);
}

TEST_CASE("address book: what a hostile server once put there is healed by the root's word") {
  BookWorld w;
  const std::string poison = w.sign(w.pair_of(~std::uint64_t{0}, w.west, ServerId{}), nullptr, &w.west).SerializeAsString();
  w.state.set_directory(as_bytes(poison));
  auto right = w.sign(w.directory(9'000, 1));
  CHECK(w.book.hear(right) == Heard::refused);
  *right.mutable_root_word() = w.word(1, w.east, w.west);
  CHECK(w.book.hear(right) == Heard::taken);
  CHECK(w.book.announced() == 9'000);
}

TEST_CASE("address book: a pair of one gets its alternate by the primary's word") {
  BookWorld w;
  Directory alone = w.directory(1, 1);
  alone.mutable_pair(0)->clear_alternate();
  w.register_with(alone);
  CHECK(w.book.hear(w.sign(w.directory(2, 1))) == Heard::taken);
}

TEST_CASE("address book: a directory with a name or networks that no data centre has is refused, and one that an older version took is shown in short") {
  BookWorld w;
  Directory first = w.directory(1, 1);
  first.mutable_pair(0)->mutable_alternate()->set_name(std::string(100'000, 'w'));
  w.register_with(first);
  CHECK(w.book.pair().back().name.size() < 150);
  Directory next = w.directory(2, 2);
  next.mutable_pair(0)->mutable_primary()->set_name(std::string(65, 'e'));
  CHECK(w.book.hear(w.sign(next)) == Heard::refused);
  next = w.directory(2, 2);
  for (int i = 0; i < 65; ++i) next.mutable_pair(0)->mutable_primary()->add_subnet("192.0.2.0/24");
  CHECK(w.book.hear(w.sign(next)) == Heard::refused);
  next = w.directory(2, 2);
  next.mutable_pair(0)->mutable_primary()->set_name(std::string(64, 'e'));
  CHECK(w.book.hear(w.sign(next)) == Heard::taken);
}

TEST_CASE("address book: the alarm of a server that was replaced ends when the directory without it is in force") {
  BookWorld w;
  const Directory first = w.pair_of(1, w.east, w.west);
  w.register_with(first);
  Heads heads(w.state);
  REQUIRE(heads.alarm(ServerTarget{w.west, "west", "198.51.100.7:16384"}, "it was set back", w.clock.wall()));
  heads.pin(w.west, Head{9, Digest{}, {}}, "west");
  REQUIRE(heads.alarm(ServerTarget{w.west, "west", "198.51.100.7:16384"}, "it was set back", w.clock.wall()));
  REQUIRE(heads.alarm(ServerTarget{w.east, "east", "192.0.2.7:16384"}, "it lies", w.clock.wall()));
  CHECK(history_alarms(w.state).size() == 2);

  const ServerId north = w.random.id<ServerId>();
  auto replaced = w.sign(w.pair_of(2, w.east, north));
  *replaced.mutable_root_word() = w.word(1, w.east, north);
  REQUIRE(w.book.hear(replaced) == Heard::taken);
  CHECK(history_alarms(w.state).size() == 2);  // its addresses have not worked yet
  w.book.worked("192.0.2.7:16384");
  REQUIRE(history_alarms(w.state).size() == 1);
  CHECK(Heads(w.state).is_alarmed(w.east));
  CHECK(heads.pinned(w.west).sequence == 9);
  CHECK(w.state.pins().pin(0).alarm().empty());
}

TEST_CASE("address book: an alarm of a server that was replaced before is counted by nobody, and the next look ends it") {
  BookWorld w;
  w.register_with(w.pair_of(1, w.east, w.west));
  Heads heads(w.state);
  REQUIRE(heads.alarm(ServerTarget{w.west, "west", "198.51.100.7:16384"}, "it was set back", w.clock.wall()));
  w.register_with(w.pair_of(2, w.east, w.random.id<ServerId>()));
  CHECK(history_alarms(w.state).empty());
  CHECK_FALSE(heads.alarm(ServerTarget{w.west, "west", "198.51.100.7:16384"}, "it was set back further", w.clock.wall()));
  heads.forget_alarms_of_others();
  CHECK(w.state.pins().pin(0).alarm().empty());
}

TEST_CASE("address book: of a hundred new addresses three are tried before those that are in use") {
  BookWorld w;
  const Directory first = w.directory(1, 1);
  w.register_with(first);
  Directory next = w.later(2, 2, first, 0h, 48h);
  for (int i = 10; i < 70; ++i) next.mutable_pair(0)->mutable_primary()->add_address("192.0.2." + std::to_string(i) + ":16384");
  REQUIRE(w.book.hear(w.sign(next)) == Heard::taken);
  CHECK(w.line().starts_with("192.0.2.2 192.0.2.10 192.0.2.11 192.0.2.1 198.51.100.1 192.0.2.12 "));
  w.book.worked("192.0.2.2:16384");
  CHECK(w.line().starts_with("192.0.2.2 192.0.2.10 192.0.2.11 192.0.2.12 "));
}

TEST_CASE("address book: a directory that has rotted is used, and the right one with its serial takes its place") {
  BookWorld w;
  const auto right = w.sign(w.directory(3, 1));
  const auto rotten = [&](const std::string& from, const std::string& to) {
    std::string bytes = right.SerializeAsString();
    bytes.replace(bytes.find(from), from.size(), to);
    return bytes;
  };
  SECTION("an address") {
    w.state.set_directory(as_bytes(rotten("192.0.2.1:", "192.0.2.9:")));
    CHECK(w.line() == "192.0.2.9 198.51.100.1");
    REQUIRE(w.book.hear(right) == Heard::taken);
    CHECK(w.line() == "192.0.2.1 198.51.100.1 192.0.2.9");
    w.book.worked("198.51.100.1:16384");
    CHECK(w.line() == "192.0.2.1 198.51.100.1");
    CHECK(w.book.hear(right) == Heard::known);
  }
  SECTION("the signature alone") {
    std::string bytes = right.SerializeAsString();
    bytes.replace(bytes.find(right.signature()), 4, "xxxx");
    w.state.set_directory(as_bytes(bytes));
    CHECK(w.book.hear(right) == Heard::taken);
    CHECK(w.book.hear(right) == Heard::known);
  }
  SECTION("the announced one") {
    const Directory first = w.directory(1, 1);
    w.register_with(first);
    const auto next = w.sign(w.later(3, 2, first, 24h, 48h));
    REQUIRE(w.book.hear(next) == Heard::taken);
    std::string bytes = next.SerializeAsString();
    bytes.replace(bytes.find("192.0.2.2:"), 10, "192.0.2.9:");
    w.state.set_next_directory(as_bytes(bytes));
    CHECK(w.book.hear(next) == Heard::taken);
    CHECK(w.book.hear(next) == Heard::known);
  }
  SECTION("one whose signer has expired since is whole") {
    w.state.set_directory(as_bytes(right.SerializeAsString()));
    w.pass(24h * 900);
    CHECK(w.book.hear(w.sign(w.directory(3, 2))) == Heard::refused);
  }
}
