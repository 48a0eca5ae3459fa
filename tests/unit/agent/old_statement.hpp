#pragma once

#include "archive/archive.pb.h"
#include "archive/envelope_record.hpp"
#include "archive/manifest_details.hpp"
#include "base/codec.hpp"
#include "crypto/envelope.hpp"
#include "whole_machine.hpp"

namespace farkeep::test {

/// A statement as agents of the first version made them: nothing but the details is sealed.  Its envelope comes into both stores.
inline Buffer of_format_1(Machine& m, std::uint64_t number, const Digest& previous, const SecretKey& wrap) {
  const SessionId session = m.random.id<SessionId>();
  SecretKey key;
  m.random.fill(key.mutable_view());
  const auto envelope = std::make_shared<Buffer>(make_envelope_record(session, seal_envelope(key, session, wrap, m.random)));
  for (auto& store : m.stores) store.where[envelope_id(session)] = envelope;
  Nonce192 nonce;
  m.random.fill(nonce.bytes);
  Buffer sequence;
  Writer{sequence}.number(number);
  const std::array<ByteView, 4> aad{as_bytes("farkeep/1/details"), m.keys->account.view(), m.keys->agent.view(), sequence};
  const Buffer plain = encode_details(SnapshotDetails{});
  Buffer sealed(plain.size() + XAes256Gcm::kTag);
  XAes256Gcm{key}.seal(nonce, aad, plain, sealed);
  archive::pb::Statement s;
  s.set_format(1);
  s.set_account(m.keys->account.raw());
  s.set_agent(m.keys->agent.raw());
  s.set_sequence(number);
  if (number > 1) s.set_previous(previous.raw());
  s.set_root(ObjectId{}.raw());
  s.set_session(session.raw());
  s.set_nonce(to_string(nonce.bytes));
  s.set_details(to_string(sealed));
  archive::pb::SignedManifest signed_one;
  signed_one.set_statement(s.SerializeAsString());
  signed_one.set_signature(to_string(m.keys->signing.sign(as_bytes("farkeep/1/manifest" + signed_one.statement()))));
  signed_one.add_signer_chain(to_string(m.keys->chain.front().der()));
  return to_buffer(as_bytes(signed_one.SerializeAsString()));
}

}  // namespace farkeep::test
