#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "config/glob.hpp"
#include "config/parsed.hpp"

namespace farkeep {

/// One line of exclude rules, and where it was written.
struct ExcludeLine {
  ExcludeLine(std::string rule, std::shared_ptr<const std::string> in, int number) : text(std::move(rule)), file(std::move(in)), line(number) {}
  ExcludeLine(std::string rule, std::string in, int number) : ExcludeLine(std::move(rule), std::make_shared<const std::string>(std::move(in)), number) {}

  std::string text;
  std::shared_ptr<const std::string> file;  ///< never null; one name for all lines of a file, for a path may be 64 KiB long
  int line = 0;
};

/// Which paths a job leaves out: the rules of gitignore(5), with the root of the file system in place of the
/// repository.
///
///   # comment, blank line     ignored
///   *.tmp                     no slash: a file or folder of that name anywhere
///   /var/tmp, var/tmp         a slash at the start or in the middle: that path, counted from the root of the file
///   system cache/                    a slash at the end: only folders /home/*/.cache            * ? [a-z] never match
///   a slash (glob.hpp)
///   **/build/out, /srv/**     ** as a whole component: any number of folders; at the end: everything inside
///   !keep.tmp                 takes it in again; the last rule that matches decides
///   /var//tmp, cache//        two slashes are one
///   \#a \!a a\                a backslash takes the meaning from the next character; blanks at the end count only so
///
/// As in git, an excluded folder is not entered: nothing below it can be taken in again.
class ExcludeRules {
 public:
  enum class Verdict : std::uint8_t { included, excluded };
  struct Decision {
    Verdict verdict = Verdict::included;
    const ExcludeLine* rule = nullptr;  ///< the rule that decided, owned by the rules; null: none matched
  };

  static constexpr std::size_t kMaxWrong = 10;  ///< who wrote more lines that are no rules meant another kind of file

  /// How much there may be of them.
  struct Room {
    std::size_t rules = limits::kMaxPatterns;
    std::size_t bytes = std::numeric_limits<std::size_t>::max();  ///< of memory, see bytes()
  };
  struct Reading;

  ExcludeRules() = default;

  /// Later lines win over earlier ones.  Refused, each with its line up to kMaxWrong of them: rules that could never match
  /// (a `.` or `..` component, only slashes), malformed globs, rules beyond limits.hpp.
  static Parsed<ExcludeRules> parse(std::span<const ExcludeLine> lines);

  /// The lines that are rules, and what is wrong with the others.
  static Reading read(std::span<const ExcludeLine> lines, const Room& room);

  /// For a walk that goes down from the top and does not enter what is excluded: looks at this path alone.
  /// `path` is absolute bytes, without `//`, `.`, `..` or a slash at the end; `/` itself is always included.
  Decision decide(std::string_view path, bool is_folder) const noexcept;

  /// For a path out of the blue: the decision about the first folder on the way to it that is excluded, else about
  /// itself.
  Decision decide_from_root(std::string_view path, bool is_folder) const noexcept;

  std::size_t size() const noexcept { return rules_.size(); }
  /// About what they take in memory, without the names of their files.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Part {
    bool any_depth = false;  // "**"
    Glob glob;
  };
  struct Rule {
    explicit Rule(ExcludeLine from) : line(std::move(from)) {}

    bool includes = false;
    bool folders_only = false;
    bool by_name = false;  // parts is one glob for the last component
    std::string start;     // otherwise: the path begins with this, or the rule does not match
    std::vector<Part> parts;
    ExcludeLine line;
  };
  /// What can be told of a path in four bytes: its first byte behind the root, the first and the last byte of its last
  /// component, and whether it is a folder.  Nine rules of ten fall out by comparing these, without touching a string
  /// (100 000 paths against 20 rules: a fifth of the time it takes to ask every glob).
  struct Signature {
    std::uint32_t value = 0, mask = 0;
    void require(unsigned place, std::uint8_t byte) {
      value |= std::uint32_t{byte} << (8 * place);
      mask |= std::uint32_t{0xff} << (8 * place);
    }
  };
  static constexpr unsigned kPathFirst = 0, kNameFirst = 1, kNameLast = 2, kIsFolder = 3;

  static Value<Rule> compile(const ExcludeLine& line);
  static Signature signature(const Rule& rule);
  static std::size_t bytes_of(const Rule& rule) noexcept;
  static bool matches(const Rule& rule, std::string_view path) noexcept;

  std::vector<Rule> rules_;
  std::vector<Signature> signatures_;  // of the rule at the same place
  std::size_t bytes_ = 0;
};

struct ExcludeRules::Reading {
  enum class Stopped : std::uint8_t {
    nowhere,
    too_wrong,  ///< at the line that would be one more than kMaxWrong; it is the last of the errors
    full,       ///< at the line for which there was no room; the same
  };
  ExcludeRules rules;
  std::vector<ConfigError> errors;
  Stopped stopped = Stopped::nowhere;
};

/// The lines of an exclude file (LF or CR LF, BOM allowed), with their numbers.  Blank lines and comments are left out, and
/// what follows the first line that is one too many for limits::kMaxPatterns.
std::vector<ExcludeLine> exclude_lines(std::string_view text, const std::string& file);

}  // namespace farkeep
