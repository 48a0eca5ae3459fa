#include <algorithm>

#include "base/log.hpp"
#include "vault/registry_sync.hpp"
#include "vault/session.hpp"
#include "vault/vault_limits.hpp"

// The verbs between the servers of a pair.
namespace farkeep {
namespace {

constexpr int kVaultsPerPage = 4096;
constexpr std::size_t kNameSize = AccountId::kSize + AgentId::kSize;

enum class SlotEnd : std::uint8_t { kept, refused, failed };

// Refused: it is nobody's, or more than its agent may have.  A vault that cannot take it now holds up none of the others.
task<SlotEnd> keep_slot(SessionParts& parts, wire::pb::RegistryEntry entry) {
  auto const key = as_bytes(entry.key());
  if (key.size() != kNameSize) throw HangUp(Errc::malformed, "reading a registry request: a slot's key");
  auto const account = AccountId::from(key.first(AccountId::kSize));
  auto const agent = AgentId::from(key.subspan(AccountId::kSize));
  auto const known = co_await parts.workers.offload([](Registry* registry, AgentId id) { return registry->agent(id); }, &parts.registry, *agent);
  if (!known || known->account() != as_text(account->view()) || entry.value().size() > vault_limits::kMaxSlot) co_return SlotEnd::refused;
  auto slot = to_buffer(as_bytes(entry.value()));
  try {
    auto const lease = co_await parts.vaults.open(*account, *agent);
    co_await lease->add_slot(std::move(slot), SlotFrom::partner, parts.clock.wall().time_since_epoch().count());
    co_return SlotEnd::kept;
  } catch (const failure& e) {
    auto const code = classify(e.code());
    if (code == Errc::cancelled) throw;
    if (code == Errc::quota) co_return SlotEnd::refused;
    parts.troubles.say(parts.timers.now(), "keeping a key slot of agent " + agent->brief() + " from the partner: " + e.what());
  }
  co_return SlotEnd::failed;
}

}  // namespace

task<Reply> Session::sync_registry(Request request) {
  auto const page = parsed<wire::pb::SyncRegistry>(request);
  auto const answer = co_await workers_->offload([](Registry* registry, wire::pb::SyncRegistry p) { return merge_page(*registry, p); },
                                                      &parts_.registry, page);
  std::size_t kept = 0, refused = 0, failed = 0;
  for (auto const& entry : page.entry()) {
    if (entry.kind() != kSlotEntry) continue;
    auto const end = co_await keep_slot(parts_, entry);
    ++(end == SlotEnd::kept ? kept : end == SlotEnd::refused ? refused : failed);
  }
  if (failed > 0 && kept == 0) throw failure(Errc::io, "keeping key slots: none of their vaults takes one now; the log says why");
  if (refused > 0 && kept == 0)
    throw failure(Errc::unauthorised, "keeping key slots: this server knows none of their agents, has no room for them, or its operator set them aside (its operator sees them with: farkeep-server slots)");
  co_return reply_with(answer);
}

task<Reply> Session::list_vaults(Request request) {
  auto const message = parsed<wire::pb::ListVaults>(request);
  auto const names = co_await parts_.vaults.list();
  wire::pb::VaultList answer;
  for (auto const& name : names) {
    auto const key = wire::to_field(name.account) + wire::to_field(name.agent);
    if (!message.after().empty() && key <= message.after()) continue;
    if (answer.vault_size() == kVaultsPerPage) {
      answer.set_more(true);
      break;
    }
    try {
      auto const summary = co_await parts_.vaults.summary(name);
      auto* one = answer.add_vault();
      one->set_account(wire::to_field(name.account));
      one->set_agent(wire::to_field(name.agent));
      one->set_head(summary.head.sequence);
      one->set_digest(wire::to_field(summary.digest));
      one->set_receipts(wire::to_field(summary.receipts));
    } catch (const failure& e) {
      if (classify(e.code()) == Errc::cancelled) throw;
      log_error("telling the partner of the vault of agent {}: {}", name.agent.brief(), e.what());  // left out: the partner takes it for behind
    }
  }
  co_return reply_with(answer);
}

}  // namespace farkeep
