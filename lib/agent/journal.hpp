#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "archive/entry.hpp"
#include "archive/node_codec.hpp"
#include "base/bytes.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// The entries that a run has finished reading, in catalog order: what lets a crash, a reboot, a failover or a retry continue.
///
/// The next attempt reads it like the previous catalog.  Nothing in it is trusted: an entry is taken over only when the file's
/// stat is still the same and the server says that it has every chunk, those below a large file's lists too.  So it needs no fsync and may end anywhere:
///   frames { message size u32, references u32, first 8 bytes of SHA-256 over message and references, message, references }
/// where the message is a catalog leaf (FORMAT.md §3).  Reading stops at the first frame that is not whole, or larger than a node may be: so a frame ends,
/// as a leaf does, with the entry that makes it kNodeWeight heavy, which is far below that.
class JournalWriter {
 public:
  /// Starts an empty journal at `path`, in the place of whatever was there.
  JournalWriter(Disk& disk, const std::string& path);
  void add(std::span<const Entry> entries);

 private:
  void write(LeafEncoder& encoder);

  std::unique_ptr<DiskFile> file_;
};

class JournalReader {
 public:
  /// Nothing when there is no journal.
  static std::unique_ptr<JournalReader> open(Disk& disk, const std::string& path);
  /// The next frame's entries; empty at the end.
  std::vector<Entry> next();

 private:
  std::unique_ptr<DiskFile> file_;
  std::uint64_t at_ = 0;
};

}  // namespace farkeep
