#include "archive/manifest.hpp"

#include <algorithm>
#include <array>

#include "archive/archive.pb.h"
#include "archive/manifest_details.hpp"
#include "archive/node_messages.hpp"
#include "base/check.hpp"
#include "base/codec.hpp"
#include "base/limits.hpp"
#include "crypto/digest.hpp"

namespace farkeep {
namespace {

constexpr std::uint32_t kFormat = 1;
constexpr std::string_view kDetailsLabel = "farkeep/1/details", kSignatureLabel = "farkeep/1/manifest";

Buffer sequence_bytes(const Statement& s) {
  Buffer out;
  Writer{out}.number(s.sequence);
  return out;
}

Buffer signed_bytes(ByteView statement) {
  Buffer out;
  out.reserve(kSignatureLabel.size() + statement.size());
  append(out, as_bytes(kSignatureLabel));
  append(out, statement);
  return out;
}

template <class IdT>
bool read_id(const std::string& raw, IdT& out) {
  const auto id = IdT::from(raw);
  if (id) out = *id;
  return id.has_value();
}

// The first has no predecessor, and every other has one.
bool read_previous(const archive::pb::Statement& s, Digest& out) {
  return s.sequence() == 1 ? s.previous().empty() : read_id(s.previous(), out);
}

}  // namespace

Buffer seal_manifest(const Statement& statement, const SnapshotDetails& details, const SecretKey& session_key,
                     const Hmac& nonce_key, Random& random, const SigningKey& key, std::span<const Certificate> chain) {
  FARKEEP_CHECK(statement.sequence > 0 && (statement.sequence == 1) == statement.previous.is_zero());
  FARKEEP_CHECK(!chain.empty() && chain.size() <= kMaxCertificates);
  const Buffer plain = encode_details(details);
  const Buffer sequence = sequence_bytes(statement);
  const std::array<ByteView, 4> aad{as_bytes(kDetailsLabel), statement.account.view(), statement.agent.view(),
                                    sequence};
  const std::array<ByteView, 5> what{aad[0], aad[1], aad[2], aad[3], plain};
  const Nonce192 nonce = hedged_nonce(nonce_key, random, what);
  Buffer sealed(plain.size() + XAes256Gcm::kTag);
  XAes256Gcm{session_key}.seal(nonce, aad, plain, sealed);

  archive::pb::Statement s;
  s.set_format(kFormat);
  s.set_account(statement.account.raw());
  s.set_agent(statement.agent.raw());
  s.set_sequence(statement.sequence);
  if (statement.sequence > 1) s.set_previous(statement.previous.raw());
  s.set_root(statement.root.raw());
  s.set_session(statement.session.raw());
  s.set_time_ns(statement.time.time_since_epoch().count());
  s.set_nonce(to_string(nonce.view()));
  s.set_details(to_string(sealed));

  archive::pb::SignedManifest m;
  m.set_statement(s.SerializeAsString());
  m.set_signature(to_string(key.sign(signed_bytes(as_bytes(m.statement())))));
  for (const Certificate& c : chain) m.add_signer_chain(to_string(c.der()));
  Buffer out = serialized(m);
  if (out.size() > limits::kMaxManifest)
    throw failure(Errc::too_large, "making the manifest: too many or too long paths and tags");
  return out;
}

result<Manifest> Manifest::parse(ByteView bytes) {
  if (bytes.size() > limits::kMaxManifest) return Errc::too_large;
  archive::pb::SignedManifest m;
  archive::pb::Statement s;
  if (!m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !s.ParseFromString(m.statement()))
    return Errc::malformed;
  if (s.format() != kFormat) return m.statement().empty() ? Errc::malformed : Errc::unsupported_version;

  Manifest out;
  Statement& to = out.statement_;
  to.sequence = s.sequence();
  to.time = WallTime{std::chrono::nanoseconds{s.time_ns()}};
  if (s.sequence() == 0 || !read_id(s.account(), to.account) || !read_id(s.agent(), to.agent) ||
      !read_previous(s, to.previous) || !read_id(s.root(), to.root) || !read_id(s.session(), to.session)) {
    return Errc::malformed;
  }
  if (s.nonce().size() != out.nonce_.bytes.size() || s.details().size() < XAes256Gcm::kTag) return Errc::malformed;
  if (m.signature().size() != std::tuple_size_v<SigningKey::Signature>) return Errc::malformed;
  if (m.signer_chain_size() == 0) return Errc::malformed;
  if (static_cast<std::size_t>(m.signer_chain_size()) > kMaxCertificates) return Errc::too_large;
  for (const std::string& der : m.signer_chain()) {
    auto certificate = Certificate::from_der(as_bytes(der));
    if (!certificate) return certificate.error();
    out.chain_.push_back(std::move(*certificate));
  }
  std::copy(s.nonce().begin(), s.nonce().end(), out.nonce_.bytes.begin());
  out.details_ = to_buffer(as_bytes(s.details()));
  out.signature_ = to_buffer(as_bytes(m.signature()));
  out.statement_bytes_ = to_buffer(as_bytes(m.statement()));
  out.id_ = Digest{sha256(out.statement_bytes_)};
  return out;
}

result<void> Manifest::verify(const Certificate& root, WallTime at, std::string* why) const {
  auto refuse = [&](const char* text) -> result<void> {
    if (why != nullptr) *why = text;
    return Errc::identity;
  };
  const std::span<const Certificate> intermediates = std::span{chain_}.subspan(1);
  auto name = check_chain_for(CertificateName::Role::agent, chain_[0], intermediates, root, at, why);
  if (!name) return name.error();
  if (name->account != statement_.account || name->agent != statement_.agent) {
    return refuse("the manifest speaks of another agent than its certificate");
  }
  auto key = chain_[0].public_key();
  if (!key || !is_signed_by(*key)) return refuse("the manifest's signature is not its agent's");
  return {};
}

bool Manifest::is_signed_by(const VerifyKey& key) const {
  return key.verify(signed_bytes(statement_bytes_), signature_);
}

result<SnapshotDetails> Manifest::open_details(const SecretKey& session_key) const {
  const Buffer sequence = sequence_bytes(statement_);
  const std::array<ByteView, 4> aad{as_bytes(kDetailsLabel), statement_.account.view(), statement_.agent.view(),
                                    sequence};
  Buffer plain(details_.size() - XAes256Gcm::kTag);
  if (auto ok = XAes256Gcm{session_key}.open(nonce_, aad, details_, plain); !ok) return ok.error();
  return decode_details(plain);
}

}  // namespace farkeep
