#include "wire/signed_document.hpp"

#include <catch2/catch.hpp>

#include "crypto/authority.hpp"

using namespace farkeep;
using namespace farkeep::wire;

namespace {

const WallTime kNow = from_unix_seconds(1'790'000'000);

struct World {
  SystemRandom random;
  Authority root = Authority::make_root(SigningKey::generate(random), kNow, random);
  SigningKey key = SigningKey::generate(random);
  ServerId id = random.id<ServerId>();
  std::vector<Certificate> chain;

  World() {
    SigningKey issuing_key = SigningKey::generate(random);
    auto const long_time = Validity::starting(kNow, std::chrono::hours{24 * 3000});
    auto const request = CertificateRequest::make(issuing_key);
    Authority const issuing{root.issue_authority(request, id, long_time, random), std::move(issuing_key)};
    auto const own = CertificateRequest::make(key);
    chain.push_back(issuing.issue_server(own, id, {}, Validity::starting(kNow, std::chrono::hours{24 * 365}), random));
    chain.push_back(issuing.certificate());
  }
  Signer signer() const { return {key, chain}; }
  pb::Receipt receipt() const {
    pb::Receipt r;
    r.set_sequence(7);
    r.set_server_id(to_string(id.view()));
    r.set_time_ns(kNow.time_since_epoch().count());
    return r;
  }
};

}  // namespace

TEST_CASE("signed document: a receipt verifies, and no byte of it may change") {
  World w;
  auto const good = sign_receipt(w.receipt(), w.signer());
  REQUIRE(verify_receipt(good, w.root.certificate()).has_value());
  CHECK(verify_receipt(good, w.root.certificate())->sequence() == 7);
  for (std::size_t i = 0; i < good.receipt().size(); ++i) {
    auto bad = good;
    (*bad.mutable_receipt())[i] = static_cast<char>((*bad.mutable_receipt())[i] ^ 1);
    CHECK_FALSE(verify_receipt(bad, w.root.certificate()).has_value());
  }
  auto bad = good;
  bad.mutable_signature()->back() = static_cast<char>(bad.signature().back() ^ 1);
  CHECK(verify_receipt(bad, w.root.certificate()).error() == Errc::identity);
  bad = good;
  bad.clear_signer_chain();
  CHECK(verify_receipt(bad, w.root.certificate()).error() == Errc::malformed);
}

TEST_CASE("signed document: a server cannot sign a receipt in another's name, nor under another root") {
  World w, other;
  auto receipt = w.receipt();
  receipt.set_server_id(to_string(other.id.view()));
  CHECK(verify_receipt(sign_receipt(receipt, w.signer()), w.root.certificate()).error() == Errc::identity);
  CHECK(verify_receipt(sign_receipt(w.receipt(), w.signer()), other.root.certificate()).error() == Errc::identity);
}

TEST_CASE("signed document: an old receipt outlives its certificate, a directory does not") {
  World w;
  auto const later = kNow + std::chrono::hours{24 * 400};
  CHECK(verify_receipt(sign_receipt(w.receipt(), w.signer()), w.root.certificate()).has_value());
  auto late = w.receipt();
  late.set_time_ns(later.time_since_epoch().count());
  CHECK(verify_receipt(sign_receipt(late, w.signer()), w.root.certificate()).error() == Errc::identity);

  pb::Directory directory;
  directory.set_serial(3);
  auto const signed_one = sign_directory(directory, w.signer());
  CHECK(verify_directory(signed_one, w.root.certificate(), kNow)->serial() == 3);
  CHECK(verify_directory(signed_one, w.root.certificate(), later).error() == Errc::identity);
}

TEST_CASE("signed document: a receipt's signature is none for a directory of the same bytes") {
  World w;
  auto const receipt = sign_receipt(pb::Receipt{}, w.signer());
  pb::SignedDirectory forged;
  forged.set_directory(receipt.receipt());
  forged.set_signature(receipt.signature());
  *forged.mutable_signer_chain() = receipt.signer_chain();
  CHECK(verify_directory(forged, w.root.certificate(), kNow).error() == Errc::identity);
}

TEST_CASE("signed document: an agent's certificate signs nothing that a server signs") {
  World w;
  auto const key = SigningKey::generate(w.random);
  auto const certificate = w.root.issue_agent(CertificateRequest::make(key), w.random.id<AccountId>(), w.random.id<AgentId>(),
                                              Validity::starting(kNow, std::chrono::hours{24}), w.random);
  std::vector<Certificate> const chain{certificate};
  CHECK(verify_receipt(sign_receipt(w.receipt(), {key, chain}), w.root.certificate()).error() == Errc::identity);
}

TEST_CASE("signed document: a receipt that is padded, inside or beside what is signed, is refused: who keeps it must be able to read it again") {
  World w;
  auto const good = sign_receipt(w.receipt(), w.signer());
  const auto with_field_15 = [](std::string message, std::size_t size) {
    message += "\x7a";
    for (std::size_t left = size;; left >>= 7) {
      message += static_cast<char>((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
      if (left <= 0x7f) break;
    }
    return message + std::string(size, 'x');
  };
  pb::SignedReceipt beside;
  REQUIRE(beside.ParseFromString(with_field_15(good.SerializeAsString(), 200 * 1024)));
  CHECK_FALSE(verify_receipt(beside, w.root.certificate()).has_value());

  pb::Receipt padded;
  REQUIRE(padded.ParseFromString(with_field_15(w.receipt().SerializeAsString(), 100 * 1024)));
  CHECK_FALSE(verify_receipt(sign_receipt(padded, w.signer()), w.root.certificate()).has_value());

  // What a later version adds is no reason to refuse, and what is beside it is not kept.
  pb::Receipt later;
  REQUIRE(later.ParseFromString(with_field_15(w.receipt().SerializeAsString(), 100)));
  pb::SignedReceipt little;
  REQUIRE(little.ParseFromString(with_field_15(sign_receipt(later, w.signer()).SerializeAsString(), 1000)));
  CHECK(verify_receipt(little, w.root.certificate()).has_value());
  CHECK(known_part(little).ByteSizeLong() < little.ByteSizeLong() - 1000);
  CHECK(verify_receipt(known_part(little), w.root.certificate()).has_value());
}
