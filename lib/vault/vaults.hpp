#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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
  Digest digest;  ///< Vault::set_digest()
  bool is_protected = true;  ///< the partner's receipt is here for every snapshot
  std::uint64_t objects = 0, stored_bytes = 0;
};

struct VaultsSettings {
  VaultSettings vault;
  std::size_t most_open = 64;                      ///< each costs its index's filters and a few MiB while it is written to
  std::chrono::nanoseconds idle = std::chrono::minutes{5};
  VaultsSettings() = default;
};

/// The vaults of a store: opened on demand, one object each, closed when nobody has used them for a while.  One thread.
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
    Lease(std::shared_ptr<Entry> entry, Timers& timers);
    std::shared_ptr<Entry> entry_;
    Vault* vault_ = nullptr;
    Timers* timers_ = nullptr;
  };

  /// `cache_folder`: on a local disk; below it each vault has its own.
  Vaults(Store& store, Disk& cache_disk, std::string cache_folder, Workers& workers, Timers& timers, VaultsSettings settings);
  ~Vaults();

  /// For vaults that are opened from now on.
  void use(VaultSettings settings) { settings_.vault = settings; }

  StoreId store_id() const { return store_.id(); }

  /// Opens it, or shares the one that is open.  A vault that holds nothing yet is fine.  busy: as many as allowed are in use.
  task<Lease> open(AccountId account, AgentId agent);
  /// All that have at least one object, in order.
  task<std::vector<VaultName>> list();
  /// What the partner compares.  Opens a vault only if it was not open since the start.
  task<VaultSummary> summary(VaultName name);

  /// Closes idle vaults until it is cancelled.
  task<void> run();
  /// Closes all; no lease is out.  Throws the first failure when all are closed.
  task<void> close();
  std::size_t open_count() const;

 private:
  task<void> make_room();
  task<void> close_entry(std::shared_ptr<Entry> entry);
  static VaultSummary summarize(const Vault& vault);

  Store& store_;
  Disk& cache_disk_;
  const std::string cache_folder_;
  Workers& workers_;
  Timers& timers_;
  VaultsSettings settings_;
  std::map<VaultName, std::shared_ptr<Entry>> entries_;
};

}  // namespace farkeep
