#include <algorithm>
#include <map>

#include "base/log.hpp"
#include "vault/mirror.hpp"
#include "vault/receipt_facts.hpp"

// What the mirror tells the partner.
namespace farkeep {
namespace {

constexpr std::size_t kSlotPage = 256 * limits::kKiB;  // far below a frame, and slots are small (vault_limits)

std::string key_of(const VaultName& name) { return wire::to_field(name.account) + wire::to_field(name.agent); }

}  // namespace

task<void> Mirror::push_registry(Peer& peer) {
  auto const pages = std::make_shared<RegistryPages>(parts_.registry, told_);
  for (;;) {
    auto const page = co_await parts_.workers.offload([](std::shared_ptr<RegistryPages> p) { return p->next(); }, pages);
    if (!page) co_return;
    auto const theirs = co_await peer.call<wire::pb::SyncRegistry>(wire::Verb::registry, *page);
    co_await parts_.workers.offload([](Registry* registry, wire::pb::SyncRegistry p) { return merge_page(*registry, p); }, &parts_.registry, theirs);
  }
}

// What rotted here the partner may still have.  One that does not know the question breaks off; then it is not asked again on this connection.
task<void> Mirror::heal_registry(Peer& peer) {
  auto const question = co_await parts_.workers.offload([](Registry* registry) { return wanted_page(*registry); }, &parts_.registry);
  if (!question || !heals_) co_return;
  try {
    auto const theirs = co_await peer.call<wire::pb::SyncRegistry>(wire::Verb::registry, *question);
    co_await parts_.workers.offload([](Registry* registry, wire::pb::SyncRegistry p) { return merge_page(*registry, p); }, &parts_.registry, theirs);
  } catch (const wire::Refusal& e) {
    heals_ = false;
    log_warning("asking the partner for what is damaged in the registry here: {}", e.what());
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
    auto const slots = co_await slots_of(name);
    for (auto const& slot : slots) {
      if (bytes + slot.size() + 64 > kSlotPage) {
        auto full = std::exchange(page, wire::pb::SyncRegistry{});
        co_await push_slot_page(peer, std::move(full));
        bytes = 0;
      }
      auto* entry = page.add_entry();
      entry->set_kind(kSlotEntry);
      entry->set_key(key_of(name));
      entry->set_value(to_string(slot));
      entry->set_version(1);
      bytes += slot.size() + 64;
    }
  }
  if (page.entry_size() > 0) co_await push_slot_page(peer, std::move(page));
}

// A vault that cannot be opened, or read, keeps nothing of the others back; differing() counts it as behind.
task<std::vector<Buffer>> Mirror::slots_of(VaultName name) {
  try {
    auto const lease = co_await parts_.vaults.open(name.account, name.agent);
    co_return co_await lease->slots();
  } catch (const failure& e) {
    if (classify(e.code()) == Errc::cancelled) throw;
    log_error("mirroring the key slots of agent {}: {}", name.agent.brief(), e.what());
  }
  co_return std::vector<Buffer>{};
}

// Slots of agents that the partner has not heard of are nothing that should stop the others.
task<void> Mirror::push_slot_page(Peer& peer, wire::pb::SyncRegistry page) {
  try {
    co_await peer.call<wire::pb::SyncRegistry>(wire::Verb::registry, page);
  } catch (const wire::Refusal& e) {
    log_warning("mirroring key slots: {}", e.what());
  }
}

task<void> Mirror::pull_directory(Peer& peer) {
  auto const theirs = co_await peer.call<wire::pb::SignedDirectory>(wire::Verb::directory, wire::pb::GetDirectory{});
  co_await parts_.workers.offload([](AddressDirectory* directory, wire::pb::SignedDirectory d) { return directory->adopt(d); },
                                  &parts_.directory, theirs);
}

// Vaults of ours whose sets of snapshots are not equal to the partner's; and those for which a receipt did not get here, or could not be kept:
// then both have everything, and only this side does not know.
task<Mirror::Names> Mirror::differing(Peer& peer) {
  // Only what is here is kept of what the partner names, and it must get on: it could name vaults without end.
  auto const ours = co_await parts_.vaults.list();
  vaults_ = ours.size();
  std::set<std::string> known;
  for (auto const& name : ours) known.insert(key_of(name));
  struct Theirs {
    std::string digest, receipts;
  };
  std::map<std::string, Theirs> theirs;
  wire::pb::ListVaults question;
  for (bool more = true; more;) {
    auto const page = co_await peer.call<wire::pb::VaultList>(wire::Verb::vaults, question);
    std::string last = question.after();
    for (auto const& vault : page.vault()) {
      auto const key = vault.account() + vault.agent();
      if (key <= last) throw failure(Errc::protocol, "reading the partner's list of vaults: it does not ascend");
      if (known.contains(key) && vault.digest().size() == Digest::kSize) theirs[key] = Theirs{vault.digest(), vault.receipts()};
      last = key;
    }
    more = page.more() && page.vault_size() > 0;
    question.set_after(std::move(last));
  }
  Names out;
  std::set<std::string> agents;
  for (auto const& name : ours) {
    agents.insert(wire::to_field(name.agent));
    auto const found = theirs.find(key_of(name));
    see_theirs(name, found == theirs.end() ? std::string{} : found->second.digest + found->second.receipts);
    try {
      auto const summary = co_await parts_.vaults.summary(name);
      // One that says nothing of its receipts may have been set back, and nobody sees it.
      bool const equal = found != theirs.end() && found->second.digest == as_text(summary.digest.view()) &&
                         (found->second.receipts.empty() || found->second.receipts == as_text(summary.partner_receipts.view()));
      if (equal) forked_before_.erase(wire::to_field(name.agent));
      if (summary.head.sequence > 0 && !(equal && summary.is_protected)) out.insert(name);
    } catch (const failure& e) {
      if (classify(e.code()) == Errc::cancelled) throw;
      log_error("comparing the vault of agent {} with the partner's: {}", name.agent.brief(), e.what());
      out.insert(name);  // pushing it says why it cannot be done, and it counts as behind
    }
  }
  std::erase_if(forked_before_, [&](const std::string& agent) { return !agents.contains(agent); });
  co_return out;
}

// False when it could not be done and should be tried again; a lost connection throws.
task<bool> Mirror::push_vault(Peer& peer, ServerId partner, VaultName name, bool compare_all) {
  std::string fork;
  bool all = true, looked = true;
  try {
    auto const lease = co_await parts_.vaults.open(name.account, name.agent);
    auto& vault = *lease;
    wire::pb::OpenVault question;
    question.set_account(wire::to_field(name.account));
    question.set_agent(wire::to_field(name.agent));
    co_await peer.call<wire::pb::VaultState>(wire::Verb::open, question);
    co_await push_told(peer, name.agent);
    co_await push_vault_slots(peer, vault);

    std::set<std::uint64_t> lost;  // it took them once, or another partner did
    if (compare_all) {
      auto const taken = vault.numbers_with_receipt();
      lost.insert(taken.begin(), taken.end());
      co_await strike_out(peer, vault, lost);
    }
    std::vector<std::uint64_t> lacking;
    for (auto const sequence : vault.numbers()) {
      bool const there = compare_all ? vault.is_protected(sequence) && !lost.contains(sequence) : vault.is_pushed(sequence, partner);
      if (!there) lacking.push_back(sequence);
    }
    forget_too_much();
    auto& known = known_[name];
    known.compares = compares_;
    // A partner that lost snapshots may have lost what earlier pushes found there, and somebody may have put junk in its place.
    if (compare_all) known.trusted = lost.empty();
    for (auto const sequence : lacking) {
      auto rows = co_await vault.snapshots(sequence - 1, 1);
      if (rows.empty() || rows.front().sequence != sequence) {  // it cannot be read: the vault has said so
        all = looked = false;
        continue;
      }
      SnapshotPush push{peer, vault, parts_.identity.roots(), partner, known};
      bool const pushed = co_await push_row(push, std::move(rows.front()), name, fork);
      all = all && pushed;
      forget_too_much();
    }
    if (all) known_.erase(name);
  } catch (const failure& e) {
    all = looked = false;
    auto const code = classify(e.code());
    if (code == Errc::disconnected || code == Errc::protocol || code == Errc::cancelled || code == Errc::timed_out) throw;
    log_error("mirroring the vault of agent {}: {}", name.agent.brief(), e.what());
    if (code == Errc::no_space || code == Errc::busy) behind_[name].wait = {};
  }
  // Of what was not looked at, what was known before still holds.
  if (looked) forked_before_.erase(wire::to_field(name.agent));
  if (!all && (looked || !fork.empty())) behind_[name].fork = std::move(fork);
  co_return all;
}

// As much as a vault remembers of itself.  It only saves comparing, and sending further copies twice.
void Mirror::forget_too_much() {
  std::size_t groups = 0;
  for (auto const& [name, known] : known_) groups += known.found.group_count() + known.further.group_count();
  if (groups <= CompleteNodes::kMostGroups) return;
  for (auto& [name, known] : known_) known.found = known.further = NodeSet{};
}

// One that cannot be mirrored holds up none behind it: an object of it is lost here, or it is a fork, of which both sides keep what they have.  People must look.
// `fork`: the first of them, in words.
task<bool> Mirror::push_row(SnapshotPush& push, SnapshotRow row, VaultName name, std::string& fork) {
  auto const sequence = row.sequence;
  try {
    co_await push.push(std::move(row));
    co_return true;
  } catch (const failure& e) {
    auto const code = classify(e.code());
    if (code == Errc::fork) {
      log_error("FORK: the partner refuses snapshot {} of agent {}: {}", sequence, name.agent.brief(), e.what());
      if (fork.empty()) fork = fmt::format("number {} of agent {} ({})", sequence, name.agent.hex(), e.what());
    } else if (code == Errc::missing_object || code == Errc::damaged || code == Errc::malformed || code == Errc::too_large) {
      log_error("mirroring snapshot {} of agent {}: {}", sequence, name.agent.brief(), e.what());
    } else {
      throw;
    }
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
    co_await push_vault_slot(peer, text);
  }
}

// One for which there is no room, or that was set aside there, holds up neither snapshots nor the other slots.
task<void> Mirror::push_vault_slot(Peer& peer, std::string slot) {
  try {
    wire::pb::AddSlot question;
    question.set_slot(std::move(slot));
    co_await peer.call<wire::pb::Done>(wire::Verb::add_slot, question);
  } catch (const wire::Refusal& e) {
    if (classify(e.code()) != Errc::quota) throw;
    log_warning("mirroring key slots: {}", e.what());
  }
}

// Takes out of them those for which the partner shows the receipt that is kept here: where it shows another one, it has lost the snapshot since, and what hangs below.
task<void> Mirror::strike_out(Peer& peer, const Vault& vault, std::set<std::uint64_t>& sequences) {
  wire::pb::Snapshots question;
  for (bool more = !sequences.empty(); more;) {
    auto const page = co_await peer.call<wire::pb::SnapshotPage>(wire::Verb::snapshots, question);
    std::uint64_t last = 0;
    for (auto const& one : page.snapshot()) {
      auto const receipt = wire::parse_message<wire::pb::Receipt>(one.receipt().receipt());
      if (!receipt) {
        log_error("reading the partner's snapshots: a receipt that does not parse is passed over");
        continue;
      }
      last = std::max(last, receipt->sequence());
      if (vault.has_partner_receipt(receipt->sequence(), receipt_mark(one.receipt()))) sequences.erase(receipt->sequence());
    }
    more = page.more() && last > question.after() && !sequences.empty();
    question.set_after(last);
  }
}

}  // namespace farkeep
