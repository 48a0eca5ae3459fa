#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/waiters.hpp"
#include "vault/vault.hpp"

namespace farkeep {

struct VaultName {
  AccountId account;
  AgentId agent;
  auto operator<=>(const VaultName&) const = default;
};

struct VaultSummary {
  VaultName name;
  VaultHead head;
  Digest digest;                      ///< Vault::set_digest()
  Digest receipts, partner_receipts;  ///< Vault::receipts_digest(), partner_receipts_digest()
  bool is_protected = true;           ///< every snapshot is
  std::uint64_t objects = 0, stored_bytes = 0;
};

struct VaultsSettings {
  VaultSettings vault;
  /// That many at once, at most: each has some files of its index open.
  std::size_t most_open = 256;
  /// What open vaults may take together, as they say themselves (Vault::memory()): those of 100 agents with ten million objects each.
  /// Beyond it idle ones are closed, the one used longest ago first.
  std::size_t memory = 128 * limits::kMiB;
  std::chrono::nanoseconds idle = std::chrono::minutes{5};
  /// Who finds no room waits for it: requests are short, so this is the time of a storm.
  std::chrono::nanoseconds patience = std::chrono::seconds{45};
  std::size_t most_waiting = 4096;  ///< a waiting request costs some KiB
  VaultsSettings() = default;
};

/// The vaults of a store: opened on demand, one object each, closed when nobody has used them for a while, or when others need the
/// room.  A lease is for one request, not for a connection: whoever merely holds a connection keeps no vault.  One thread.
class Vaults {
  struct Entry;

 public:
  /// Keeps a vault open.  Goes before close(), and before the Vaults.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { release(); }
    Vault& operator*() const { return *vault_; }
    Vault* operator->() const { return vault_; }
    explicit operator bool() const { return entry_ != nullptr; }
    void release() noexcept;

   private:
    friend class Vaults;
    Lease(std::shared_ptr<Entry> entry, Vaults& vaults);
    std::shared_ptr<Entry> entry_;
    Vault* vault_ = nullptr;
    Vaults* vaults_ = nullptr;
  };

  /// `cache_folder`: on a local disk; below it each vault has its own.
  Vaults(Store& store, Disk& cache_disk, std::string cache_folder, Workers& workers, Timers& timers, VaultsSettings settings);
  ~Vaults();

  /// For vaults that are opened from now on.
  void use(VaultSettings settings) { settings_.vault = settings; }

  StoreId store_id() const { return store_.id(); }

  /// Opens it, or shares the one that is open.  A vault that holds nothing yet is fine.  Waits while as many as allowed are in use; busy:
  /// that lasted longer than `patience`, or too many wait.
  task<Lease> open(AccountId account, AgentId agent);
  /// All that have at least one object, in order.
  task<std::vector<VaultName>> list();
  /// What the partner compares.  Opens a vault only if it was not open since the start; one that could not be opened for it fails again with the same words,
  /// and is not tried for a while, longer each time: it is asked for with every comparison.
  task<VaultSummary> summary(VaultName name);

  /// Closes idle vaults until it is cancelled.
  task<void> run();
  /// Closes all; no lease is out.  Throws the first failure when all are closed.
  task<void> close();
  std::size_t open_count() const;

 private:
  task<void> wait_for_room(std::shared_ptr<Entry> entry);
  task<void> make_room(Entry& entry);
  std::size_t memory() const;
  task<void> close_entry(std::shared_ptr<Entry> entry);
  static VaultSummary summarize(const Vault& vault);

  Store& store_;
  Disk& cache_disk_;
  const std::string cache_folder_;
  Workers& workers_;
  Timers& timers_;
  VaultsSettings settings_;
  Budget large_checks_{2 * Closure::kLarge};  // two at once, of all vaults: half of the memory that a server is meant to need
  Waiters room_;
  Turn making_room_;  // first come, first served
  std::size_t in_line_ = 0;
  std::map<VaultName, std::shared_ptr<Entry>> entries_;
};

}  // namespace farkeep
