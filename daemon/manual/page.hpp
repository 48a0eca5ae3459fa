#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/schema.hpp"
#include "program.hpp"

namespace farkeep::manual {

/// One page for man(1), in the man macros of roff, written from top to bottom.  What is told comes in as plain text; roff's own
/// characters in it are escaped here.
class Page {
 public:
  /// `name` "agent.ini", `section` 5, `summary` a line without a full stop.
  Page(std::string_view name, int section, std::string_view summary);

  /// One line for each form of the command.
  void synopsis(std::span<const std::string_view> forms);
  /// A chapter of prose: paragraphs between empty lines; a line that begins with four blanks stands as it is written; "= TERM"
  /// begins an item, which the following lines explain; `words` between such marks are what one types.
  void text(std::string_view title, std::string_view prose);
  void verbs(const Program& program);
  void options(std::string_view title, std::span<const Option> options);
  /// Every section and key.
  void keys(const Schema& schema);
  /// The exit codes of every program.
  void exit_status();

  /// "farkeep.1"
  const std::string& file() const { return file_; }
  const std::string& roff() const { return out_; }

 private:
  void chapter(std::string_view title);
  void items(std::span<const Option> options);
  void prose(std::string_view text);
  void line(std::string_view roff);

  std::string file_, out_;
};

/// The page of a configuration file, section 5.
struct IniPage {
  std::string_view name, summary;
  std::string_view file;  ///< where it lies
  std::string_view about, examples, see_also;
};
Page ini_page(const IniPage& told, const Schema& schema);

/// A text's characters for roff; `code`: what is typed keeps its quotes straight.
enum class Kind { prose, code };
std::string escaped(std::string_view text, Kind kind);

}  // namespace farkeep::manual
