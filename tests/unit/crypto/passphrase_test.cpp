#include "crypto/passphrase.hpp"

#include <catch2/catch.hpp>

#include "helpers.hpp"

using namespace farkeep;

TEST_CASE("scrypt: the first three vectors of RFC 7914") {
  auto derive = [](std::string_view passphrase, std::string_view salt, ScryptCost cost) {
    return hex(detail::scrypt_at_any_cost(as_bytes(passphrase), as_bytes(salt), cost).view());
  };
  CHECK(derive("", "", {16, 1, 1}) ==
        "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d36"
        "28cf35"
        "e20c38d18906");
  CHECK(derive("password", "NaCl", {1024, 8, 16}) ==
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee"
        "6d8360"
        "cbdfa2cc0640");
  CHECK(derive("pleaseletmein", "SodiumChloride", {16384, 8, 1}) ==
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e"
        "40dfcf"
        "017b45575887");
}

TEST_CASE("scrypt: a cost below the floor is malformed, above the ceiling too large") {
  CHECK(check(ScryptCost{}));
  CHECK(check(ScryptCost{1 << 16, 8, 1}));
  CHECK(check(ScryptCost{1 << 19, 8, 4}));
  CHECK(check(ScryptCost{1 << 15, 8, 1}).error() == Errc::malformed);
  CHECK(check(ScryptCost{1 << 16, 7, 1}).error() == Errc::malformed);
  CHECK(check(ScryptCost{1 << 16, 8, 0}).error() == Errc::malformed);
  CHECK(check(ScryptCost{(1 << 17) + 1, 8, 1}).error() == Errc::malformed);
  CHECK(check(ScryptCost{0, 8, 1}).error() == Errc::malformed);
  CHECK(check(ScryptCost{1 << 20, 8, 1}).error() == Errc::too_large);
  CHECK(check(ScryptCost{1 << 19, 9, 1}).error() == Errc::too_large);
  CHECK(check(ScryptCost{1 << 16, 8, 5}).error() == Errc::too_large);
  CHECK(check(ScryptCost{1ull << 63, 1u << 31, 1}).error() == Errc::too_large);
  CHECK(check(ScryptCost{1 << 16, 1u << 31, 1}).error() == Errc::too_large);
}

TEST_CASE("scrypt: refuses to work at a cost outside the limits") {
  CHECK_THROWS_AS(scrypt(as_bytes("p"), as_bytes("s"), {1 << 15, 8, 1}), failure);
  CHECK_THROWS_AS(scrypt(as_bytes("p"), as_bytes("s"), {1 << 20, 8, 1}), failure);
}
