#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "async/waiters.hpp"
#include "async/workers.hpp"
#include "base/rare_line.hpp"
#include "crypto/random.hpp"
#include "transport/secure_dialer.hpp"
#include "vault/directory.hpp"
#include "vault/registry_sync.hpp"
#include "vault/session.hpp"
#include "vault/snapshot_push.hpp"
#include "vault/vaults.hpp"

namespace farkeep {

struct MirrorSettings {
  MirrorSettings() = default;
  std::vector<Endpoint> addresses;  ///< of the partner; none: those that it announced
  std::chrono::nanoseconds interval = std::chrono::minutes{1};   ///< between two comparisons of everything
  std::chrono::nanoseconds backoff = std::chrono::minutes{15};   ///< the longest wait after failures
};

/// What the mirror works with; all of it outlives it.
struct MirrorParts {
  Registry& registry;
  const Identity& identity;
  AddressDirectory& directory;
  Vaults& vaults;
  Workers& workers;
  Timers& timers;
  const Clock& clock;
  ClockGuard& guard;
  Random& random;
  SecureDialer& dialer;
  std::string software;
};

/// Pushes to the partner what it lacks: the registry, slots, and every snapshot, at once when it comes and after an outage (PROTOCOL.md §4).
///
/// The partner's Mirror does the same the other way; between them both sets become equal.  Nothing is ever removed.  While there
/// is no partner it waits for one; a partner that cannot be reached is tried again later and later, and at once when it
/// connects itself.  A vault that cannot be mirrored does not hold up the others: it is logged, and tried again.
class Mirror final : public MirrorNews {
 public:
  Mirror(MirrorParts parts, MirrorSettings settings) : parts_(std::move(parts)), settings_(std::move(settings)) {}

  /// Until cancelled.
  task<void> run();
  /// For what comes from now on; a connection that stands is kept, one that cannot be had is tried at once.
  void use(MirrorSettings settings);
  /// Whether a conversation with the partner goes on.  Any thread.
  bool talks() const noexcept { return talks_; }
  void vault_changed(const VaultName& name) override;
  void partner_lost_some(const VaultName& name) override;
  void registry_changed() override;
  void partner_came() override;

 private:
  using Names = std::set<VaultName>;

  task<void> converse(vault::pb::Partner partner);
  task<std::unique_ptr<SecureStream>> connect(vault::pb::Partner partner);
  task<void> work(Peer& peer, ServerId partner);
  task<void> greet(Peer& peer, ServerId partner);
  task<void> push_registry(Peer& peer);
  task<void> heal_registry(Peer& peer);
  task<void> push_told(Peer& peer, AgentId agent);
  task<std::vector<Buffer>> slots_of(VaultName name);
  task<void> push_slots(Peer& peer);
  task<void> push_slot_page(Peer& peer, wire::pb::SyncRegistry page);
  task<void> pull_directory(Peer& peer);
  task<Names> differing(Peer& peer);
  task<void> push_vaults(Peer& peer, ServerId partner, Names names, bool compare_all);
  Names due_again() const;
  void see_theirs(const VaultName& name, const std::string& digest);
  task<bool> push_vault(Peer& peer, ServerId partner, VaultName name, bool compare_all);
  void forget_too_much();
  task<bool> push_row(SnapshotPush& push, SnapshotRow row, VaultName name, std::string& fork);
  task<void> push_vault_slots(Peer& peer, Vault& vault);
  task<void> push_vault_slot(Peer& peer, std::string slot);
  task<void> strike_out(Peer& peer, const Vault& vault, std::set<std::uint64_t>& sequences);
  task<void> wait_for_news(std::chrono::nanoseconds longest);
  /// What the partner does not take because it has another snapshot under that number.
  struct Forks {
    std::string text;                 // empty: there are none
    std::vector<std::string> agents;  // the first 1,024
  };
  Forks about_forks() const;
  task<void> recall_forks();
  task<void> note(std::string problem, std::size_t behind, std::optional<Forks> forks = std::nullopt);

  MirrorParts parts_;
  MirrorSettings settings_;
  /// A vault that could not be mirrored waits on its own, longer each time: opening and comparing it takes what others need.  Not when something has changed
  /// in the partner's, nor longer when it is the partner that has no room.
  struct Behind {
    std::chrono::nanoseconds wait{};
    SteadyTime again{};
    std::string theirs;  // the digest of the partner's, when it was seen last
    std::string fork;    // both sides have another snapshot under one number: what the partner said; empty: no
  };

  Names changed_;
  Names to_compare_;  // of changed_: as a whole
  std::map<VaultName, Behind> behind_;  // on this connection
  std::set<std::string> forked_before_;  // agents of whom there was one before this connection, and whose vault was not looked at since
  std::string fork_before_;              // the text of then
  bool registry_changed_ = false;
  Waiters news_;
  Waiters try_now_;       // ends the wait after a failure
  ToldEntries told_;      // on this connection, since everything was told
  bool heals_ = true;     // the partner answers questions for damaged entries
  std::string partner_root_;  // the key of the root under which the partner stood when it was greeted last; empty: not since the start
  std::atomic<bool> talks_{false};
  bool reached_ = false;  // the partner answered since the last failure
  bool compares_ = false;  // the partner knows how to (PROTOCOL §4)
  std::map<VaultName, PartnerKnowledge> known_;  // of this connection, of vaults that could not be mirrored: not compared again and again
  std::string logged_problem_;
  RareLine greetings_{LogLevel::info}, problems_{LogLevel::warning};  // a partner may greet, and then fail, as often as it likes
  std::uint64_t vaults_ = 0;
};

}  // namespace farkeep
