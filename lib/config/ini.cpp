#include "config/ini.hpp"

#include <algorithm>
#include <map>

#include "base/limits.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxWord = 64;  // keys, kinds and names are typed by hand

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_lower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; }
constexpr bool is_key(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
constexpr bool is_name(char c) { return is_key(c) || c == '.'; }

template <class Test>
bool is_word(std::string_view word, Test test) {
  return !word.empty() && word.size() <= kMaxWord && std::all_of(word.begin(), word.end(), test);
}

std::size_t skip_blanks(std::string_view line, std::size_t at) {
  while (at < line.size() && is_blank(line[at])) ++at;
  return at;
}

std::string_view trim_end(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Nothing but blanks, or blanks and a comment.
bool is_tail(std::string_view line, std::size_t at) {
  std::size_t const next = skip_blanks(line, at);
  return next == line.size() || (next > at && (line[next] == '#' || line[next] == ';'));
}

}  // namespace

// It becomes a folder's name: . and .. would be other folders.
bool is_section_name(std::string_view name) noexcept { return is_word(name, is_name) && name != "." && name != ".."; }

/// One pass over the text: cut it into lines, look at each, collect sections and mistakes.
class IniReader {
 public:
  IniReader(IniDocument& document, std::vector<ConfigError>& errors) : doc_(document), errors_(errors) {}

  void run() {
    std::string_view const text = doc_.text_;
    if (text.size() > limits::kMaxIniFile) return wrong_file("the file is larger than 1 MiB");
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
      return wrong_file("the file is in UTF-16: save it as UTF-8");
    }
    std::size_t at = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
    while (at < text.size()) {
      if (++line_ > static_cast<int>(limits::kMaxIniLines)) return wrong("the file has more than 10000 lines");
      std::size_t const end = std::min(text.find('\n', at), text.size());
      std::string_view line = text.substr(at, end - at);
      if (end < text.size() && line.ends_with('\r')) line.remove_suffix(1);
      start_ = at;
      read_line(line);
      at = end + 1;
    }
  }

 private:
  void read_line(std::string_view line) {
    if (line.size() > limits::kMaxIniLine) return wrong("the line is longer than 64 KiB");
    if (has_control(line)) return;
    std::size_t const first = skip_blanks(line, 0);
    if (first == line.size() || line[0] == '#' || line[0] == ';') return;
    if (first > 0)
      return wrong("this line is indented: continuation lines do not exist, remove the blanks at its start");
    if (line[0] == '[') return read_section(line);
    read_entry(line);
  }

  bool has_control(std::string_view line) {
    for (char c : line) {
      auto const byte = static_cast<unsigned char>(c);
      if (byte == '\t' || (byte >= 0x20 && byte != 0x7f)) continue;
      if (byte == 0) {
        wrong("the line holds a NUL byte: this is not a text file");
      } else if (byte == '\r') {
        wrong("a carriage return stands inside the line: lines end with LF or CR LF");
      } else {
        wrong("the line holds the control character " + in_quotes(line.substr(line.find(c), 1)));
      }
      return true;
    }
    return false;
  }

  void read_section(std::string_view line) {
    ignoring_ = true;  // until the header proves good: entries below a wrong one would only add noise
    std::size_t const end = line.find(']');
    if (end == line.npos) return wrong("the section is not closed: ']' is missing");
    if (!is_tail(line, end + 1)) return wrong("there is text after the section's ']'");
    std::size_t const begin = skip_blanks(line, 1);
    std::string_view const inside = begin < end ? trim_end(line.substr(begin, end - begin)) : std::string_view{};
    if (inside.empty()) return wrong("the section has no name: write [kind] or [kind name]");
    std::size_t const gap = std::min(inside.find_first_of(" \t"), inside.size());
    SectionId id{std::string{inside.substr(0, gap)}, std::string{inside.substr(skip_blanks(inside, gap))}};
    if (!is_word(id.kind, is_lower)) {
      return wrong("a section's kind is made of at most 64 of a-z, 0-9, '_' and '-', not " + in_quotes(id.kind));
    }
    if (gap < inside.size() && !is_section_name(id.name)) {
      return wrong("a section's name is made of at most 64 of A-Z, a-z, 0-9, '.', '_' and '-', and is not . or .., not " + in_quotes(id.name));
    }
    auto const [known, is_new] = opened_.try_emplace(id, line_);
    if (!is_new) {
      return wrong("the section " + id.to_string() + " was opened already in line " + std::to_string(known->second) +
                   ": put its keys there");
    }
    doc_.sections_.push_back({std::move(id), line_, {}, doc_.file_});
    ignoring_ = false;
    any_section_ = true;
  }

  // key = value: 1. the key  2. the value, plain or quoted  3. into its section
  void read_entry(std::string_view line) {
    std::size_t const equals = line.find('=');
    if (equals == line.npos) {
      // The line is not shown: it may be half of a secret.
      return wrong(line.find(':') != line.npos ? "'=' is missing: write key = value, not key: value"
                                               : "'=' is missing: write key = value");
    }
    std::string_view const key = trim_end(line.substr(0, equals));
    if (key.empty()) return wrong("there is no key before '='");
    // Not shown either: "token abc=" with its own '=' forgotten comes here.
    if (!is_word(key, is_key)) return wrong("a key is made of at most 64 letters, digits, '_' and '-'");
    IniEntry entry{std::string{key}, {}, line_, skip_blanks(line, equals + 1), 0, doc_.file_};
    bool const good = entry.at < line.size() && line[entry.at] == '"' ? read_quoted(line, entry)
                                                                      : read_plain(line, equals + 1, entry);
    if (!good || ignoring_) return;
    if (!any_section_) return wrong("the key " + in_quotes(key) + " stands before the first section");
    entry.at += start_;
    doc_.sections_.back().entries.push_back(std::move(entry));
  }

  bool read_plain(std::string_view line, std::size_t from, IniEntry& entry) {
    std::size_t end = entry.at;
    while (end < line.size() && !((line[end] == '#' || line[end] == ';') && end > from && is_blank(line[end - 1])))
      ++end;
    std::string_view const value = trim_end(line.substr(entry.at, end - entry.at));
    entry.value = value;
    entry.size = value.size();
    return true;
  }

  bool read_quoted(std::string_view line, IniEntry& entry) {
    std::size_t at = entry.at + 1;
    for (; at < line.size() && line[at] != '"'; ++at) {
      if (line[at] != '\\') {
        entry.value += line[at];
        continue;
      }
      char const c = ++at < line.size() ? line[at] : '\0';
      if (c != '"' && c != '\\' && c != 'n') {
        wrong("in quotes a backslash stands only before \", \\ and n");
        return false;
      }
      entry.value += c == 'n' ? '\n' : c;
    }
    if (at == line.size()) {
      wrong("the quote is not closed");
      return false;
    }
    if (!is_tail(line, at + 1)) {
      wrong("there is text after the closing quote: write \\\" for a quote inside the value");
      return false;
    }
    entry.size = at + 1 - entry.at;
    return true;
  }

  void wrong(std::string text) { errors_.push_back({*doc_.file_, line_, std::move(text)}); }
  void wrong_file(std::string text) { errors_.push_back({*doc_.file_, 0, std::move(text)}); }

  IniDocument& doc_;
  std::vector<ConfigError>& errors_;
  std::map<SectionId, int> opened_;
  std::size_t start_ = 0;  // of the line being read
  int line_ = 0;
  bool ignoring_ = false;
  bool any_section_ = false;
};

Parsed<IniDocument> IniDocument::parse(std::string_view text, std::string file) {
  Parsed<IniDocument> out;
  IniDocument document = read(text, std::move(file), out.errors);
  if (out.errors.empty()) out.value = std::move(document);
  return out;
}

IniDocument IniDocument::read(std::string_view text, std::string file, std::vector<ConfigError>& errors) {
  IniDocument document;
  document.file_ = std::make_shared<const std::string>(std::move(file));
  document.text_ = text;
  IniReader{document, errors}.run();
  return document;
}

const IniSection* IniDocument::find(const SectionId& id) const {
  auto const found = std::find_if(sections_.begin(), sections_.end(), [&](const IniSection& s) { return s.id == id; });
  return found == sections_.end() ? nullptr : &*found;
}

const IniEntry* IniSection::find(std::string_view key) const {
  auto const found = std::find_if(entries.begin(), entries.end(), [&](const IniEntry& e) { return e.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace farkeep
