#pragma once

#include <optional>
#include <span>
#include <vector>

#include "archive/entry.hpp"
#include "archive/node_queue.hpp"
#include "base/error.hpp"
#include "base/id.hpp"

namespace farkeep {

/// The entries of a catalog in path order, from nodes that somebody else fetches: it says which, and is given them.
///
///   while (!stream.at_end()) {
///     if (auto entry = stream.next()) use(*entry);
///     else for (id : stream.wanted(32)) stream.give(id, fetch(id)…);   // in any order, as they come
///   }
///
/// Opens only nodes that may hold entries of the range.  Memory: the nodes asked for, and the ids and last paths of
/// their neighbours.  After an error of give() the stream is of no more use.  One thread.
class CatalogStream {
 public:
  explicit CatalogStream(const ObjectId& root, CatalogRange range = CatalogRange::whole())
      : queue_(root, std::move(range)) {}

  /// Nodes to fetch, in the order in which they are needed; each is named once.  At most so many that `most` are asked
  /// for or here and unread, but never none while next() waits for one that was not named.
  std::vector<ObjectId> wanted(std::size_t most);
  /// A node's message and references, whose id was recomputed (RecordOpener does).  One that is no longer wanted is
  /// ignored.  malformed, too_large, unsupported_version.
  result<void> give(const ObjectId& id, ByteView message, std::span<const ObjectId> refs) {
    return queue_.give(id, message, refs);
  }
  /// A wanted node that nobody can give: what is below it is left out.  Nothing for the root, without which there is no catalog.
  std::vector<NodeQueue::Gap> skip(const ObjectId& id) { return queue_.skip(id); }
  /// Nothing when a wanted node must come first, or at_end().
  std::optional<Entry> next();
  bool at_end() const noexcept { return queue_.empty(); }

 private:
  NodeQueue queue_;
};

}  // namespace farkeep
