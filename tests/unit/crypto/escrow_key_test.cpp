// The organisation's key in files: what farkeep-deploy writes, and what the openssl command wrote.
#include <catch2/catch.hpp>

#include "crypto/key_slot.hpp"
#include "helpers.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

EscrowPrivateKey organisation() { return EscrowPrivateKey::from_secret(counting_secret<32>(0x80)); }

// openssl pkey -pubout
const std::string kPublic =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VuAyEAST6C/HRGSlkmiBdiPSBTxeuOLMSpiLT+4XnsawENUx0=\n"
    "-----END PUBLIC KEY-----\n";
// openssl pkcs8 -topk8 -scrypt, with the passphrase "correct horse"
const std::string kSealed =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAg/+8PC+PpadAICQAAC\n"
    "AQgCAQEwHQYJYIZIAWUDBAEqBBAmRZRxbHTbu6SrdDVQ06/LBEDdF5JNLZh/wQT7\n"
    "y8woKtY5dVBUmONB/XNgME5oDeIQOOdesjOAleLpi6+CwsPniVytNix92A1BvzR1\n"
    "A8ChVSZb\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

}  // namespace

TEST_CASE("escrow key: the public half is written and read as openssl does it") {
  CHECK(organisation().public_key().to_pem() == kPublic);
  CHECK(EscrowPublicKey::from_pem(kPublic).value() == organisation().public_key());
}

TEST_CASE("escrow key: another type of key, a private one and half a file are no public key") {
  const std::string ed25519 =
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAST6C/HRGSlkmiBdiPSBTxeuOLMSpiLT+4XnsawENUx0=\n-----END PUBLIC KEY-----\n";
  const SecretText whole = organisation().to_pem();
  for (std::string_view text : {std::string_view{ed25519}, whole.text(), std::string_view{kPublic}.substr(0, 80), std::string_view{}})
    CHECK(EscrowPublicKey::from_pem(text).error() == make_error_code(Errc::malformed));
  CHECK(EscrowPublicKey::from_pem(std::string(5000, ' ')).error() == make_error_code(Errc::too_large));
}

TEST_CASE("escrow key: a key that openssl encrypted opens with its passphrase only") {
  CHECK(EscrowPrivateKey::from_pem(kSealed, SecretText{"correct horse"}).value().public_key() == organisation().public_key());
  for (std::string_view wrong : {"correct horsf", "correct hors", ""})
    CHECK(EscrowPrivateKey::from_pem(kSealed, SecretText{wrong}).error() == make_error_code(Errc::bad_secret));
  CHECK(EscrowPrivateKey::from_pem(kSealed).error() == make_error_code(Errc::malformed));
}

TEST_CASE("escrow key: what is encrypted here opens here, is never the same twice, and does not show the key") {
  const SecretText passphrase{"battery staple"};
  const SecretText once = organisation().to_pem(passphrase), again = organisation().to_pem(passphrase);
  CHECK(once.text() != again.text());
  CHECK(once.text().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
  CHECK(EscrowPrivateKey::from_pem(once.text(), passphrase).value().public_key() == organisation().public_key());
  CHECK(EscrowPrivateKey::from_pem(again.text(), SecretText{"battery"}).error() == make_error_code(Errc::bad_secret));
}

TEST_CASE("escrow key: a passphrase for a key that is not encrypted does not matter") {
  const SecretText plain = organisation().to_pem();
  CHECK(EscrowPrivateKey::from_pem(plain.text(), SecretText{"any"}).value().public_key() == organisation().public_key());
}

TEST_CASE("escrow key: a slot says to whom it is addressed, and no other kind of slot does") {
  CountingRandom random;
  const SecretKey root = counting_secret<32>(0);
  const Buffer slot = seal_escrow_slot(root, organisation().public_key(), random);
  CHECK(escrow_recipient(slot).value() == organisation().public_key());
  const Buffer other = seal_passphrase_slot(root, as_bytes("x"), ScryptCost{1 << 16, 8, 1}, random);
  CHECK(escrow_recipient(other).error() == make_error_code(Errc::bad_secret));
  CHECK(escrow_recipient(ByteView{slot}.first(100)).error() == make_error_code(Errc::damaged));
}
