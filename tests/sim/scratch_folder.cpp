#include "sim/scratch_folder.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.hpp"
#include "platform/source_tree.hpp"

namespace farkeep::sim {
namespace fs = std::filesystem;

ScratchFolder::ScratchFolder() {
  static const std::string above = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path().string();
  path_ = above + "/farkeep-sim.XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw_errno(errno, "making a folder in " + above);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

EntryStat ScratchFolder::owner() {
  static const EntryStat stat = [] {
    ScratchFolder const folder;
    return SourceFolder::open(folder.path())->stat();
  }();
  return stat;
}

}  // namespace farkeep::sim
