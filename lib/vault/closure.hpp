#pragma once

#include <functional>
#include <set>
#include <unordered_set>
#include <vector>

#include "vault/chunk_index.hpp"
#include "vault/complete_nodes.hpp"
#include "vault/segments.hpp"

namespace farkeep {

/// Record copies that were found rotten while the program runs: they count as absent until a newer copy comes.
using DamagedCopies = std::unordered_set<std::uint64_t>;  // Place::copy()

/// Whether all that a snapshot refers to is present (LOCKING.md §6.5): level by level from the root, each new node read
/// once, references looked up some thousands at a time.  Holds the nodes of one level and the references of some records.
class Closure {
 public:
  Closure(ChunkIndex& index, Segments& segments, const CompleteNodes& complete, DamagedCopies& damaged)
      : index_(index), segments_(segments), complete_(complete), damaged_(damaged) {}

  /// `root` must be a node (else failure malformed), `envelope` merely there.  Once.
  task<void> check(ObjectId root, ObjectId envelope);

  /// What is missing, ascending; stops soon after `kMostMissing`.
  const std::set<ObjectId>& missing() const noexcept { return missing_; }
  bool is_complete() const noexcept { return missing_.empty(); }
  /// The nodes that were read, ascending: complete, if the closure is.
  std::vector<NodeKey> new_nodes() const { return {seen_.begin(), seen_.end()}; }
  std::uint64_t references() const noexcept { return references_; }

 private:
  struct Node {
    Place place;
    ObjectId id;
  };
  task<void> read_level();
  task<void> resolve();
  void enter(const ObjectId& id, const Place& place);
  void collect(const WindowContent& content, std::span<const Node> wanted);
  bool enough() const;

  ChunkIndex& index_;
  Segments& segments_;
  const CompleteNodes& complete_;
  DamagedCopies& damaged_;
  std::vector<Node> level_, next_;
  std::vector<ObjectId> questions_;
  std::set<ObjectId> missing_;
  std::set<NodeKey> seen_;
  std::uint64_t references_ = 0;
};

}  // namespace farkeep
