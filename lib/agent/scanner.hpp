#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/selection.hpp"
#include "config/command_source.hpp"
#include "platform/source_tree.hpp"

namespace farkeep {

/// One thing found on disk, in catalog order.
struct ScanItem {
  std::string path;                      ///< catalog path: absolute, without the leading slash
  std::string name;                      ///< last component, to be opened in `folder`
  std::shared_ptr<SourceFolder> folder;  ///< where it lies
  EntryStat stat;
  std::string problem;  ///< not empty: it is there but cannot be looked at or into; why
  bool made_up = false;                    ///< it stands for something that is not on disk (command_output.hpp)
  const CommandSource* command = nullptr;  ///< its content is what this prints
};

/// Walks a job's sources depth first, names sorted as bytes: exactly the order of a catalog.
///
/// The folders above each source come first, so that a restore can make them with their owners and modes.  Sources below other
/// sources are dropped.  What has a longer path than a catalog takes, or lies deeper than limits::kMaxFolderDepth, is an item with a problem.  Symbolic links are never followed, a source that is one is kept as one.  Holds one descriptor and one
/// sorted name list per level of depth.  Not thread-safe; next() blocks on the disk: call it from a worker.
class Scanner {
 public:
  /// `sources` are absolute paths.  `tree` and `rules` must outlive the scanner.
  Scanner(SourceTree& tree, std::vector<std::string> sources, const ExcludeRules& rules, ScanOptions options);

  /// The next items, at most `most` and fewer where paths are very long; none means the end.
  /// A source that does not exist is an item with a problem; the walk goes on.
  std::vector<ScanItem> next(std::size_t most);

  std::uint64_t excluded() const { return excluded_; }

 private:
  struct Level {
    std::shared_ptr<SourceFolder> folder;
    std::size_t path_size;  // of path_, while this is the innermost one
    std::vector<SourceName> names;
    std::size_t at = 0;
    Selection::Folder says = {};
  };

  void begin_source(std::vector<ScanItem>& out);
  void enter(std::shared_ptr<SourceFolder> folder, std::string path, std::vector<SourceName> names, Selection::Folder says);
  void emit(ScanItem item, const Selection::Folder& in, std::vector<ScanItem>& out);
  void descend(ScanItem& item, const Selection::Folder& in);

  SourceTree& tree_;
  std::vector<std::string> sources_;
  const ScanOptions options_;
  const Selection selection_;
  std::size_t next_source_ = 0;
  std::uint64_t device_ = 0;  // of the current source
  std::vector<std::string> ancestors_;  // already emitted
  std::string path_;          // of the innermost level; one for all of them, for the sum of all grows with the square of the depth
  std::deque<Level> levels_;  // a level stays where it is while deeper ones come
  std::uint64_t excluded_ = 0;
};

}  // namespace farkeep
