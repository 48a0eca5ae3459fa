#include "config/parsed.hpp"

#include <cstdio>

namespace farkeep {

std::string quoted(std::string_view text) {
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

}  // namespace farkeep
