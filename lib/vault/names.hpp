#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/harmless.hpp"
#include "base/utf8.hpp"

namespace farkeep {

inline constexpr std::size_t kMaxServerName = 64;

/// A name that somebody else chose, fit for listings and logs: what could steer a terminal and what is no UTF-8 becomes blanks (base/harmless.hpp), the rest is cut, between
/// two characters.
inline std::string printable_name(std::string_view name, std::size_t most) {
  auto size = std::min(name.size(), most);
  if (size < name.size())
    while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xc0) == 0x80) --size;  // UTF-8: not the first byte of a character
  std::string out{name.substr(0, size)};
  for (std::size_t i = 0; i < out.size();) {
    if (auto const n = harmless_character(std::string_view{out}.substr(i)); n != 0) {
      i += n;
      continue;
    }
    auto const whole = std::max<std::size_t>(utf8_character(std::string_view{out}.substr(i)), 1);
    out.replace(i, whole, whole, ' ');
    i += whole;
  }
  return out;
}

/// Whether a name may enter the registry: 1 to `most` bytes that printable_name() leaves as they are.  Whatever is stored as text goes through one of the
/// two: a message with ill-formed text would not be read again.
inline bool is_name(std::string_view name, std::size_t most) { return !name.empty() && name.size() <= most && printable_name(name, most) == name; }

}  // namespace farkeep
