#include "base/utf8.hpp"

#include <cstdint>

namespace farkeep {

std::size_t utf8_character(std::string_view text) noexcept {
  if (text.empty()) return 0;
  auto const byte = [&](std::size_t i) -> std::uint8_t { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0}; };
  auto const tail = [&](std::size_t i, int least = 0x80, int most = 0xbf) { return byte(i) >= least && byte(i) <= most; };
  std::uint8_t const b = byte(0);
  if (b < 0x80) return 1;
  if (b >= 0xc2 && b <= 0xdf) return tail(1) ? 2 : 0;
  if (b >= 0xe0 && b <= 0xef) return tail(1, b == 0xe0 ? 0xa0 : 0x80, b == 0xed ? 0x9f : 0xbf) && tail(2) ? 3 : 0;
  if (b >= 0xf0 && b <= 0xf4) return tail(1, b == 0xf0 ? 0x90 : 0x80, b == 0xf4 ? 0x8f : 0xbf) && tail(2) && tail(3) ? 4 : 0;
  return 0;
}

std::string_view whole_characters(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text;
  auto const is_within = [&](std::size_t at) { return (static_cast<std::uint8_t>(text[at]) & 0xc0) == 0x80; };
  std::size_t end = most;
  while (end > 0 && most - end < 3 && is_within(end)) --end;
  return text.substr(0, is_within(end) ? most : end);
}

std::string without_middle(std::string_view text, std::size_t most) {
  constexpr std::string_view kGap = " … ";
  if (text.size() <= most) return std::string(text);
  std::string_view const head = whole_characters(text, (most - kGap.size()) / 2);
  std::string_view tail = text.substr(text.size() - (most - kGap.size() - head.size()));
  for (int i = 0; i < 3 && (static_cast<std::uint8_t>(tail.front()) & 0xc0) == 0x80; ++i) tail.remove_prefix(1);
  return std::string(head).append(kGap).append(tail);
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    std::size_t const n = utf8_character(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

}  // namespace farkeep
