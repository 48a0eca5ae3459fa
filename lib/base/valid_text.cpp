#include "base/valid_text.hpp"

#include <cstdint>

#include "base/utf8.hpp"

namespace farkeep {

void append_written_out(std::string& out, std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const char raw : bytes) {
    const auto b = static_cast<std::uint8_t>(raw);
    out += {'\\', 'x', kDigits[b >> 4], kDigits[b & 15]};
  }
}

std::string valid_text(std::string_view text, std::size_t most) {
  constexpr std::size_t kWrittenOut = 4;
  std::string out;
  while (!text.empty()) {
    const std::size_t whole = utf8_character(text);
    if ((whole != 0 ? whole : kWrittenOut) > most - out.size()) break;
    const std::string_view c = text.substr(0, whole != 0 ? whole : 1);
    if (whole != 0) out += c;
    else append_written_out(out, c);
    text.remove_prefix(c.size());
  }
  return out;
}

}  // namespace farkeep
