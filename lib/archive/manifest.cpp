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

// One for each format: nothing of one can be shown in the other.
std::string_view details_label(StatementFormat f) {
  return f == StatementFormat::bound ? "farkeep/2/details" : "farkeep/1/details";
}
std::string_view signature_label(StatementFormat f) {
  return f == StatementFormat::bound ? "farkeep/2/manifest" : "farkeep/1/manifest";
}

Buffer sequence_bytes(const Statement& s) {
  Buffer out;
  Writer{out}.number(s.sequence);
  return out;
}

Buffer signed_bytes(StatementFormat format, ByteView statement) {
  const std::string_view label = signature_label(format);
  Buffer out;
  out.reserve(label.size() + statement.size());
  append(out, as_bytes(label));
  append(out, statement);
  return out;
}

template <class IdT>
bool read_id(const std::string& raw, IdT& out) {
  const auto id = IdT::from(raw);
  if (id) out = *id;
  return id.has_value();
}

// What both formats say; `From` is the message that says it.
struct Said {
  Statement statement;
  Nonce192 nonce;
  Buffer details;
};
template <class From>
bool read_said(const From& s, Said& out) {
  Statement& to = out.statement;
  to.sequence = s.sequence();
  to.time = WallTime{std::chrono::nanoseconds{s.time_ns()}};
  if (s.sequence() == 0 || !read_id(s.account(), to.account) || !read_id(s.agent(), to.agent)) return false;
  // The first has no predecessor, and every other has one.
  if (s.sequence() == 1 ? !s.previous().empty() : !read_id(s.previous(), to.previous)) return false;
  if (!read_id(s.root(), to.root) || !read_id(s.session(), to.session)) return false;
  if (s.nonce().size() != out.nonce.bytes.size() || s.details().size() < XAes256Gcm::kTag) return false;
  std::copy(s.nonce().begin(), s.nonce().end(), out.nonce.bytes.begin());
  out.details = to_buffer(as_bytes(s.details()));
  return true;
}

// Format 2 says everything in its body, format 1 nothing there.
bool only_body_and_binding(const archive::pb::Statement& s) {
  return s.account().empty() && s.agent().empty() && s.sequence() == 0 && s.previous().empty() && s.root().empty() &&
         s.session().empty() && s.time_ns() == 0 && s.nonce().empty() && s.details().empty();
}

}  // namespace

