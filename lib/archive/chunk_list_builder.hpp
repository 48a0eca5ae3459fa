#pragma once

#include <cstdint>
#include <vector>

#include "archive/catalog_builder.hpp"
#include "archive/entry.hpp"
#include "crypto/keyring.hpp"

namespace farkeep {

/// The references of one file's content, however long: up to kMaxEntryRefs chunks stay in the entry, more become lists
/// below it (FORMAT.md §3).
///
/// Lists go to the sink as soon as they are finished, so a file of terabytes never has all its references in memory: at
/// most kMaxEntryRefs + 1,024 per level.  One thread; one object per file, or clear() in between.
class ChunkListBuilder {
 public:
  /// `keys` outlives the builder.
  ChunkListBuilder(const KeyRing& keys, NodeSink sink) : keys_(keys), sink_(std::move(sink)) {}

  void add(const ChunkRef& chunk) { add_at(0, chunk); }
  /// Writes `chunks` and `list_depth` of the entry, and starts anew.
  void finish(Entry& entry);
  /// Forgets what was added: the file could not be read to its end.
  void clear() { levels_.clear(); }

 private:
  // A level keeps its references until they are too many for an entry; from then on it cuts them into lists.
  struct Level {
    std::vector<ChunkRef> pending;
    bool cutting = false;
  };

  void add_at(std::size_t level, const ChunkRef& ref);
  void cut_if_due(std::size_t level);
  void end_list(std::size_t level);

  const KeyRing& keys_;
  NodeSink sink_;
  std::vector<Level> levels_;
};

}  // namespace farkeep
