#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// Small files that a program goes on without: what is remembered of servers, jobs and snapshots must not keep anybody from restoring when the disk is full or
/// read only.
///
/// What the disk does not take is kept in memory and counts from there, for this object, until the disk takes it or somebody else changes the file.  Each write that works
/// takes a few of those along: there may be thousands, and whoever writes does not wait for them.  The log
/// says so once, and again only after the disk has taken all of it.  One thread.
class HintFiles {
 public:
  /// `without`: what is lost meanwhile, for the log.
  HintFiles(Disk& disk, std::string without) : disk_(disk), without_(std::move(without)) {}

  /// Atomically and durably, in a folder that is made if it is missing; or in memory.
  void write(const std::string& path, ByteView bytes);
  void remove(const std::string& path);
  /// As read_file(), and throws as that does.
  std::optional<Buffer> read(const std::string& path, std::size_t limit) const;
  /// Tries again all that is in memory alone.  False: some of it still is.
  bool write_rest();
  /// Does so too, and throws what the disk says: for work that must not go on without these files.
  void insist();
  /// What is in memory alone is true no longer.
  void forget() { unwritten_.clear(); }

 private:
  struct Unwritten {
    std::optional<Buffer> bytes;                 // nothing: it is to be removed
    std::optional<std::optional<Buffer>> before;  // what the disk holds instead, a file or none; nothing: it does not say
  };
  void write_some(std::size_t most);
  void put(const std::string& path, const std::optional<Buffer>& bytes);
  void put_or_keep(const std::string& path, std::optional<Buffer> bytes);
  std::optional<std::optional<Buffer>> on_disk(const std::string& path) const;
  bool counts(const std::string& path, Unwritten& unwritten) const;

  Disk& disk_;
  const std::string without_;
  mutable std::map<std::string, Unwritten> unwritten_;
  std::string tried_;  // the last one that was tried again
  bool told_ = false;
};

}  // namespace farkeep
