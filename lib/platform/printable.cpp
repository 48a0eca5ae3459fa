#include "platform/printable.hpp"

#include <cstddef>
#include <cstdint>

namespace farkeep {
namespace {

constexpr std::size_t kEnds = 1000;  // bytes kept at each end of a long path

/// The length of the well-formed UTF-8 character (RFC 3629) at `at`, or 0.
std::size_t character(std::string_view text, std::size_t at) {
  auto const byte = [&](std::size_t i) -> std::uint8_t {
    return at + i < text.size() ? static_cast<std::uint8_t>(text[at + i]) : std::uint8_t{0};
  };
  auto const tail = [&](std::size_t i, int least = 0x80, int most = 0xbf) {
    return byte(i) >= least && byte(i) <= most;
  };
  std::uint8_t const b = byte(0);
  if (b < 0x80) return 1;
  if (b >= 0xc2 && b <= 0xdf) return tail(1) ? 2 : 0;
  // Neither overlong forms nor surrogates nor anything beyond U+10FFFF.
  if (b >= 0xe0 && b <= 0xef) return tail(1, b == 0xe0 ? 0xa0 : 0x80, b == 0xed ? 0x9f : 0xbf) && tail(2) ? 3 : 0;
  if (b >= 0xf0 && b <= 0xf4)
    return tail(1, b == 0xf0 ? 0x90 : 0x80, b == 0xf4 ? 0x8f : 0xbf) && tail(2) && tail(3) ? 4 : 0;
  return 0;
}

/// C0, DEL, and C1 in its UTF-8 form, which some terminals obey as well.
bool is_control(std::string_view c) {
  auto const b = static_cast<std::uint8_t>(c[0]);
  return b < 0x20 || b == 0x7f || (b == 0xc2 && static_cast<std::uint8_t>(c[1]) < 0xa0);
}

void escape(std::string& out, std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < text.size();) {
    std::size_t const n = character(text, i);
    std::string_view const c = text.substr(i, n == 0 ? 1 : n);
    if (n != 0 && !is_control(c) && c != "'" && c != "\\") {
      out += c;
    } else {
      for (char const raw : c) {
        auto const b = static_cast<std::uint8_t>(raw);
        out += {'\\', 'x', kDigits[b >> 4], kDigits[b & 15]};
      }
    }
    i += c.size();
  }
}

}  // namespace

std::string printable(std::string_view name) {
  std::string out = "'";
  if (name.size() > 2 * kEnds) {
    escape(out, name.substr(0, kEnds));
    out += "[...]";
    escape(out, name.substr(name.size() - kEnds));
  } else {
    escape(out, name);
  }
  out += '\'';
  return out;
}

}  // namespace farkeep
