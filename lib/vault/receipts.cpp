#include "vault/receipts.hpp"

#include "archive/manifest.hpp"
#include "wire/message.hpp"
#include "wire/refusal.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {
namespace {

ManifestFacts facts_of(const Manifest& manifest) {
  auto const& statement = manifest.statement();
  ManifestFacts facts;
  facts.sequence = statement.sequence;
  facts.digest = manifest.snapshot_id();
  facts.previous = statement.previous;
  facts.root = statement.root;
  facts.session = statement.session;
  facts.account = statement.account;
  facts.agent = statement.agent;
  facts.series = statement.series;
  return facts;
}

}  // namespace

Buffer ServerReceipts::make(const AccountId& account, const AgentId& agent, std::uint64_t sequence, const Digest& statement) {
  // A receipt is judged at its own time, for years: one that no certificate covers would be none, and this one would be given again and again.
  auto const now = clock_.wall();
  auto const& own = identity_.chain()[0];
  if (now < own.not_before() || now > own.not_after())
    throw wire::Refusal(Errc::busy, "committing: this server's clock says " + rfc3339(now) + ", when its own certificate is not valid: its operator must set the clock", std::chrono::hours{1});
  wire::pb::Receipt receipt;
  receipt.set_account(wire::to_field(account));
  receipt.set_agent(wire::to_field(agent));
  receipt.set_sequence(sequence);
  receipt.set_manifest_digest(wire::to_field(statement));
  receipt.set_server_id(wire::to_field(identity_.id()));
  receipt.set_time_ns(now.time_since_epoch().count());
  return to_buffer(as_bytes(wire::sign_receipt(receipt, identity_.signer()).SerializeAsString()));
}

result<ManifestFacts> AgentManifests::judge(ByteView bytes) {
  auto const manifest = Manifest::parse(bytes);
  if (!manifest) return manifest.error();
  if (!manifest->is_signed_by(key_)) return Errc::identity;
  if (auto const holds = manifest->verify(roots_, now_); !holds) return holds.error();
  return facts_of(*manifest);
}

result<ManifestFacts> MirroredManifests::judge(ByteView bytes) {
  auto const manifest = Manifest::parse(bytes);
  if (!manifest) return manifest.error();
  auto facts = facts_of(*manifest);
  bool const same = receipt_.sequence() == facts.sequence && receipt_.manifest_digest() == as_text(facts.digest.view()) &&
                    receipt_.account() == as_text(facts.account.view()) && receipt_.agent() == as_text(facts.agent.view());
  if (!same) return Errc::identity;
  WallTime const accepted{std::chrono::nanoseconds{receipt_.time_ns()}};
  if (auto const holds = manifest->verify(roots_, accepted); !holds) return holds.error();
  return facts;
}

}  // namespace farkeep
