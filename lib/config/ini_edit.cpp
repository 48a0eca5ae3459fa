#include <algorithm>

#include "base/limits.hpp"
#include "config/ini.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kBlanks = " \t";

/// "#key = …": the commented default in a sample.
bool is_commented(std::string_view line, std::string_view key) {
  if (line.empty() || (line[0] != '#' && line[0] != ';')) return false;
  auto const skip = [&] { line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size())); };
  line.remove_prefix(1);
  skip();
  if (!line.starts_with(key)) return false;
  line.remove_prefix(key.size());
  skip();
  return line.starts_with('=');
}

/// Just behind the line that holds this offset, its line end included.
std::size_t line_end(std::string_view text, std::size_t at) {
  std::size_t const end = text.find('\n', at);
  return end == text.npos ? text.size() : end + 1;
}

std::size_t line_start(std::string_view text, std::size_t at) {
  std::size_t const before = at == 0 ? text.npos : text.rfind('\n', at - 1);
  return before == text.npos ? 0 : before + 1;
}

std::string_view newline_of(std::string_view text) {
  std::size_t const end = text.find('\n');
  return end != text.npos && end > 0 && text[end - 1] == '\r' ? "\r\n" : "\n";
}

/// Where a new entry of the section goes: below its commented default, else below the last entry, else below the
/// header.
std::size_t place_for(const IniDocument& document, const IniSection& section, std::string_view key) {
  std::string_view const text = document.text();
  int const last_entry = section.entries.empty() ? section.line : section.entries.back().line;
  int next_section = static_cast<int>(limits::kMaxIniLines) + 1;
  for (const IniSection& other : document.sections()) {
    if (other.line > section.line) next_section = std::min(next_section, other.line);
  }
  std::size_t place = 0, at = 0;
  for (int line = 1; line < next_section && at < text.size(); ++line) {
    std::size_t const end = line_end(text, at);
    if (line > section.line && is_commented(text.substr(at, end - at), key)) return end;
    if (line == last_entry) place = end;
    at = end;
  }
  return place;
}

void insert_line(std::string& text, std::size_t at, const std::string& line) {
  std::string_view const newline = newline_of(text);
  std::string whole = line;
  whole += newline;
  if (at > 0 && text[at - 1] != '\n') whole.insert(0, newline);  // the last line had no end
  text.insert(at, whole);
}

}  // namespace

std::optional<std::string> written_value(std::string_view value) {
  bool quote = value.empty() || kBlanks.find(value.front()) != kBlanks.npos ||
               kBlanks.find(value.back()) != kBlanks.npos || value.front() == '"' || value.front() == '#' ||
               value.front() == ';';
  for (std::size_t i = 0; i < value.size(); ++i) {
    auto const byte = static_cast<unsigned char>(value[i]);
    bool const is_control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
    if (is_control && byte != '\n') return std::nullopt;
    bool const is_comment = i > 0 && (byte == '#' || byte == ';') && kBlanks.find(value[i - 1]) != kBlanks.npos;
    quote |= is_comment || byte == '\n';
  }
  if (!quote) return std::string{value};
  std::string out = "\"";
  for (char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? std::string_view{"\\n"} : std::string_view{&c, 1};
  }
  return out + '"';
}

result<void> IniDocument::set(const SectionId& section, std::string_view key, std::string_view value) {
  std::string const one[] = {std::string{value}};
  return set_all(section, key, one);
}

// 1. write the values  2. replace, add or remove lines in a copy  3. read the copy back  4. take it over
result<void> IniDocument::set_all(const SectionId& section, std::string_view key, std::span<const std::string> values) {
  std::vector<std::string> fresh;
  for (const std::string& value : values) {
    auto text = written_value(value);
    if (!text) return Errc::configuration;
    fresh.push_back(std::move(*text));
  }

  std::string text = text_;
  const IniSection* const there = find(section);
  std::vector<const IniEntry*> old;
  if (there != nullptr) {
    for (const IniEntry& entry : there->entries) {
      if (entry.key == key) old.push_back(&entry);
    }
  }
  auto const lines_from = [&](std::size_t first) {
    std::string lines;
    for (std::size_t i = first; i < fresh.size(); ++i) {
      if (i > first) lines += newline_of(text_);
      ((lines += key) += " = ") += fresh[i];
    }
    return lines;
  };
  if (old.empty() && !fresh.empty()) {
    std::size_t place = text.size();
    if (there != nullptr) {
      place = place_for(*this, *there, key);
    } else {
      if (!text.empty()) insert_line(text, text.size(), "");
      insert_line(text, text.size(), section.to_string());
      place = text.size();
    }
    insert_line(text, place, lines_from(0));
  }
  // From the back, so that the offsets of what comes before stay true.
  for (std::size_t i = old.size(); i-- > 0;) {
    const IniEntry& entry = *old[i];
    std::size_t const end = line_end(text, entry.at);
    if (i >= fresh.size()) {
      std::size_t const begin = line_start(text, entry.at);
      text.erase(begin, end - begin);
      continue;
    }
    if (i + 1 == old.size() && fresh.size() > old.size()) insert_line(text, end, lines_from(old.size()));
    std::string& value = fresh[i];
    if (text[entry.at - 1] == '=') value.insert(0, " ");
    char const next = entry.at + entry.size < text.size() ? text[entry.at + entry.size] : '\n';
    if (next == '#' || next == ';') value += ' ';  // the value was empty, and a comment stood in its place
    text.replace(entry.at, entry.size, value);
  }

  if (text.size() > limits::kMaxIniFile) return Errc::too_large;
  auto changed = parse(text, file());
  if (!changed) return Errc::configuration;
  const IniSection* const now = changed.value->find(section);
  std::vector<std::string> read_back;
  if (now != nullptr) {
    for (const IniEntry& entry : now->entries) {
      if (entry.key == key) read_back.push_back(entry.value);
    }
  }
  // A key or section that the grammar reads as something else ("a=b") is refused here, whatever it was.
  if (!std::equal(read_back.begin(), read_back.end(), values.begin(), values.end())) return Errc::configuration;
  *this = std::move(*changed.value);
  return {};
}

}  // namespace farkeep
