#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agent/fetcher.hpp"
#include "archive/entry.hpp"
#include "async/queue.hpp"
#include "platform/target_tree.hpp"

namespace farkeep {

/// Puts a file's content, which arrives in order, where it belongs: at once, or into the data ranges of a sparse file.
/// Throws failure(damaged) when there is more or less of it than the entry says.  Blocks: for a worker.
class ContentWriter {
 public:
  ContentWriter(TargetFile& file, const Entry& entry);
  void write(ByteView bytes);
  /// Sets the final size.
  void finish();

 private:
  TargetFile& file_;
  const Entry& entry_;
  std::size_t range_ = 0;
  std::uint64_t at_ = 0;    // in the file, or in the range
  std::uint64_t left_ = 0;  // content still to come
};

/// A part of a large file's content: a run of chunks, and their bytes.
struct ContentPiece {
  std::vector<ObjectId> chunks;
  std::uint64_t bytes = 0;
  std::shared_ptr<ObjectSet> objects;
};

/// Fetches a large file's content piece by piece, chunk lists included.
class ContentReader {
 public:
  /// `piece`: about how many bytes one has.
  ContentReader(const Entry& entry, Fetcher& fetcher, std::size_t piece) : entry_(entry), fetcher_(fetcher), piece_(piece) {}
  /// Pushes all pieces in order, then closes the queue.
  task<void> read_all(Queue<ContentPiece>& to);

 private:
  task<void> push(std::vector<ObjectId> chunks, std::uint64_t bytes, Queue<ContentPiece>& to);

  const Entry& entry_;
  Fetcher& fetcher_;
  const std::size_t piece_;
};

}  // namespace farkeep
