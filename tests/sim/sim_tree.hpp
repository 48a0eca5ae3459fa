#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "platform/source_tree.hpp"
#include "sim/dice.hpp"

namespace farkeep::sim {

/// One entry of a tree in memory: file, folder or symbolic link.
struct TreeNode {
  EntryStat stat;
  Buffer content;
  std::string link;
};

/// Catalog paths ("home/a/b") to what lies there.  Copies are cheap: nodes are never changed, but replaced.
using TreeVersion = std::map<std::string, std::shared_ptr<const TreeNode>>;

/// The files of a machine whose user works: what a simulated agent backs up.
class SimTree final : public SourceTree {
 public:
  static constexpr const char* kTop = "home";  ///< the one folder in "/"; all else is below it

  /// Owned by `owner` (its uid and gid), so that a restore by the same user brings all of it back.
  SimTree(std::uint64_t seed, const EntryStat& owner);

  std::shared_ptr<SourceFolder> open(const std::string& path) override;

  /// Some files are made, written, renamed, removed, touched, as of `now`.
  void change(WallTime now);
  const TreeVersion& version() const { return nodes_; }

 private:
  std::string some(EntryKind kind);
  std::string new_path();
  Buffer some_content();
  std::shared_ptr<TreeNode> make(EntryKind kind);
  void put(const std::string& path, std::shared_ptr<TreeNode> node);
  void remove(const std::string& path);
  void touch_parent(const std::string& path);
  void one_change();

  Dice dice_;
  const EntryStat owner_;
  TreeVersion nodes_;
  std::int64_t now_ns_ = 0;
  std::uint64_t next_inode_ = 2, next_name_ = 1;
};

/// How what lies at `folder` of the machine's own disk differs from what `version` holds below kTop; empty: not at all.
/// Names, kinds, modes, owners, times, content and link targets are compared.
std::string difference(const TreeVersion& version, const std::string& folder);

}  // namespace farkeep::sim
