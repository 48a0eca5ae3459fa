#pragma once

#include <string>

#include "platform/entry_meta.hpp"

namespace farkeep::sim {

/// A folder of its own on the machine, in memory where there is one that is a file system; empty at first, gone at the end.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  /// To whom belongs what is made there.
  static EntryStat owner();

 private:
  std::string path_;
};

}  // namespace farkeep::sim
