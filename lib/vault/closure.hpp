#pragma once

#include <array>
#include <memory>
#include <set>
#include <vector>

#include "async/budget.hpp"
#include "vault/complete_nodes.hpp"
#include "vault/copies.hpp"
#include "vault/segments.hpp"

namespace farkeep {

/// What a catalog may cost that an agent made up, each with what honest ones need (FORMAT.md §4: leaves of 32 entries, 64 children).
struct ClosureLimits {
  ClosureLimits() = default;
  /// Inner nodes, chunk lists, and a leaf and a root: a longer chain is no catalog.
  std::size_t depth = limits::kMaxCatalogDepth + 8 + 2;
  /// Nodes that wait to be read, over all levels.  An honest catalog is wide at its leaves and lists only, and there each level
  /// is read when it has `batch` of them.
  std::size_t waiting = std::size_t{1} << 20;
  std::size_t batch = std::size_t{1} << 17;
  /// Groups of up to 64 nodes in one record (NodeSet): two million records, where a hundred million files that lie in whole records
  /// have fifty thousand.
  std::size_t groups = std::size_t{1} << 21;
};

/// Whether all that a snapshot refers to is present (LOCKING.md §6.5): from the root down, each new node read once, references looked up
/// some thousands at a time.  Each level is read in the order in which it lies; a level that grows wide is taken down to the data
/// before it grows further.  So memory is bounded by ClosureLimits, whatever graph an agent made: beyond them, failure too_large.
class Closure {
 public:
  /// Whose copies are walked: those that serve, or of those that the partner sent the newest or the oldest, where it sent any.
  enum class Walk { serving, newest_of_partner, oldest_of_partner };

  /// `large` bounds how many large checks run at once, over all vaults: those beyond some ten thousand nodes wait for kLarge of it.
  Closure(ServingCopies& copies, Segments& segments, const CompleteNodes& complete, Budget* large = nullptr, ClosureLimits most = {}, Walk walk = Walk::serving)
      : copies_(copies), segments_(segments), complete_(complete), large_(large), most_(most), walk_(walk) {}

  /// `root` must be a node (else failure malformed), `envelope` merely there.  Once.
  task<void> check(ObjectId root, ObjectId envelope);

  /// What is missing, ascending; stops soon after `kMostMissing`.
  const std::set<ObjectId>& missing() const noexcept { return missing_; }
  bool is_complete() const noexcept { return missing_.empty(); }
  /// The nodes that were read: complete, if the closure is.  Once, last.
  NodeSet take_nodes() { return std::move(seen_); }
  /// A copy that the partner sent stood behind one that was walked as what serves: another walk may find another catalog.
  bool met_partners() const noexcept { return met_partners_; }
  std::uint64_t references() const noexcept { return references_; }
  std::uint64_t bytes_read() const noexcept { return bytes_read_; }

  static constexpr std::size_t kLarge = 128 * limits::kMiB;  // what `waiting` and `groups` come to

 private:
  struct Node {
    Place place;
    ObjectId id;
  };
  task<void> read_level(std::size_t depth);
  task<void> resolve(std::size_t depth);
  task<std::vector<std::optional<Place>>> find(std::vector<ObjectId> ids);
  void enter(const ObjectId& id, const Place& place, std::size_t depth);
  void collect(const WindowContent& content, std::span<const Node> wanted);
  bool enough() const;
  std::size_t wide() const;

  ServingCopies& copies_;
  Segments& segments_;
  const CompleteNodes& complete_;
  Budget* large_;
  Budget::Lease held_;
  const ClosureLimits most_;
  const Walk walk_;
  std::vector<std::vector<Node>> levels_;  // found and not taken up yet
  std::size_t waiting_ = 0;                // nodes in levels_, and in the levels that are being read
  std::vector<ObjectId> questions_;
  std::set<ObjectId> missing_;
  NodeSet seen_;
  bool met_partners_ = false;
  std::uint64_t references_ = 0, bytes_read_ = 0;
};

}  // namespace farkeep