Buffer seal_manifest(const Statement& statement, const SnapshotDetails& details, const SecretKey& session_key,
                     const KeyRing& ring, Random& random, const SigningKey& key, std::span<const Certificate> chain) {
  // Numbers and predecessors may stem from what a server said: a refusal, never an abort.
  if (statement.sequence == 0 || (statement.sequence == 1) != statement.previous.is_zero())
    throw failure(Errc::malformed, "making the manifest: its number does not go with its predecessor");
  if (statement.sequence > kLastSequence) throw failure(Errc::too_large, "making the manifest: there is no number left");
  FARKEEP_CHECK(!chain.empty() && chain.size() <= kMaxCertificates);
  constexpr StatementFormat format = StatementFormat::bound;
  const Buffer plain = encode_details(details);
  const Buffer sequence = sequence_bytes(statement);
  const std::array<ByteView, 4> aad{as_bytes(details_label(format)), statement.account.view(), statement.agent.view(),
                                    sequence};
  const std::array<ByteView, 5> what{aad[0], aad[1], aad[2], aad[3], plain};
  const Nonce192 nonce = hedged_nonce(ring.nonce_key(), random, what);
  Buffer sealed(plain.size() + XAes256Gcm::kTag);
  XAes256Gcm{session_key}.seal(nonce, aad, plain, sealed);

  archive::pb::StatementBody body;
  body.set_account(statement.account.raw());
  body.set_agent(statement.agent.raw());
  body.set_sequence(statement.sequence);
  if (statement.sequence > 1) body.set_previous(statement.previous.raw());
  body.set_root(statement.root.raw());
  body.set_session(statement.session.raw());
  body.set_time_ns(statement.time.time_since_epoch().count());
  body.set_nonce(to_string(nonce.view()));
  body.set_details(to_string(sealed));
  body.set_series(ring.series(as_bytes(details.job)).raw());
  archive::pb::Statement s;
  s.set_format(static_cast<std::uint32_t>(format));
  s.set_body(body.SerializeAsString());
  s.set_binding(ring.binding(as_bytes(s.body())).raw());

  archive::pb::SignedManifest m;
  m.set_statement(s.SerializeAsString());
  m.set_signature(to_string(key.sign(signed_bytes(format, as_bytes(m.statement())))));
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
  if (s.format() != 1 && s.format() != 2) return m.statement().empty() ? Errc::malformed : Errc::unsupported_version;

  Manifest out;
  out.format_ = static_cast<StatementFormat>(s.format());
  Said said;
  if (out.format_ == StatementFormat::bound) {
    archive::pb::StatementBody body;
    if (!only_body_and_binding(s) || !read_id(s.binding(), out.binding_) || !body.ParseFromString(s.body()))
      return Errc::malformed;
    if (!read_said(body, said) || !read_id(body.series(), said.statement.series)) return Errc::malformed;
    out.body_ = to_buffer(as_bytes(s.body()));
  } else if (!s.body().empty() || !s.binding().empty() || !read_said(s, said)) {
    return Errc::malformed;
  }
  out.statement_ = said.statement;
  out.nonce_ = said.nonce;
  out.details_ = std::move(said.details);
  if (m.signature().size() != std::tuple_size_v<SigningKey::Signature>) return Errc::malformed;
  if (m.signer_chain_size() == 0) return Errc::malformed;
  if (static_cast<std::size_t>(m.signer_chain_size()) > kMaxCertificates) return Errc::too_large;
  for (const std::string& der : m.signer_chain()) {
    auto certificate = Certificate::from_der(as_bytes(der));
    if (!certificate) return certificate.error();
    out.chain_.push_back(std::move(*certificate));
  }
  out.signature_ = to_buffer(as_bytes(m.signature()));
  out.statement_bytes_ = to_buffer(as_bytes(m.statement()));
  out.id_ = Digest{sha256(out.statement_bytes_)};
  return out;
}

result<void> Manifest::verify(const TrustedRoots& roots, WallTime at, std::string* why) const {
  auto refuse = [&](const char* text) -> result<void> {
    if (why != nullptr) *why = text;
    return Errc::identity;
  };
  const std::span<const Certificate> intermediates = std::span{chain_}.subspan(1);
  auto name = check_chain_for(CertificateName::Role::agent, chain_[0], intermediates, roots, at, why);
  if (!name) return name.error();
  if (name->account != statement_.account || name->agent != statement_.agent) {
    return refuse("the manifest speaks of another agent than its certificate");
  }
  auto key = chain_[0].public_key();
  if (!key || !is_signed_by(*key)) return refuse("the manifest's signature is not its agent's");
  return {};
}

bool Manifest::is_signed_by(const VerifyKey& key) const {
  return key.verify(signed_bytes(format_, statement_bytes_), signature_);
}

// A comparison that takes as long for any two digests: it may not tell a forger how far he has come.
bool Manifest::is_bound_by(const KeyRing& ring) const {
  return format_ == StatementFormat::bound && equal_constant_time(ring.binding(body_).view(), binding_.view());
}

result<SnapshotDetails> Manifest::open_details(const SecretKey& session_key) const {
  const Buffer sequence = sequence_bytes(statement_);
  const std::array<ByteView, 4> aad{as_bytes(details_label(format_)), statement_.account.view(), statement_.agent.view(),
                                    sequence};
  Buffer plain(details_.size() - XAes256Gcm::kTag);
  if (auto ok = XAes256Gcm{session_key}.open(nonce_, aad, details_, plain); !ok) return ok.error();
  return decode_details(plain);
}

}  // namespace farkeep
