#pragma once

#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "archive/entry.hpp"
#include "archive/node_queue.hpp"
#include "base/error.hpp"
#include "base/id.hpp"

namespace farkeep {

/// A path at which two catalogs differ.
struct CatalogChange {
  std::optional<Entry> before;  ///< nothing: it was added
  std::optional<Entry> after;   ///< nothing: it was removed

  const std::string& path() const { return after ? after->path : before->path; }
};

/// What changed between two catalogs, in path order.  Fetched and given as with CatalogStream; subtrees that are the
/// same in both are neither fetched nor read, so the cost is that of the changes.
///
/// Entries that differ in ctime and inode only are no change (same_restored).
class CatalogDiff {
 public:
  CatalogDiff(const ObjectId& before, const ObjectId& after, const CatalogRange& range = CatalogRange::whole())
      : before_(before, range), after_(after, range) {}

  /// As CatalogStream::wanted(); a node that both catalogs need is named once.
  std::vector<ObjectId> wanted(std::size_t most);
  result<void> give(const ObjectId& id, ByteView message, std::span<const ObjectId> refs);
  /// Nothing when a wanted node must come first, or at_end().
  std::optional<CatalogChange> next();
  /// True only after next() gave nothing.
  bool at_end() const noexcept { return before_.empty() && after_.empty(); }

 private:
  NodeQueue before_, after_;
  std::unordered_set<ObjectId> outstanding_;  // a node may be asked for by both
};

}  // namespace farkeep
