#include "config/parsed.hpp"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace farkeep {

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMost = 60;  // enough to recognise a value; a message stays one line
  std::string out = "\"";
  for (char c : text.substr(0, kMost)) {
    auto const byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + (text.size() > kMost ? "…\"" : "\"");
}

void sort_by_place(std::vector<ConfigError>& errors, const std::vector<std::string>& files) {
  auto const place = [&](const ConfigError& e) {
    return std::tuple{e.line == 0, std::find(files.begin(), files.end(), e.file), e.line};
  };
  std::stable_sort(errors.begin(), errors.end(),
                   [&](const ConfigError& a, const ConfigError& b) { return place(a) < place(b); });
}

}  // namespace farkeep
