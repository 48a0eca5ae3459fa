#include "base/shown_path.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/harmless.hpp"
#include "base/hex.hpp"
#include "base/utf8.hpp"
#include "base/valid_text.hpp"

namespace farkeep {

std::string shown_path(std::string_view path) {
  const std::string plain = harmless_line(path);
  if (plain == path) return plain;
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t whole = std::max<std::size_t>(utf8_character(path.substr(at)), 1);
    const std::string_view c = path.substr(at, whole);
    if (harmless_character(c) != 0 && c != "\\") out += c;
    else append_written_out(out, c);
    at += whole;
  }
  return out;
}

std::optional<std::string> path_shown_as(std::string_view line) {
  constexpr std::size_t kWrittenOut = 4;
  std::string out;
  bool any = false;
  while (!line.empty()) {
    const auto byte = line.size() >= kWrittenOut && line.starts_with("\\x") ? unhex(line.substr(2, 2)) : std::nullopt;
    if (byte) {
      any = true;
      out += as_text(*byte);
    } else {
      out += line.front();
    }
    line.remove_prefix(byte ? kWrittenOut : 1);
  }
  return any ? std::optional(out) : std::nullopt;
}

}  // namespace farkeep
