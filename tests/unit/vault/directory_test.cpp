// What a pair tells its agents about addresses.
#include "vault/directory.hpp"

#include <catch2/catch.hpp>

#include "base/limits.hpp"
#include "unit/vault/serve_world.hpp"
#include "wire/directory_rule.hpp"
#include "wire/message.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;
using wire::pb::Directory;

namespace {

// One data centre with a partner that is only a record.
struct HalfPair {
  Planet planet;
  std::unique_ptr<DataCentre> east = first_centre(planet, "10.0.0.2");
  ServerId west = planet.random.id<ServerId>();
  AddressDirectory book{east->registry(), east->identity(), planet.clock};

  HalfPair() {
    vault::pb::Partner partner;
    partner.set_server_id(west.raw());
    partner.set_name("west");
    partner.add_address("10.0.0.3:16384");
    east->registry().set_partner(partner);
  }
  Directory now() { return wire::verify_directory(book.current(), east->identity().root(), planet.clock.wall()).value(); }
  DirectoryOrder order(std::string primary, std::chrono::nanoseconds wait = 0s, std::chrono::nanoseconds overlap = 24h) {
    DirectoryOrder o;
    if (!primary.empty()) o.primary.addresses = {std::move(primary)};
    o.valid_from = planet.clock.wall() + wait;
    o.overlap = overlap;
    return o;
  }
  Errc publishing(DirectoryOrder o) {
    try {
      book.publish(o);
    } catch (const failure& f) {
      return classify(f.code());
    }
    return Errc{};
  }
};

}  // namespace

TEST_CASE("directory: on a full disk the one that is there is told, and a new one when there is room again") {
  HalfPair w;
  auto const first = w.now();
  auto partner = *w.east->registry().partner();
  partner.set_address(0, "10.0.0.4:16384");
  w.east->registry().set_partner(partner);
  w.east->disk().set_full(true);
  CHECK(w.now().SerializeAsString() == first.SerializeAsString());
  w.east->disk().set_full(false);
  CHECK(w.now().serial() == first.serial() + 1);
}

TEST_CASE("directory: published addresses stand beside those they replace, with the next serial, and stay what the operator said") {
  HalfPair w;
  auto const first = w.now();
  auto const made = w.book.publish(w.order("10.9.0.2:16384", 1h, 2h));
  CHECK(made.serial() == first.serial() + 1);
  auto const got = w.now();
  CHECK(got.SerializeAsString() == made.SerializeAsString());
  CHECK(got.pair(0).primary().address(0) == "10.9.0.2:16384");
  CHECK(got.pair(0).alternate().SerializeAsString() == first.pair(0).alternate().SerializeAsString());
  REQUIRE(got.before_size() == 1);
  CHECK(got.before(0).SerializeAsString() == first.pair(0).SerializeAsString());
  CHECK(got.overlap_until_ns() - got.valid_from_ns() == std::chrono::nanoseconds(2h).count());
  w.planet.pass(30s);
  CHECK(w.now().serial() == made.serial());  // its own addresses are others, and it is left alone
}

TEST_CASE("directory: two announcements on the way: what is in force is what was before the first") {
  HalfPair w;
  auto const first = w.now();
  w.book.publish(w.order("10.9.0.2:16384", 1h));
  auto const second = w.book.publish(w.order("10.9.9.2:16384", 2h));
  CHECK(second.before(0).primary().address(0) == first.pair(0).primary().address(0));
  w.planet.pass(3h);
  auto const third = w.book.publish(w.order("10.9.9.9:16384", 1h));
  CHECK(third.before(0).primary().address(0) == "10.9.9.2:16384");
}

TEST_CASE("directory: an order that changes nothing, or moves an alternate that is not there, is refused") {
  HalfPair w;
  static_cast<void>(w.now());
  CHECK(w.publishing(w.order("")) == Errc::usage);
  CHECK(w.publishing(w.order(w.now().pair(0).primary().address(0))) == Errc::usage);
  HalfPair alone;
  alone.east->registry().set_partner(vault::pb::Partner{});
  DirectoryOrder o = alone.order("");
  o.alternate.addresses = {"10.9.0.3:16384"};
  CHECK(alone.publishing(o) == Errc::usage);
}

