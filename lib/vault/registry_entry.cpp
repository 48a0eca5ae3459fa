#include "vault/registry_entry.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "wire/message.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kLabel = "farkeep/1/entry";
constexpr auto kClocksApart = std::chrono::hours{24};  // clocks of a pair differ by seconds; whoever signs for next year wants to outlive something

// What is signed: everything that the entry says, with the places where one part ends and the next begins.
Buffer document_of(const wire::pb::RegistryEntry& entry) {
  Buffer out;
  Writer w{out};
  w.raw(as_bytes(kLabel));
  w.number(static_cast<std::uint32_t>(entry.kind()));
  w.number(static_cast<std::uint64_t>(entry.version()));
  w.number(static_cast<std::uint64_t>(entry.time_ns()));
  for (auto const* part : {&entry.author(), &entry.key(), &entry.value()}) {
    w.number(static_cast<std::uint32_t>(part->size()));
    w.raw(as_bytes(*part));
  }
  return out;
}

std::string joined(const google::protobuf::RepeatedPtrField<std::string>& chain) {
  std::string out;
  for (auto const& der : chain) out += der;
  return out;
}

}  // namespace

void sign_entry(wire::pb::RegistryEntry& entry, const Identity& identity, WallTime now) {
  auto const signer = identity.signer();
  entry.set_author(wire::to_field(identity.id()));
  entry.set_time_ns(now.time_since_epoch().count());
  entry.set_signature(to_string(signer.key.sign(document_of(entry))));
  entry.clear_signer_chain();
  wire::to_field(signer.chain, *entry.mutable_signer_chain());
}

result<EntryJudge::Signer> EntryJudge::signer_at(const wire::pb::RegistryEntry& entry, WallTime at) {
  auto bytes = joined(entry.signer_chain());
  if (last_ && last_->chain == bytes && last_->from <= at && at <= last_->until) return *last_;
  auto const chain = wire::parse_chain(entry.signer_chain());
  if (!chain) return chain.error();
  auto const checked = checked_chain(chain->front(), std::span{*chain}.subspan(1), roots_, at);
  if (!checked) return checked.error();
  if (checked->name.role != CertificateName::Role::server) return Errc::identity;
  auto const key = chain->front().public_key();
  if (!key) return key.error();
  Signer out{std::move(bytes), *checked->name.server, *key, chain->front().not_before(), chain->front().not_after(), revoked_.since(*checked->name.server, *chain)};
  for (auto const& certificate : checked->above) {
    out.from = std::max(out.from, certificate.not_before());
    out.until = std::min(out.until, certificate.not_after());
  }
  last_ = out;
  return out;
}

result<EntryJudge::Said> EntryJudge::said_by(const wire::pb::RegistryEntry& entry, WallTime now) {
  WallTime const at{std::chrono::nanoseconds{entry.time_ns()}};
  if (at > now + kClocksApart) return Errc::identity;
  auto const signer = signer_at(entry, at);
  if (!signer) return signer.error();
  if (entry.author() != as_text(signer->server.view())) return Errc::identity;
  if (!signer->key.verify(document_of(entry), as_bytes(entry.signature()))) return Errc::identity;
  return Said{signer->server, signer->revoked_since};
}

bool is_by_revoked_key(const wire::pb::RegistryEntry& entry, const ServerId& self, const Revocations& revoked) {
  if (revoked.empty() || entry.author().empty()) return false;
  auto const chain = wire::parse_chain(entry.signer_chain());
  return chain && revoked.since(self, *chain).has_value();
}

}  // namespace farkeep
