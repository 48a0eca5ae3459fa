#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/selection.hpp"
#include "agent/source_paths.hpp"
#include "base/limits.hpp"
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

/// What the names of folders may take while a walk is in them: of those with more, and of the folders above it, the names are asked for again.
inline constexpr std::size_t kNamesRoom = 32 * limits::kMiB;

/// Whether a folder holds what the running system makes up, whatever is mounted there: /dev, /proc, /run and /sys, as catalog paths.
bool is_of_running_system(std::string_view path);

/// Entries of which something is told, however many there are.
struct CountedPaths {
  std::uint64_t count = 0;
  std::string first;  ///< one of them, as a catalog path
  void add(const std::string& path) {
    if (count++ == 0) first = path;
  }
  void add(const CountedPaths& others) {
    if (count == 0) first = others.first;
    count += others.count;
  }
};
/// Whether a failure may mean that an entry was removed after the walk had listed it.  The folder that it lay in says whether it does (SourceFolder::lists).
bool may_have_vanished(const boost::system::error_code& code) noexcept;

/// What a walk found of a source.
struct SourceFound {
  /// A symbolic link is not followed.  The source is one, and kept as one; or one is on the way to it, and nothing of it is kept.
  enum class Link : std::uint8_t { none, itself, on_the_way };

  std::string path;        ///< absolute
  std::string problem;     ///< not empty: it is not in the snapshot, and why
  Link link = Link::none;  ///< that is why
  bool is_folder = false;
  std::uint64_t entries = 0, files = 0, bytes = 0;  ///< of it in the snapshot, without what lies in sources of their own
};

/// Walks a job's sources depth first, names sorted as bytes: exactly the order of a catalog.
///
/// The folders above each source come first, so that a restore can make them with their owners and modes; they are passed through, not listed.  A source is never
/// left out by a rule, which counts for what is in it; and one that lies below another is a source of its own, wherever that is: in a folder that the outer one leaves out, or
/// does not enter.  What the running system makes up is not entered unless it is named: /dev, /proc, /run and /sys, and file systems of the kernel's wherever they are mounted.  What has a longer path than a catalog takes, or lies deeper than limits::kMaxFolderDepth, is an item with a problem.  Symbolic links are never followed: a source that is one is kept as one, with a problem, for what it leads to is not in the snapshot.
/// Every name comes once and in its place, whatever a file system lists.  Holds one descriptor per level of depth, and names for about `room` bytes.  Not thread-safe; next() blocks on the disk: call it from a worker.
class Scanner {
 public:
  enum class Reach : std::uint8_t { everything, sources };  ///< sources: only the folders above them and they themselves, without what is in them
  /// `sources` are absolute paths.  `tree` and `rules` must outlive the scanner.
  Scanner(SourceTree& tree, const std::vector<std::string>& sources, const ExcludeRules& rules, ScanOptions options, Reach reach = Reach::everything, std::size_t room = kNamesRoom);

  /// The next items, at most about `most` and fewer where paths are very long or folders small; no items where much was left out.  std::nullopt is the end.
  /// A source that does not exist is an item with a problem; the walk goes on.
  std::optional<std::vector<ScanItem>> next(std::size_t most);

  std::uint64_t excluded() const { return excluded_; }
  /// What was removed after it had been listed: it is in no snapshot, and that is right.
  const CountedPaths& vanished() const { return vanished_; }
  /// Folders with flags (SourceFolder::has_flags).
  const CountedPaths& flagged() const { return flagged_; }
  /// Folders of which only the folder itself was taken, for there is nothing to keep in them: absolute.  The first of them, for containers have many…
  const std::vector<std::string>& not_entered() const { return not_entered_; }
  /// …and how many more there are.
  std::uint64_t more_not_entered() const { return more_not_entered_; }
  /// Of each source; complete when next() has come to the end.
  const std::vector<SourceFound>& found() const { return found_; }

 private:
  static constexpr std::size_t kNone = SourcePaths::kNone;
  struct Level {
    std::shared_ptr<SourceFolder> folder;
    std::size_t source;  // of which all in it is a part; kNone: it only leads to sources
    bool leads;          // sources lie below it
    std::uint64_t device;
    bool lists = false;         // its names are asked for, and not only those that lead to sources
    std::size_t path_size = 0;  // of path_, while this is the innermost one
    Selection::Folder says = {};
    SourceNames next = {};  // the names that come next…
    std::size_t at = 0;
    std::string last = {};  // …behind this one
    std::size_t held = 0;
  };
  using Items = std::vector<ScanItem>;

  void begin(Items& out);
  void visit(ScanItem item, bool not_there, const Level& in, Items& out);
  bool descend(ScanItem& item, std::size_t source, bool begins, bool leads, const Level& in, Items& lost);
  bool is_systems(const SourceFolder& folder, const ScanItem& item, const Level& in, std::size_t source) const;
  void enter(Level level, std::string path, const Selection::Folder& above, std::string& problem);
  void fill(Level& level, std::string_view path);
  void go_on(Level& level, Items& out);
  void let_go(Level& level);
  void lose(std::string_view folder, const std::string& why, Items& out, SourceFound::Link link = SourceFound::Link::none);
  void count(const ScanItem& item, std::size_t source, bool begins);

  SourceTree& tree_;
  const SourcePaths sources_;
  const ScanOptions options_;
  const Selection selection_;
  const Reach reach_;
  const std::size_t room_;
  bool begun_ = false;
  std::vector<SourceFound> found_;      // of each source…
  std::vector<std::uint64_t> devices_;  // …on which it lies…
  std::vector<bool> kernels_;           // …and whether that is made up by the kernel, and was named
  std::string path_;          // of the innermost level; one for all of them, for the sum of all grows with the square of the depth
  std::deque<Level> levels_;  // a level stays where it is while deeper ones come
  std::size_t held_ = 0;  // by all of them
  std::uint64_t excluded_ = 0;
  CountedPaths vanished_, flagged_;
  std::vector<std::string> not_entered_;
  std::uint64_t more_not_entered_ = 0;
};

/// What a run would find of a job's sources now.  Blocks on the disk.
std::vector<SourceFound> look_at_sources(SourceTree& tree, const std::vector<std::string>& sources);
/// Folders of the running system that lie below one of the sources, and are not entered for it: absolute.
std::vector<std::string> never_entered(const std::vector<std::string>& sources);

}  // namespace farkeep