TEST_CASE("directory: only the side that signs publishes; the other one adopts what is newer, and nothing forged") {
  HalfPair w;
  auto const made = w.book.publish(w.order("10.9.0.2:16384"));
  auto const signed_one = w.book.current();
  auto other = first_centre(w.planet, "10.0.0.9");  // a stranger with a root of its own
  AddressDirectory theirs{other->registry(), other->identity(), w.planet.clock};
  CHECK_FALSE(theirs.adopt(signed_one));

  // The same pair, seen from the west: its directory is the east's.
  auto const from_west = wire::parse_message<Directory>(signed_one.directory()).value();
  CHECK(from_west.pair(0).primary().server_id() != as_text(w.west.view()));
  auto forged = signed_one;
  forged.mutable_directory()->back() = static_cast<char>(forged.directory().back() ^ 1);
  CHECK_FALSE(w.book.adopt(forged));
  CHECK_FALSE(w.book.adopt(signed_one));  // known
  CHECK(w.now().serial() == made.serial());
}

namespace {

// With a field that nobody knows.
template <class Message>
Message padded(const Message& message, std::size_t size) {
  std::string field{"\xa2\x06"};  // 100, bytes
  for (auto n = size; ; n >>= 7) {
    field += static_cast<char>((n & 127) | (n > 127 ? 128 : 0));
    if (n <= 127) break;
  }
  Message out;
  REQUIRE(out.ParseFromString(message.SerializeAsString() + field + std::string(size, 'x')));
  return out;
}

}  // namespace

