#include "crypto/secret.hpp"

#include <catch2/catch.hpp>
#include <new>
#include <type_traits>

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
