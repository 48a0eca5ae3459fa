#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "agent/node_loader.hpp"
#include "archive/content_stream.hpp"
#include "archive/entry.hpp"
#include "async/task.hpp"

namespace farkeep {

/// What a large file consisted of in the last snapshot: where its content goes on as before, the next cut is known, and naming the
/// chunk proves it.  That spares the search for cuts, which costs more than the naming.
///
/// The cuts are those that the chunker would have made: a cut depends on nothing but the bytes of its chunk (FORMAT.md §7).  The last
/// chunk of a file is no such cut, because the file's end made it.
///
/// Holds a window of the list, whatever the size of the file.  refill() is for the thread of coroutines; the others for whoever cuts,
/// never both at once.
class EarlierContent {
 public:
  explicit EarlierContent(const Entry& entry) : stream_(entry) {}

  /// Reads on in the list.  Without the nodes that it needs, the list ends there: it is only a hint.
  task<void> refill(NodeLoader& nodes);

  /// The chunk that comes next if content goes on as before.
  std::optional<ChunkRef> expected() const;
  /// It did come.
  void came() { ++at_; }
  /// Another one came.  If the earlier content had it, nearby, what followed there is expected from now on.
  void other_came(const ObjectId& id);

 private:
  ContentStream stream_;
  bool ended_ = false;
  std::deque<ChunkRef> window_;
  std::uint64_t first_ = 0;  // the place of window_[0] in the list
  std::uint64_t at_ = 0;     // the place of what is expected
  bool lost_ = false;        // nothing is expected until a chunk is found again
  std::unordered_map<ObjectId, std::uint64_t> where_;
};

}  // namespace farkeep
