#include <algorithm>
#include <map>

#include "base/log.hpp"
#include "vault/mirror.hpp"

// What the mirror tells the partner.
namespace farkeep {
namespace {

constexpr std::size_t kRowsAtOnce = 16;
constexpr std::size_t kSlotPage = 256 * limits::kKiB;

std::string key_of(const VaultName& name) { return wire::to_field(name.account) + wire::to_field(name.agent); }

}  // namespace

task<void> Mirror::push_registry(Peer& peer) {
  auto const pages = co_await parts_.workers.offload([](Registry* registry, ToldEntries* told) { return registry_pages(*registry, *told); },
                                                     &parts_.registry, &told_);
  for (auto const& page : pages) {
    auto const theirs = co_await peer.call<wire::pb::SyncRegistry>(wire::Verb::registry, page);
    co_await parts_.workers.offload([](Registry* registry, wire::pb::SyncRegistry p) { return merge_page(*registry, p); }, &parts_.registry, theirs);
  }
}

task<void> Mirror::push_told(Peer& peer, AgentId agent) {
  auto const page = co_await parts_.workers.offload([](Registry* registry, AgentId id) { return told_page(*registry, id); }, &parts_.registry, agent);
  if (page) co_await peer.call<wire::pb::SyncRegistry>(wire::Verb::registry, *page);
}

// Once a connection: a slot that came while the partner was away is in no digest.
task<void> Mirror::push_slots(Peer& peer) {
  auto const names = co_await parts_.vaults.list();
  wire::pb::SyncRegistry page;
  std::size_t bytes = 0;
  for (auto const& name : names) {
    auto const lease = co_await parts_.vaults.open(name.account, name.agent);
    auto const slots = co_await lease->slots();
    for (auto const& slot : slots) {
      auto* entry = page.add_entry();
      entry->set_kind(kSlotEntry);
      entry->set_key(key_of(name));
      entry->set_value(to_string(slot));
      entry->set_version(1);
      bytes += slot.size() + 64;
    }
    if (bytes < kSlotPage) continue;
    co_await peer.call<wire::pb::SyncRegistry>(wire::Verb::registry, page);
    page.Clear();
    bytes = 0;
  }
  if (page.entry_size() > 0) co_await peer.call<wire::pb::SyncRegistry>(wire::Verb::registry, page);
}

task<void> Mirror::pull_directory(Peer& peer) {
  auto const theirs = co_await peer.call<wire::pb::SignedDirectory>(wire::Verb::directory, wire::pb::GetDirectory{});
  co_await parts_.workers.offload([](AddressDirectory* directory, wire::pb::SignedDirectory d) { return directory->adopt(d); },
                                  &parts_.directory, theirs);
}

// Vaults of ours whose sets of snapshots are not equal to the partner's; and those for which a receipt did not get here, or could not be kept:
// then both have everything, and only this side does not know.
task<Mirror::Names> Mirror::differing(Peer& peer) {
  std::map<std::string, std::string> theirs;
  wire::pb::ListVaults question;
  for (bool more = true; more;) {
    auto const page = co_await peer.call<wire::pb::VaultList>(wire::Verb::vaults, question);
    for (auto const& vault : page.vault()) theirs[vault.account() + vault.agent()] = vault.digest();
    more = page.more() && page.vault_size() > 0;
    if (more) question.set_after(page.vault().rbegin()->account() + page.vault().rbegin()->agent());
  }
  Names out;
  auto const ours = co_await parts_.vaults.list();
  vaults_ = ours.size();
  for (auto const& name : ours) {
    auto const summary = co_await parts_.vaults.summary(name);
    auto const found = theirs.find(key_of(name));
    bool const equal = found != theirs.end() && found->second == as_text(summary.digest.view());
    if (summary.head.sequence > 0 && !(equal && summary.is_protected)) out.insert(name);
  }
  co_return out;
}

// False when it could not be done and should be tried again; a lost connection throws.
task<bool> Mirror::push_vault(Peer& peer, ServerId partner, VaultName name, bool compare_all) {
  std::exception_ptr error;
  try {
    auto const lease = co_await parts_.vaults.open(name.account, name.agent);
    auto& vault = *lease;
    wire::pb::OpenVault question;
    question.set_account(wire::to_field(name.account));
    question.set_agent(wire::to_field(name.agent));
    co_await peer.call<wire::pb::VaultState>(wire::Verb::open, question);
    co_await push_told(peer, name.agent);
    co_await push_vault_slots(peer, vault);

    SnapshotPush push{peer, vault, parts_.identity.root(), partner};
    std::set<std::uint64_t> theirs;
    if (compare_all) theirs = co_await sequences_of(peer);
    auto after = compare_all ? 0 : vault.first_unprotected().value_or(vault.head().sequence + 1) - 1;
    bool all = true;
    for (;;) {
      auto rows = co_await vault.snapshots(after, kRowsAtOnce);
      if (rows.empty()) break;
      after = rows.back().sequence;
      for (auto& row : rows) {
        bool const there = compare_all ? theirs.contains(row.sequence) && vault.is_protected(row.sequence) : vault.is_protected(row.sequence);
        if (there) continue;
        bool const pushed = co_await push_row(push, std::move(row), name);
        all = all && pushed;
      }
    }
    co_return all;
  } catch (const failure& e) {
    auto const code = classify(e.code());
    if (code == Errc::disconnected || code == Errc::protocol || code == Errc::cancelled || code == Errc::timed_out) throw;
    log_error("mirroring the vault of agent {}: {}", name.agent.brief(), e.what());
  }
  co_return false;
}

// A fork stops nothing but itself: both sides keep what they have, and people must look.
task<bool> Mirror::push_row(SnapshotPush& push, SnapshotRow row, VaultName name) {
  auto const sequence = row.sequence;
  try {
    co_await push.push(std::move(row));
    co_return true;
  } catch (const wire::Refusal& e) {
    if (classify(e.code()) != Errc::fork) throw;
    log_error("FORK: snapshot {} of agent {} is another one at the partner: {}", sequence, name.agent.brief(), e.what());
  }
  co_return false;
}

task<void> Mirror::push_vault_slots(Peer& peer, Vault& vault) {
  auto const ours = co_await vault.slots();
  if (ours.empty()) co_return;
  auto const theirs = co_await peer.call<wire::pb::Slots>(wire::Verb::slots, wire::pb::GetSlots{});
  for (auto const& slot : ours) {
    auto const text = to_string(slot);
    if (std::find(theirs.slot().begin(), theirs.slot().end(), text) != theirs.slot().end()) continue;
    wire::pb::AddSlot question;
    question.set_slot(text);
    co_await peer.call<wire::pb::Done>(wire::Verb::add_slot, question);
  }
}

task<std::set<std::uint64_t>> Mirror::sequences_of(Peer& peer) {
  std::set<std::uint64_t> out;
  wire::pb::Snapshots question;
  for (bool more = true; more;) {
    auto const page = co_await peer.call<wire::pb::SnapshotPage>(wire::Verb::snapshots, question);
    std::uint64_t last = 0;
    for (auto const& one : page.snapshot()) {
      auto const receipt = wire::parse_message<wire::pb::Receipt>(one.receipt().receipt());
      if (!receipt) throw failure(Errc::protocol, "reading the partner's snapshots: a receipt that does not parse");
      last = std::max(last, receipt->sequence());
      out.insert(receipt->sequence());
    }
    more = page.more() && last > question.after();
    question.set_after(last);
  }
  co_return out;
}

}  // namespace farkeep
