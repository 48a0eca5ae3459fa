#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/glob.hpp"
#include "config/parsed.hpp"

namespace farkeep {

/// One line of exclude rules, and where it was written.
struct ExcludeLine {
  std::string text;
  std::string file;
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

  ExcludeRules() = default;

  /// Later lines win over earlier ones.  Refused, each with its line: rules that could never match (a `.` or
  /// `..` component, only slashes), malformed globs, rules beyond limits.hpp.
  static Parsed<ExcludeRules> parse(std::span<const ExcludeLine> lines);

  /// For a walk that goes down from the top and does not enter what is excluded: looks at this path alone.
  /// `path` is absolute bytes, without `//`, `.`, `..` or a slash at the end; `/` itself is always included.
  Decision decide(std::string_view path, bool is_folder) const noexcept;

  /// For a path out of the blue: the decision about the first folder on the way to it that is excluded, else about
  /// itself.
  Decision decide_from_root(std::string_view path, bool is_folder) const noexcept;

  std::size_t size() const noexcept { return rules_.size(); }

 private:
  struct Part {
    bool any_depth = false;  // "**"
    Glob glob;
  };
  struct Rule {
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
  static bool matches(const Rule& rule, std::string_view path) noexcept;

  std::vector<Rule> rules_;
  std::vector<Signature> signatures_;  // of the rule at the same place
};

/// The lines of an exclude file (LF or CR LF, BOM allowed), with their numbers.
std::vector<ExcludeLine> exclude_lines(std::string_view text, const std::string& file);

}  // namespace farkeep
