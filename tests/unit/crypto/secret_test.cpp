#include "crypto/secret.hpp"

#include <catch2/catch.hpp>
#include <new>
#include <type_traits>

#include "crypto/locked_key.hpp"
#include "helpers.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& t) {
  out << t;
};

/// The bytes where an object was; volatile, because the compiler believes that nobody may look there.
Buffer remains(const unsigned char* at, std::size_t size) {
  Buffer out;
  const volatile unsigned char* p = at;
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(p[i]));
  return out;
}

}  // namespace

TEST_CASE("secret: neither copied by accident, nor printed, nor compared") {
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<SecretKey>);
  STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<SecretKey>);
  STATIC_REQUIRE_FALSE(Printable<SecretKey>);
  STATIC_REQUIRE_FALSE(std::equality_comparable<SecretKey>);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<SecretText>);
  STATIC_REQUIRE_FALSE(Printable<SecretText>);
}

TEST_CASE("secret: from takes exactly its size") {
  auto raw = counting<33>(1);
  CHECK(equal(SecretKey::from(ByteView{raw}.first(32))->view(), ByteView{raw}.first(32)));
  CHECK_FALSE(SecretKey::from(ByteView{raw}.first(31)));
  CHECK_FALSE(SecretKey::from(raw));
}

TEST_CASE("secret: wiped when moved from, and kept when moved to itself") {
  auto a = counting_secret<32>(1);
  auto b = std::move(a);
  CHECK(equal(a.view(), Buffer(32, 0)));
  CHECK(equal(b.view(), counting<32>(1)));
  SecretKey c;
  c = std::move(b);
  CHECK(equal(b.view(), Buffer(32, 0)));
  CHECK(equal(c.view(), counting<32>(1)));
  auto& same = c;
  c = std::move(same);
  CHECK(equal(c.view(), counting<32>(1)));
  CHECK(equal(c.copy().view(), c.view()));
}

TEST_CASE("secret: wiped when destroyed") {
  alignas(SecretKey) unsigned char place[sizeof(SecretKey)];
  auto* key = new (place) SecretKey(counting_secret<32>(1));
  REQUIRE(remains(place, sizeof place) == to_buffer(counting<32>(1)));
  key->~SecretKey();
  CHECK(remains(place, sizeof place) == Buffer(sizeof place, 0));
}

TEST_CASE("secret text: moves without leaving a copy") {
  SecretText a{"a passphrase that is longer than a small string"};
  auto* bytes_before = a.text().data();
  SecretText b = std::move(a);
  CHECK(a.empty());
  CHECK(a.text().empty());
  CHECK(b.text().data() == bytes_before);
  SecretText c{"x"};
  c = std::move(b);
  CHECK(b.empty());
  CHECK(c.text() == "a passphrase that is longer than a small string");
  CHECK(SecretText{}.empty());
}

TEST_CASE("system random: fills everything, and not with the same") {
  SystemRandom random;
  auto a = random.secret<32>(), b = random.secret<32>();
  CHECK_FALSE(equal(a.view(), b.view()));
  CHECK_FALSE(equal(a.view(), Buffer(32, 0)));
}

TEST_CASE("locked key: it is locked as long as there is room, moves without a copy, and its place is wiped and given again") {
  LockedKey key(counting_secret<32>(1));
  CHECK(equal(key->view(), counting<32>(1)));
  if (!key.is_locked()) WARN("the system locks no memory here");
  const bool can = key.is_locked();
  const auto* place = key->view().data();
  LockedKey moved = std::move(key);
  CHECK(moved->view().data() == place);
  CHECK(moved.is_locked() == can);
  {
    std::vector<LockedKey> many;
    for (int i = 0; i < 2000; ++i) many.emplace_back(counting_secret<32>(static_cast<std::uint8_t>(i)));
    CHECK_FALSE(many.back().is_locked());  // more than there is room for: still keys
    for (int i = 0; i < 2000; ++i) REQUIRE(equal(many[static_cast<std::size_t>(i)]->view(), counting<32>(static_cast<std::uint8_t>(i))));
    CHECK(equal(moved->view(), counting<32>(1)));
  }
  const LockedKey again;
  CHECK(again.is_locked() == can);
  CHECK(equal(again->view(), Buffer(32, 0)));
}
