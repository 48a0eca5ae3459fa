#include <algorithm>

#include "vault/registry_sync.hpp"
#include "vault/session.hpp"

// The verbs between the servers of a pair.
namespace farkeep {
namespace {

constexpr int kVaultsPerPage = 4096;
constexpr std::size_t kNameSize = AccountId::kSize + AgentId::kSize;

}  // namespace

task<Reply> Session::sync_registry(Request request) {
  auto const page = parsed<wire::pb::SyncRegistry>(request);
  auto const answer = co_await parts_.workers.offload([](Registry* registry, wire::pb::SyncRegistry p) { return merge_page(*registry, p); },
                                                      &parts_.registry, page);
  for (auto const& entry : page.entry()) {
    if (entry.kind() != kSlotEntry) continue;
    auto const key = as_bytes(entry.key());
    if (key.size() != kNameSize) throw HangUp(Errc::malformed, "reading a registry request: a slot's key");
    auto const account = AccountId::from(key.first(AccountId::kSize));
    auto const agent = AgentId::from(key.subspan(AccountId::kSize));
    auto const lease = co_await parts_.vaults.open(*account, *agent);
    co_await lease->add_slot(to_buffer(as_bytes(entry.value())));
  }
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
    auto const summary = co_await parts_.vaults.summary(name);
    auto* one = answer.add_vault();
    one->set_account(wire::to_field(name.account));
    one->set_agent(wire::to_field(name.agent));
    one->set_head(summary.head.sequence);
    one->set_digest(wire::to_field(summary.digest));
  }
  co_return reply_with(answer);
}

}  // namespace farkeep
