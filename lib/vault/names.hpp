#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace farkeep {

/// A name that somebody else chose, fit for listings and logs: control characters become blanks, the rest is cut, between two characters.
inline std::string printable_name(std::string_view name, std::size_t most) {
  auto size = std::min(name.size(), most);
  if (size < name.size())
    while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xc0) == 0x80) --size;  // UTF-8: not the first byte of a character
  std::string out{name.substr(0, size)};
  for (auto& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

}  // namespace farkeep
