#pragma once

#include <atomic>
#include <mutex>

#include "platform/target_tree.hpp"

struct stat;

// For the bodies of target_tree.hpp only.
namespace farkeep {

/// What the folders and files of one restore share.
class TargetContext {
 public:
  explicit TargetContext(const TargetOptions& options);

  struct Owner {
    std::uint32_t uid, gid;
  };
  /// Whom the entry should belong to here.
  Owner owner_for(const EntryStat& stat, const OwnerText& text);
  std::string temporary_name();

  const TargetOptions options;
  const std::uint32_t our_uid;

 private:
  std::string prefix_;
  std::atomic<std::uint64_t> counter_ = 0;
  std::mutex lock_;  // of names_
  OwnerNames names_;
};

namespace posix {

/// One component: not empty, no slash, no NUL, neither . nor ..; otherwise failure (malformed).
void check_target_name(const std::string& name);

/// Opens the existing folder `relative` ("a/b/c") below `folder` and nothing else: no .., no symlinks, no way out.
/// Empty with errno when that failed.
Descriptor open_beneath(int folder, const std::string& relative, TargetOptions::Walk walk);

/// Removes what restores that ended in the middle left in a folder: unfinished files that are ours, and that nobody is writing to.
void remove_leftovers(int folder);

/// Gives what was made as `from` the name `to`; false when something has the name that was not there before.
void take_place(int folder, const std::string& from, const std::string& to, bool replace);

/// The entry to which metadata is applied, as fstat sees it now.
struct ApplyTo {
  int descriptor;
  bool path_only;   // O_PATH
  bool had_xattrs;  // it may carry attributes that the snapshot does not know
  const struct ::stat& now;
  const std::string& shown;
};
/// Says why something could not be applied, if nothing was said before.
void say_why(NotApplied& missing, int error);

NotApplied apply_metadata(const ApplyTo& to, TargetContext& context, const EntryStat& stat,
                          std::span<const Xattr> xattrs, const OwnerText& owner);

}  // namespace posix
}  // namespace farkeep
