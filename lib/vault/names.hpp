#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace farkeep {

/// A name that somebody else chose, fit for listings and logs: control characters become blanks, the rest is cut.
inline std::string printable_name(std::string_view name, std::size_t most) {
  std::string out{name.substr(0, std::min(name.size(), most))};
  for (auto& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

}  // namespace farkeep
