#include "crypto/signature.hpp"

#include <catch2/catch.hpp>

#include "crypto/x25519.hpp"
#include "helpers.hpp"

using namespace farkeep;
using namespace farkeep::testing;

TEST_CASE("ed25519: the first three tests of RFC 8032") {
  struct Case {
    const char *seed, *public_key, *message, *signature;
  };
  const Case cases[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
       "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
       "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
       "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
  };
  for (const auto& c : cases) {
    auto key = SigningKey::from_seed(*SecretKey::from(bytes(c.seed)));
    CHECK(hex(key.public_key().view()) == c.public_key);
    auto signature = key.sign(bytes(c.message));
    CHECK(hex(signature) == c.signature);
    CHECK(key.public_key().verify(bytes(c.message), signature));
  }
}

TEST_CASE("ed25519: a changed bit of message, signature or key does not verify") {
  CountingRandom random;
  auto key = SigningKey::generate(random);
  auto message = to_buffer(as_bytes("a manifest"));
  auto signature = key.sign(message);
  auto verify_key = key.public_key();
  REQUIRE(verify_key.verify(message, signature));
  for (auto& b : message) {
    b ^= 1;
    CHECK_FALSE(verify_key.verify(message, signature));
    b ^= 1;
  }
  for (auto& b : signature) {
    b ^= 1;
    CHECK_FALSE(verify_key.verify(message, signature));
    b ^= 1;
  }
  for (auto& b : verify_key.bytes) {
    b ^= 1;
    CHECK_FALSE(verify_key.verify(message, signature));
    b ^= 1;
  }
  CHECK_FALSE(verify_key.verify(message, ByteView{signature}.first(63)));
  CHECK_FALSE(verify_key.verify(message, {}));
  CHECK(verify_key.verify(message, signature));
}

TEST_CASE("ed25519: PKCS #8 comes back, and nothing else is read as a key") {
  CountingRandom random;
  auto key = SigningKey::generate(random);
  auto pem = key.to_pem();
  CHECK(pem.text().starts_with("-----BEGIN PRIVATE KEY-----\n"));
  CHECK(SigningKey::from_pem(pem.text())->public_key() == key.public_key());
  CHECK(SigningKey::from_pem("").error() == Errc::malformed);
  CHECK(SigningKey::from_pem(pem.text().substr(0, pem.text().size() / 2)).error() == Errc::malformed);
  CHECK(SigningKey::from_pem(std::string(5000, 'A')).error() == Errc::too_large);
  CHECK(SigningKey::from_pem(X25519PrivateKey::generate(random).to_pem().text()).error() == Errc::malformed);
  CHECK(X25519PrivateKey::from_pem(pem.text()).error() == Errc::malformed);
}

TEST_CASE("ed25519: an encrypted key is malformed, and nobody is asked for a passphrase") {
  // openssl genpkey -algorithm ed25519 -aes256 -pass pass:x
  CHECK(SigningKey::from_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                             "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjqCwW+l8fT9AICCAAw\n"
                             "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEM8flQKbdOIf2MXo72eLwd0EQHw7\n"
                             "1mTWN3A4UhrDLTVZzIhy9FZP5ThuR+1lQcjDpIovzztc9xMNaMkhd2Rp6x792A/d\n"
                             "U3tKb+NQA0P4S/bc2+c=\n"
                             "-----END ENCRYPTED PRIVATE KEY-----\n")
            .error() == Errc::malformed);
}

TEST_CASE("x25519: the vectors of RFC 7748") {
  auto agree = [](const char* scalar, const char* point) {
    auto key = X25519PrivateKey::from_secret(*SecretKey::from(bytes(scalar)));
    return hex(key.agree(*X25519PublicKey::from(bytes(point))).value().view());
  };
  CHECK(agree("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
              "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c") ==
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  CHECK(agree("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
              "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493") ==
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
  const char* alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
  const char* bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
  const char* alice_public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
  const char* bob_public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
  CHECK(hex(X25519PrivateKey::from_secret(*SecretKey::from(bytes(alice))).public_key().view()) == alice_public);
  CHECK(agree(alice, bob_public) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  CHECK(agree(bob, alice_public) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST_CASE("x25519: points that make every secret zero are refused") {
  CountingRandom random;
  auto key = X25519PrivateKey::generate(random);
  for (auto point : {"0000000000000000000000000000000000000000000000000000000000000000",
                     "0100000000000000000000000000000000000000000000000000000000000000",
                     "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                     "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"})
    CHECK(key.agree(*X25519PublicKey::from(bytes(point))).error() == Errc::malformed);
}

TEST_CASE("x25519: PKCS #8 comes back") {
  CountingRandom random;
  auto key = X25519PrivateKey::generate(random);
  CHECK(X25519PrivateKey::from_pem(key.to_pem().text())->public_key() == key.public_key());
}
