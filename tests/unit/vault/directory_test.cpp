// What a pair tells its agents about addresses.
#include "vault/directory.hpp"

#include <catch2/catch.hpp>

#include "unit/vault/serve_world.hpp"
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

TEST_CASE("directory: before there is one every server is primary, then the one that it names") {
  HalfPair w;
  CHECK(w.book.is_primary());
  auto content = w.now();
  CHECK(w.book.is_primary());
  content.mutable_pair(0)->mutable_primary()->Swap(content.mutable_pair(0)->mutable_alternate());
  w.east->registry().set_directory(wire::sign_directory(content, w.east->identity().signer()).SerializeAsString());
  CHECK_FALSE(w.book.is_primary());
}
