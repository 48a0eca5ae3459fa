#include "config/secret_line.hpp"

#include <algorithm>

namespace farkeep {

std::string_view secret_line(std::string_view text) noexcept {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::string_view comment;
  while (!text.empty()) {
    std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == line.npos) continue;
    if (!line.starts_with("# ")) return line;
    if (comment.empty()) comment = line;
  }
  return comment;  // alone in its file: somebody's passphrase
}

std::string_view secret_line_before(std::string_view text) noexcept { return text.substr(0, std::min(text.find_first_of("\r\n"), text.size())); }

}  // namespace farkeep
