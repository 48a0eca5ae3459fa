#pragma once

#include <compare>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/parsed.hpp"

namespace farkeep {

/// `[agent]` has only a kind; `[job main]` has a kind and a name.
struct SectionId {
  std::string kind;
  std::string name;

  std::string to_string() const { return "[" + kind + (name.empty() ? "" : " " + name) + "]"; }
  auto operator<=>(const SectionId&) const = default;
};

/// The name of a file, shared by all that stands in it.
using IniFile = std::shared_ptr<const std::string>;

/// Where something stands, for messages.
struct IniPlace {
  IniFile file;  ///< null: nowhere, it was not written
  int line = 0;

  /// How a message about `from` names this place: "line 3", with the file's name before it if that is another one.
  std::string seen_from(const IniPlace& from) const {
    return (*file == *from.file ? "line " : *file + ":") + std::to_string(line);
  }
};

struct IniEntry {
  std::string key;
  std::string value;  ///< unquoted, without blanks around it and without its comment
  int line = 0;
  std::size_t at = 0, size = 0;  ///< where the value stands in the text, quotes included
  IniFile file;                  ///< never null

  IniPlace place() const { return {file, line}; }
};

struct IniSection {
  SectionId id;
  int line = 0;
  std::vector<IniEntry> entries;  ///< in the order of the file; a key may occur more than once
  IniFile file;                   ///< never null

  IniPlace place() const { return {file, line}; }

  /// The first entry with this key, or null.
  const IniEntry* find(std::string_view key) const;
};

/// An INI file that keeps every byte of its text: what is not changed stays as the administrator wrote it.
///
///   file    := [BOM] line*            at most 1 MiB and 10 000 lines, each at most 64 KiB; LF or CRLF
///   line    := "" | comment | section | entry        each begins in its first column
///   comment := ("#" | ";") anything
///   section := "[" kind [" " name] "]" [blank comment]     kind: a-z 0-9 _ -   name: A-Z a-z 0-9 . _ -, at most 64
///   entry   := key "=" value [blank comment]               key: A-Z a-z 0-9 _ -, at most 64
///   value   := plain | '"' (character | \" | \\ | \n)* '"'
///
/// An indented line is an error: continuation lines do not exist, and guessing at one would hide a mistake.  Bytes
/// above 0x7f pass as they are (file names are bytes, not text); control characters other than tab do not.  The same
/// section may not be opened twice; whether a key may be repeated is the schema's decision (schema.hpp).
class IniDocument {
 public:
  /// The document, or every line that is wrong.
  static Parsed<IniDocument> parse(std::string_view text, std::string file);

  /// What can be read of a text with mistakes, so that a schema can report its own in the same pass.
  /// The mistakes are appended to `errors`; entries of a section whose header is wrong are left out silently.
  static IniDocument read(std::string_view text, std::string file, std::vector<ConfigError>& errors);

  /// Byte for byte what was parsed, with the changes made since.
  const std::string& text() const noexcept { return text_; }
  const std::string& file() const noexcept { return *file_; }
  const std::vector<IniSection>& sections() const noexcept { return sections_; }
  /// The section, or null.
  const IniSection* find(const SectionId& id) const;

  /// Gives a key one value.  An existing line keeps its place and its comment; a new line goes below the key's
  /// commented default if there is one, else below the section's last entry; a new section goes to the end of the file.
  /// Refused, with nothing changed: a key, name or value that the grammar cannot write (Errc::configuration), a
  /// document that would exceed its limits (too_large).
  result<void> set(const SectionId& section, std::string_view key, std::string_view value);

  /// The same for a key that may be repeated: as many lines as values, in place of all lines the key had.
  /// No values: the key's lines are removed.
  result<void> set_all(const SectionId& section, std::string_view key, std::span<const std::string> values);

 private:
  friend class IniReader;

  IniFile file_ = std::make_shared<const std::string>();
  std::string text_;
  std::vector<IniSection> sections_;
};

/// The value as it stands behind "key = ", in quotes where it must; nothing if the grammar has no way to write it.
std::optional<std::string> written_value(std::string_view value);

/// True for what may stand as the name in `[kind name]`, and thus for job names.
bool is_section_name(std::string_view name) noexcept;

}  // namespace farkeep
