#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/restore_files.hpp"

namespace farkeep::restoring {

/// What a restore was asked for.  Folders that only lead there are made where they are missing, and left as they are where they stand.
class Asked {
 public:
  /// In the catalog's spelling; none: everything.
  explicit Asked(const std::vector<std::string>& paths);
  /// It, or a folder that it lies in.
  bool has(std::string_view path) const;

 private:
  std::set<std::string, std::less<>> paths_;
};

/// The folders of the target that a walk in the catalog's order is in, from the target down.  Holds few descriptors, however deep it goes.  Blocks: its calls make and open folders.
class FolderWalk {
 public:
  /// `made`: folders that this restore made, in earlier attempts too, and that still wait for their metadata.  Outlives it.
  FolderWalk(std::shared_ptr<TargetFolder> top, Asked asked, std::unordered_set<std::string>& made);

  /// Leaves what is not on the way to `parts`, innermost first: they get their metadata when everything that was planned so far is written.  Those, too, that are
  /// no longer where they were.
  std::vector<FolderOp> leave_to(const std::vector<std::string>& parts);
  /// After leave_to(): goes down to `parts`, whose entry is `self`, where there is one, and has that number.  Returns why it could not; empty: it is there.
  /// Throws only what ends the restore.
  std::string reach(const std::vector<std::string>& parts, const Entry* self, std::uint64_t number);

  const std::shared_ptr<TargetFolder>& here() const { return open_.empty() ? top_ : open_.back().folder; }
  std::size_t depth() const { return open_.size(); }

 private:
  struct Open {
    std::string path, name;
    std::shared_ptr<TargetFolder> folder;  // null: it is opened again when the walk comes back
    std::optional<Entry> entry;
    bool keep = false;
    std::uint64_t number = 0;
  };
  FolderOp op_of(Open& left) const;
  void come_back(std::vector<FolderOp>& left);
  void enter(const std::string& name, const Entry* entry, std::uint64_t number);

  const std::shared_ptr<TargetFolder> top_;
  const Asked asked_;
  std::unordered_set<std::string>& made_;
  std::vector<Open> open_;
  std::vector<std::string> blocked_;  // could not be made or entered
};

}  // namespace farkeep::restoring