TEST_CASE("directory: what is adopted takes no more room than its fields may, whatever the sender puts beside them") {
  HalfPair w;
  auto next = w.now();
  next.set_serial(next.serial() + 1);
  auto const& identity = w.east->identity();
  auto word = w.book.root_word()->content;
  word.set_serial(word.serial() + 1);
  auto theirs = padded(wire::sign_directory(next, identity.signer()), 400'000);
  *theirs.mutable_root_word() = padded(wire::sign_root_word(word, identity.root_authority()->key()), 400'000);
  CHECK(w.book.adopt(theirs));
  CHECK(w.book.root_word()->serial() == word.serial());
  CHECK(w.east->registry().directory().size() < 8192);
  CHECK(w.east->registry().root_word().size() < 8192);
  CHECK(w.book.current().ByteSizeLong() < 16384);
  // Nor in what is signed, and an older version that took it does not hand it on.
  next.set_serial(next.serial() + 1);
  CHECK_FALSE(w.book.adopt(wire::sign_directory(padded(next, 200'000), identity.signer())));
  w.east->registry().set_directory(padded(wire::sign_directory(next, identity.signer()), 400'000).SerializeAsString());
  CHECK(w.now().serial() == next.serial());
  CHECK(w.book.current().ByteSizeLong() < 16384);
}

TEST_CASE("directory: where a server is: in force first, then what still answers, then what is announced") {
  HalfPair w;
  static_cast<void>(w.now());
  DirectoryOrder o = w.order("", 1h, 1h);
  o.alternate.addresses = {"10.9.0.3:16384"};
  w.book.publish(o);
  std::string const west = w.west.raw();
  CHECK(w.book.addresses_of(west) == std::vector<std::string>{"10.0.0.3:16384", "10.9.0.3:16384"});
  w.planet.pass(61min);
  CHECK(w.book.addresses_of(west) == std::vector<std::string>{"10.9.0.3:16384", "10.0.0.3:16384"});
  CHECK(w.book.addresses_of("nobody").empty());
}

TEST_CASE("directory: what an agent says it uses is noted, and a visit does not forget it") {
  HalfPair w;
  AgentId const agent = w.planet.random.id<AgentId>();
  w.east->registry().note_directory(agent, 7);
  w.east->registry().note_seen(agent, "10.1.0.1", "farkeep");
  CHECK(w.east->registry().seen(agent)->directory_serial() == 7);
  w.east->registry().note_directory(agent, 8);
  CHECK(w.east->registry().seen(agent)->directory_serial() == 8);
  CHECK(w.east->registry().seen(agent)->address() == "10.1.0.1");
}

TEST_CASE("directory: before there is one every server is primary; afterwards whom the root names, whatever lies on the disk") {
  HalfPair w;
  CHECK(w.book.is_primary());
  auto content = w.now();
  CHECK(w.book.is_primary());
  content.mutable_pair(0)->mutable_primary()->Swap(content.mutable_pair(0)->mutable_alternate());
  w.east->registry().set_directory(wire::sign_directory(content, w.east->identity().signer()).SerializeAsString());
  CHECK(w.book.is_primary());
  w.east->registry().set_root_word("");  // as the last version left it: there is no word of the root yet
  CHECK_FALSE(w.book.is_primary());
}

TEST_CASE("directory: the alternate's word that it is primary is not adopted, and the primary goes on publishing") {
  HalfPair w;
  auto const before = w.now();
  auto const key = SigningKey::generate(w.planet.random);
  auto const west_chain = std::vector<Certificate>{
      w.east->identity().root_authority()->issue_server(CertificateRequest::make(key), w.west, {}, Validity::starting(w.planet.clock.wall(), 24h), w.planet.random)};
  for (auto const serial : {before.serial() + 1, ~std::uint64_t{0}}) {
    Directory claim = before;
    claim.set_serial(serial);
    *claim.mutable_pair(0)->mutable_primary() = before.pair(0).alternate();
    claim.mutable_pair(0)->clear_alternate();
    CHECK_FALSE(w.book.adopt(wire::sign_directory(claim, wire::Signer{key, west_chain})));
    *claim.mutable_pair(0)->mutable_alternate() = before.pair(0).primary();
    CHECK_FALSE(w.book.adopt(wire::sign_directory(claim, wire::Signer{key, west_chain})));
  }
  CHECK(w.now().SerializeAsString() == before.SerializeAsString());
  CHECK(w.book.publish(w.order("10.9.0.2:16384")).serial() == before.serial() + 1);
}

TEST_CASE("directory: a poisoned serial on the disk is ignored, or put aside, and agents get one that they believe") {
  HalfPair w;
  auto const good = w.now();
  auto poison = good;
  poison.set_serial(~std::uint64_t{0});
  w.east->registry().set_directory(wire::sign_directory(poison, w.east->identity().signer()).SerializeAsString());
  CHECK(w.now().serial() <= wire::serial_ceiling(good.serial(), w.planet.clock.wall()));

  auto high = good;
  high.set_serial(good.serial() + 60'000);
  w.east->registry().set_directory(wire::sign_directory(high, w.east->identity().signer()).SerializeAsString());
  CHECK(w.book.set_aside() == high.serial());
  CHECK(w.now().serial() == high.serial() + 1);  // agents that took it believe that, and take nothing below it

  auto far = good;
  far.set_serial(good.serial() + (std::uint64_t{1} << 20));
  w.east->registry().set_directory(wire::sign_directory(far, w.east->identity().signer()).SerializeAsString());
  CHECK(w.book.set_aside() == far.serial());
  CHECK(w.now().serial() <= wire::serial_ceiling(0, w.planet.clock.wall()));  // nobody would believe what comes after it
}

TEST_CASE("directory: the side that is not the primary puts its copy aside and waits, a word of the root or not") {
  HalfPair w;
  auto theirs = w.now();
  theirs.mutable_pair(0)->mutable_primary()->Swap(theirs.mutable_pair(0)->mutable_alternate());
  w.east->registry().set_directory(wire::sign_directory(theirs, w.east->identity().signer()).SerializeAsString());
  w.east->registry().set_root_word("");
  CHECK(w.book.set_aside() == theirs.serial());
  CHECK(w.east->registry().directory() == "");
}

TEST_CASE("directory: set back, the pair does not give a serial again that agents have seen") {
  HalfPair w;
  auto const old = w.book.current().SerializeAsString();
  Registry::Enrolment enrolment;
  enrolment.token = w.east->token("acme");
  enrolment.name = "host";
  enrolment.key = to_string(SigningKey::generate(w.planet.random).public_key().view());
  auto const agent = *AgentId::from(w.east->registry().enrol(enrolment).id());
  auto last = w.now().serial();
  for (int i = 0; i < 5; ++i) last = w.book.publish(w.order("10.9.0." + std::to_string(10 + i) + ":16384")).serial();
  w.east->registry().note_directory(agent, last);
  w.east->registry().set_directory(old);
  CHECK(w.book.publish(w.order("10.9.0.77:16384")).serial() > last);
  w.east->registry().note_directory(agent, ~std::uint64_t{0});  // a lie moves nothing
  CHECK(w.book.publish(w.order("10.9.0.78:16384")).serial() <= last + 2);
}

TEST_CASE("directory: made while the clock was ahead, it is made again when it is right") {
  HalfPair w;
  auto const good = w.now();
  auto ahead = good;
  ahead.set_serial(good.serial() + 1);
  ahead.set_valid_from_ns(good.valid_from_ns() + std::chrono::nanoseconds{24h * 700}.count());
  w.east->registry().set_directory(wire::sign_directory(ahead, w.east->identity().signer()).SerializeAsString());
  CHECK(w.now().serial() > ahead.serial());
  CHECK(w.now().valid_from_ns() == good.valid_from_ns());
}

TEST_CASE("directory: however often agents ask, the disk is asked whether something changed, and nothing more") {
  HalfPair w;
  auto const first = w.now();
  w.now();  // it was made by the first
  auto& disk = w.east->disk();
  auto const before = disk.bytes_read();
  for (int i = 0; i < 100; ++i) REQUIRE(w.now().serial() == first.serial());
  CHECK(disk.bytes_read() - before <= 100 * 32);
  // What another process says counts at once.
  Registry other{disk, w.planet.clock, w.planet.random, "/data/registry"};
  auto partner = *other.partner();
  partner.set_address(0, "10.0.0.4:16384");
  other.set_partner(partner);
  CHECK(w.now().serial() == first.serial() + 1);
  // What rotted is met within a minute.
  auto const file = std::string{"/data/registry/root-word"};
  w.now();
  auto const word = disk.content(file);
  auto spoilt = word;
  spoilt[spoilt.size() / 2] ^= 1;
  disk.set_content(file, spoilt);
  w.planet.pass(1min);
  w.now();
  CHECK(disk.content(file) == word);
}

TEST_CASE("directory: a new root is told in its own word; the old one acts no more, and is retired when the new one says so") {
  HalfPair w;
  static_cast<void>(w.now());
  auto const& old = *w.east->identity().root_authority();
  auto const code = [](auto act) {
    try {
      act();
    } catch (const failure& f) {
      return classify(f.code());
    }
    return Errc{};
  };
  auto const now = w.planet.clock.wall();
  auto const next = Authority::make_root(SigningKey::generate(w.planet.random), now, w.planet.random);
  w.book.follow_root(old, next, w.planet.random);
  auto const word = w.book.root_word();
  REQUIRE(word.has_value());
  CHECK(*word->newest() == next.certificate());
  CHECK(word->pair_of(w.east->identity().id().raw()).has_value());
  CHECK(code([&] { w.book.follow_root(old, next, w.planet.random); }) == Errc::usage);
  wire::pb::Revoked what;
  what.set_key(to_string(old.key().public_key().view()));
  CHECK(code([&] { w.book.revoke(old, what); }) == Errc::usage);
  // The key of the old root that lies on the server keeps nothing true any more.
  vault::pb::Partner partner;
  partner.set_server_id(w.planet.random.id<ServerId>().raw());
  w.east->registry().set_partner(partner);
  static_cast<void>(w.book.current());
  CHECK(w.book.root_word()->serial() == word->serial());

  // What agents hear, whatever they pin; the directory is under the old root still.
  auto const told = w.book.current();
  for (auto const& pin : {old.certificate(), next.certificate()}) {
    auto const heard = wire::stored_root_word(wire::newer_root_word("", told.root_word(), pin), pin);
    REQUIRE(heard.has_value());
    CHECK(wire::verify_directory(told, heard->roots, now).has_value());
  }
  w.book.revoke(next, what);
  auto const after = wire::stored_root_word(w.east->registry().root_word(), next.certificate());
  REQUIRE(after.has_value());
  wire::KnownDirectory known;
  known.word = &*after;
  std::string why;
  CHECK_FALSE(wire::believable_directory(told, known, after->roots, now, why).has_value());
  CHECK(why.find("older root") != std::string::npos);
  // Four are all.
  auto last = Authority::make_root(SigningKey::generate(w.planet.random), now, w.planet.random);
  w.book.follow_root(next, last, w.planet.random);
  auto fourth = Authority::make_root(SigningKey::generate(w.planet.random), now, w.planet.random);
  w.book.follow_root(last, fourth, w.planet.random);
  CHECK(code([&] { w.book.follow_root(fourth, Authority::make_root(SigningKey::generate(w.planet.random), now, w.planet.random), w.planet.random); }) == Errc::too_large);
  CHECK(wire::trusted_roots(w.east->registry().root_word(), old.certificate()).all().size() == kMaxRoots);
  CHECK(w.book.current().ByteSizeLong() < limits::kMaxFrameHead);
}

namespace {

// A server that holds the root's key, and a thief's server that the root took back.
struct RevokedServer : HalfPair {
  RevokedServer() {
    (void)book.current();
    wire::pb::Revoked what;
    what.set_server_id(thief.raw());
    book.revoke(*east->identity().root_authority(), what);
    said = east->registry().root_word();
  }
  void spoil(const char* name) {
    auto const file = std::string{"/data/registry/"} + name;
    auto bytes = east->disk().content(file);
    bytes[bytes.size() / 2] ^= 1;
    east->disk().set_content(file, bytes);
  }
  bool is_revoked(Registry& registry) {
    auto const word = wire::stored_root_word(registry.root_word(), east->identity().roots());
    return word && word->content.revoked_size() == 1;
  }
  ServerId thief = planet.random.id<ServerId>();
  std::string said;
};

}  // namespace

TEST_CASE("root's word: one copy that rots or is gone is told and made anew from the other") {
  for (bool const gone : {false, true})
    for (auto const* name : {"root-word", "root-word.copy"}) {
      INFO(name << gone);
      RevokedServer w;
      auto const file = std::string{"/data/registry/"} + name;
      auto const before = w.east->disk().content(file);
      if (gone) w.east->disk().remove(file);
      else w.spoil(name);
      Registry restarted{w.east->disk(), w.planet.clock, w.planet.random, "/data/registry"};
      CHECK(w.is_revoked(restarted));
      if (!gone) CHECK(w.east->registry().damaged() == std::vector<std::string>{name});
      w.planet.pass(1min);
      (void)w.book.current();
      CHECK(w.east->disk().content(file) == before);
    }
}

TEST_CASE("root's word: lost altogether, a server says none in its place, revocations included, until the partner brings it") {
  RevokedServer w;
  auto const kept = value_or_throw(wire::parse_message<wire::pb::SignedRootWord>(w.said), "test");
  for (auto const* name : {"root-word", "root-word.copy"}) w.spoil(name);
  CHECK(w.is_revoked(w.east->registry()));  // a process that read it before still knows
  Registry restarted{w.east->disk(), w.planet.clock, w.planet.random, "/data/registry"};
  restarted.sign_as(w.east->identity());
  AddressDirectory book{restarted, w.east->identity(), w.planet.clock};
  w.planet.pass(2h);
  CHECK_FALSE(book.current().has_root_word());
  wire::pb::Revoked what;
  what.set_server_id(w.planet.random.id<ServerId>().raw());
  CHECK_THROWS_WITH(book.revoke(*w.east->identity().root_authority(), what), Catch::Contains("registry/root-word") && Catch::Contains("partner"));
  wire::pb::SignedDirectory theirs;
  *theirs.mutable_root_word() = kept;
  (void)book.adopt(theirs);
  CHECK(w.is_revoked(restarted));
  CHECK(restarted.damaged().empty());
  CHECK(book.current().root_word().SerializeAsString() == kept.SerializeAsString());
}

TEST_CASE("root's word: a process that knows it writes it again when both copies have rotted") {
  RevokedServer w;
  for (auto const* name : {"root-word", "root-word.copy"}) w.spoil(name);
  CHECK(w.is_revoked(w.east->registry()));
  w.planet.pass(1min);
  (void)w.book.current();
  CHECK(w.east->registry().damaged().empty());
  CHECK(w.east->registry().root_word() == w.said);
}

TEST_CASE("root's word: a server that does not sign the directory makes a bad copy anew, too, from what it knows or hears") {
  RevokedServer w;
  auto const file = std::string{"/data/registry/root-word.copy"};
  auto const before = w.east->disk().content(file);
  w.spoil("root-word.copy");
  wire::pb::SignedDirectory theirs;
  *theirs.mutable_root_word() = value_or_throw(wire::parse_message<wire::pb::SignedRootWord>(w.said), "test");
  (void)w.book.adopt(theirs);  // nothing new in it
  CHECK(w.east->disk().content(file) == before);
}
