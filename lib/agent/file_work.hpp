#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/earlier_content.hpp"
#include "agent/scanner.hpp"
#include "archive/chunk_list_builder.hpp"
#include "archive/entry.hpp"
#include "archive/record_codec.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "chunk/chunker.hpp"
#include "crypto/keyring.hpp"

namespace farkeep {

/// In place of a ctime by which nobody can tell whether the file has changed since: no run takes over what has it.
inline constexpr std::int64_t kNoCtime = 0;

/// A chunk of content that was just read: where it lies in its batch's data.
struct CutChunk {
  ObjectId id;
  std::uint32_t offset;
  std::uint32_t size;
};

/// A file that changes under our hands is read once more, then kept with a mark.
inline constexpr int kTriesToRead = 2;

/// Content read from disk, cut and named.  Moves to the uploader as one piece.
struct CutData {
  Buffer bytes;
  std::vector<CutChunk> chunks;
};

/// What every reader needs; all of it outlives the readers and is safe to share between threads.
struct ReadContext {
  const KeyRing& keys;
  const CutKey& cut_key;
  ChunkSizes sizes;
  const Clock& clock;
  bool attributes_anew = false;  ///< of a file whose content is taken over, attributes are read all the same
};

/// Reads one regular file and cuts it into chunks, piece by piece, so that a file of any size needs one piece of memory.
///
/// Of a file that grows while it is read, 64 MiB more are taken than it had at first.  A file whose size, mtime or ctime differ after reading from what they were before is marked as changed while read.
/// One that changed so shortly before that another change need not show in its ctime is left without one (kNoCtime).
/// Throws failure when the file cannot be opened or read.  Blocks on the disk: call it from a worker.
class FileCutter {
 public:
  FileCutter(const ReadContext& context, const ScanItem& item);
  FileCutter(const ReadContext& context, const std::string& path, std::unique_ptr<SourceFile> file);
  ~FileCutter();

  /// What the file consisted of before, to find its cuts faster.  Outlives the cutter.
  void expect(EarlierContent& earlier) { earlier_ = &earlier; }
  /// Reads on until about `most` bytes were added to `out`, or the end.  Appends bytes and chunks (none for inline content).
  /// Returns false when the file is finished.
  bool step(CutData& out, std::size_t most);
  /// Nodes of the chunk list that are finished: only of files with very many chunks.  To be sent like catalog nodes.
  std::vector<NodePlainOwned> take_list_nodes();
  /// After the last step: the file's entry, with content references and extended attributes.
  /// One that lacks attributes which could not be read has no ctime (kNoCtime).
  Entry finish();
  /// Then: what the entry lacks, and why; empty: nothing.
  const std::string& lost() const { return lost_; }
  bool has_flags() const { return file_->has_flags(); }
  /// When it was opened.
  std::uint64_t size_at_first() const { return before_.size; }

 private:
  std::size_t fill(Buffer& to, std::size_t most);
  void cut(CutData& out, std::size_t begin, bool last);
  ChunkRef next_chunk(ByteView rest, bool last);

  const ReadContext& context_;
  Chunker chunker_;
  EarlierContent* earlier_ = nullptr;
  std::unique_ptr<SourceFile> file_;
  const WallTime began_;  // before anything was read
  EntryStat before_;
  Entry entry_;
  std::size_t range_ = 0;  // of a sparse file: which data range…
  std::uint64_t at_ = 0;   // …and how much of it was read
  Buffer tail_;  // read, not yet cut
  ChunkListBuilder list_;
  std::vector<NodePlainOwned> list_nodes_;
  std::uint64_t content_ = 0;
  bool at_end_ = false;
  std::string lost_;
};

/// An entry's metadata from what the scan saw, without content, extended attributes or owner names.
Entry entry_of(const ScanItem& item);

/// By what the system says of it, the file is what it was when `before` was made: its content need not be read again.
bool unchanged(const Entry& before, const EntryStat& now);
/// Nothing shows a change, and nothing would have to: `before` has no ctime.
bool perhaps_unchanged(const Entry& before, const EntryStat& now);

/// Something of a source could not be read.  That is this entry's own problem, whatever the code says: a disk may lie behind a network.  All else that fails is the run's.
struct Unreadable : failure {
  explicit Unreadable(const failure& f) : failure(f) {}
};

/// …for it was removed since the walk had listed it.
struct NotThere : Unreadable {
  using Unreadable::Unreadable;
};

[[noreturn]] void give_up(const ScanItem& item, const failure& f);
/// What `read` gives, which does nothing but look at the item, on its disk.  Throws Unreadable.
template <class Read>
auto read_of(const ScanItem& item, Read read) {
  try {
    return read();
  } catch (const failure& f) {
    give_up(item, f);
  }
}

/// The most content of a file that is read whole, and of the files of a batch but the last.
inline constexpr std::size_t kMostSmall = 4 * limits::kMiB;

/// One unit of work for a worker: a run of items in order, each either taken over from an earlier catalog or to be read.
struct WorkBatch {
  struct Item {
    ScanItem found;
    std::optional<Entry> reuse;  ///< its content is known: take it as it is
    std::optional<Entry> before; ///< a large file that has to be read: what it was
    bool journal = false;        ///< it was taken over from a journal: the new journal needs it too
  };
  std::vector<Item> items;
};

struct DoneBatch {
  struct Problem {
    std::string path;
    std::string text;
    bool kept = false;  ///< there is an entry all the same, which lacks something
  };
  std::vector<Entry> entries;  ///< in order; an unreadable file has none
  std::vector<bool> journal;   ///< for each: it belongs in the journal
  CutData data;
  std::vector<Problem> problems;
  CountedPaths vanished;
  CountedPaths flagged;  ///< files with flags (SourceFile::has_flags)
  std::uint64_t changed_while_read = 0;
  std::uint64_t bytes_read = 0;
  std::vector<WorkBatch::Item> rest;  ///< what was not done: there was too much for one piece of memory
  bool grown = false;                 ///< the first of them is a file that is too large for a batch by now
};

/// Does the work of one batch: reads small files whole, looks up link targets and extended attributes.  What lies on disk now may be larger than what the walk saw: it
/// stops before a file of more than kMostSmall, and behind so many bytes of content and attributes in all.
DoneBatch do_batch_of(const ReadContext* context, WorkBatch batch);

}  // namespace farkeep
