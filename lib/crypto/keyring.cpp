#include "crypto/keyring.hpp"

#include <array>

#include "base/check.hpp"
#include "crypto/hedge.hpp"
#include "crypto/key_file.hpp"

namespace farkeep {
namespace {

// Whoever would seal under a key that everybody knows must stop here, wherever the key came from.
SecretKey a_key(const SecretKey& root) {
  if (is_no_key(root)) throw failure(Errc::damaged, "using a root key of zeros: it is none");
  return root.copy();
}

}  // namespace

KeyRing::KeyRing(const SecretKey& root)
    : root_(a_key(root)),
      data_id_(subkey("farkeep/1/id/data").view()),
      node_id_(subkey("farkeep/1/id/node").view()),
      nonce_(subkey("farkeep/1/nonce").view()),
      bind_(subkey("farkeep/2/statement").view()) {}

SecretKey KeyRing::subkey(std::string_view label) const {
  SecretKey key;
  hkdf_sha256(root_->view(), {}, label, key.mutable_view());
  return key;
}

ObjectId KeyRing::object_id(ObjectType type, ByteView plain) const {
  FARKEEP_CHECK(type == ObjectType::data || type == ObjectType::node);
  return ObjectId{(type == ObjectType::data ? data_id_ : node_id_)(plain).bytes};
}

Digest KeyRing::binding(ByteView statement_body) const {
  const std::array<ByteView, 2> parts{as_bytes("farkeep/2/binding"), statement_body};
  return bind_(parts);
}

SeriesId KeyRing::series(ByteView job) const {
  const Digest whole = Hmac{subkey("farkeep/2/series").view()}(job);
  return SeriesId::from(whole.view().first(SeriesId::kSize)).value();
}

Nonce192 hedged_nonce(const Hmac& nonce_key, Random& random, std::span<const ByteView> what) {
  Digest d = hedge(nonce_key, random, what);
  Nonce192 nonce;
  std::memcpy(nonce.bytes.data(), d.bytes.data(), nonce.bytes.size());
  return nonce;
}

ObjectId envelope_id(const SessionId& session) {
  Sha256 hash;
  hash.update(as_bytes("farkeep/1/envelope"));
  hash.update(session.view());
  return ObjectId{hash.finish().bytes};
}

}  // namespace farkeep
