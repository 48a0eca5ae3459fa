#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.hpp"
#include "config/exclude.hpp"
#include "platform/source_tree.hpp"

namespace farkeep {

struct ScanOptions {
  bool one_file_system = false;  ///< do not descend into other file systems
  bool exclude_caches = true;    ///< of folders with a valid CACHEDIR.TAG keep the folder and the tag only
  std::optional<std::uint64_t> larger_than = std::nullopt;  ///< leave out regular files of more bytes
  std::vector<std::string> if_present = {};  ///< of folders that have something of such a name, be it a file, a folder or a link, keep the folder and that mark only
  std::string ignore_file = {};  ///< files of this name hold rules for the folder they lie in; empty: there are none
};

/// The rules of an ignore file count from its folder; those of folders further up count where it says nothing.
///
/// Any user writes such files, in folders as deep as a path may be, and the walk holds those of all folders above it: the
/// bounds are of a file with all that are above it.
struct IgnoreRules {
  static constexpr std::size_t kMaxRules = limits::kMaxPatterns;   // each path is held against each of them
  static constexpr std::size_t kMaxBytes = 8 * limits::kMiB;       // of memory: ten thousand rules of 0.8 KiB; those people write take half of that

  std::size_t base = 0;  ///< the length of the path of its folder, without a slash at the end
  ExcludeRules rules;    ///< at least one
  std::shared_ptr<const IgnoreRules> above = nullptr;
  std::size_t rules_in_all = 0, bytes_in_all = 0;  ///< with those above
};

/// What counts in a folder with an ignore file, and what there is to say of the file.
struct IgnoreFile {
  std::shared_ptr<const IgnoreRules> rules;  ///< innermost first
  std::vector<std::string> warnings;         ///< a line for each of up to ExcludeRules::kMaxWrong lines that are no rules, or one for all
};

/// Reads the text of an ignore file.  Lines that are no rules do not count.  Of a file with more than ExcludeRules::kMaxWrong
/// such lines, or beyond the bounds of IgnoreRules, no rule counts.
IgnoreFile read_ignore_file(std::string_view text, const std::string& folder, const std::string& name, std::shared_ptr<const IgnoreRules> above);

/// What a job keeps of what the walk finds, and why not.  One answer for the walk and for `farkeep explain`.
///
/// The job's own rules have the last word; where none of them matches, the innermost ignore file that has a rule for it decides.
class Selection {
 public:
  enum class Reason : std::uint8_t {
    kept,
    job_rule,      ///< a rule of the job, or of its exclude_file
    ignore_rule,   ///< a rule of an ignore file
    larger,        ///< exclude_larger_than
    cache,         ///< its folder has a CACHEDIR.TAG
    marked,        ///< its folder has what exclude_if_present names
  };
  struct Verdict {
    Reason reason = Reason::kept;
    const ExcludeLine* rule = nullptr;  ///< that decided, also to keep it; lives as long as rules and folder
    bool kept() const noexcept { return reason == Reason::kept; }
  };
  /// What a folder says about what is in it.
  struct Folder {
    static constexpr std::string_view kNothing = "/";  // the name of nothing
    std::string only;  ///< not empty: of its contents only this name is kept…
    Reason why = Reason::kept;  ///< …because of this
    std::shared_ptr<const IgnoreRules> ignore;  ///< innermost first
  };

  /// Both outlive it.
  Selection(const ExcludeRules& rules, const ScanOptions& options) : rules_(rules), options_(options) {}

  /// About an entry of a folder.  `path` is absolute.
  Verdict decide(const Folder& in, std::string_view path, std::string_view name, const EntryStat& stat) const;
  /// Looks at a folder's marks and ignore file.  `names`: its names, from the first on.  An ignore file that cannot be read, and its lines that are no rules, are warned about and do not count; the log has kMaxWarnings of that.
  Folder look_into(SourceFolder& folder, const SourceNames& names, const std::string& path, const Folder& above) const;

  static constexpr std::size_t kMaxWarnings = 100;  ///< who has read so many knows; a million folders could have an ignore file each
  std::size_t warnings() const noexcept { return warnings_; }

 private:
  void warn(const std::string& text) const;

  const ExcludeRules& rules_;
  const ScanOptions& options_;
  mutable std::size_t warnings_ = 0;  // in the log; one walk, one thread
};

}  // namespace farkeep
