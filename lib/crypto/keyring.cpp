#include "crypto/keyring.hpp"

#include "base/check.hpp"
#include "crypto/hedge.hpp"

namespace farkeep {

KeyRing::KeyRing(const SecretKey& root)
    : root_(root.copy()),
      data_id_(subkey("farkeep/1/id/data").view()),
      node_id_(subkey("farkeep/1/id/node").view()),
      nonce_(subkey("farkeep/1/nonce").view()) {}

SecretKey KeyRing::subkey(std::string_view label) const {
  SecretKey key;
  hkdf_sha256(root_.view(), {}, label, key.mutable_view());
  return key;
}

ObjectId KeyRing::object_id(ObjectType type, ByteView plain) const {
  FARKEEP_CHECK(type == ObjectType::data || type == ObjectType::node);
  return ObjectId{(type == ObjectType::data ? data_id_ : node_id_)(plain).bytes};
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
