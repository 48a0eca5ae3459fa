#pragma once

#include <cstdint>
#include <vector>

#include "store/store.hpp"
#include "vault/chunk_index.hpp"
#include "vault/layout.hpp"
#include "vault/small_object.hpp"

namespace farkeep {

/// Objects all of whose copies a client could not use: of each, one further copy is taken in, a spare (LOCKING.md §4).
///
/// What was reported is durable, and bounded for the life of a vault: whoever reports more is served, and believed no further.
/// One thread.
class ReportedIds {
 public:
  static constexpr std::size_t kMostReports = 64;   // objects in the store: each costs a sync
  static constexpr std::size_t kMostIds = 4096;     // in all of them: 140 KB; rot or junk beyond that is no accident of single records

  ReportedIds(Store& store, const VaultLayout& layout, ChunkIndex& index) : store_(store), layout_(layout), index_(index) {}

  task<void> load();
  /// A spare of it is wanted, and there is none yet.
  bool wanted(const ObjectId& id) const { return !wanted_.empty() && wanted_.contains(id); }
  bool none_wanted() const noexcept { return wanted_.empty(); }
  /// Durable on return, as far as there is room for it.
  task<void> add(std::vector<ReportedObject> objects);
  /// A further copy was received.  Should it not become durable, the next start finds that it is still wanted.
  void spare_received(const ObjectId& id) { wanted_.erase(id); }

 private:
  task<void> find_wanted();

  Store& store_;
  const VaultLayout& layout_;
  ChunkIndex& index_;
  IdMap<std::uint16_t> reported_;  // with how many copies there were
  IdMap<std::uint16_t> wanted_;
  std::size_t reports_ = 0;
  std::uint64_t next_ = 1;
};

}  // namespace farkeep
