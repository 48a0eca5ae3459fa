#include "base/harmless.hpp"

#include <cstdint>

#include "base/utf8.hpp"
#include "base/valid_text.hpp"

namespace farkeep {
namespace {

// Of a well-formed character.
std::uint32_t code_point(std::string_view c) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<std::uint8_t>(c[i])); };
  switch (c.size()) {
    case 1: return byte(0);
    case 2: return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
    case 3: return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    default: return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
  }
}

// U+200D joins emoji and the letters of several scripts: it stays.
bool steers(std::uint32_t c) {
  const auto in = [c](std::uint32_t first, std::uint32_t last) { return c >= first && c <= last; };
  return c < 0x20 || in(0x7f, 0x9f)                                          // C0, DEL, C1
         || c == 0x61c || c == 0x200e || c == 0x200f || in(0x202a, 0x202e)   // marks, embeddings and overrides of direction…
         || in(0x2066, 0x206f)                                               // …and isolates
         || in(0x2028, 0x2029)                                               // line and paragraph separators
         || c == 0xad || c == 0x200b || c == 0x2060 || c == 0xfeff           // nothing that can be seen
         || in(0xfff9, 0xfffb) || in(0xe0000, 0xe0fff);                      // annotations, tags
}

void write_unit(std::string& out, std::uint32_t unit) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += {'\\', 'u', kDigits[unit >> 12 & 15], kDigits[unit >> 8 & 15], kDigits[unit >> 4 & 15], kDigits[unit & 15]};
}

std::string harmless(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const bool kept = keep_lines && (text.front() == '\n' || text.front() == '\t');
    const std::size_t n = kept ? 1 : harmless_character(text);
    if (n != 0) {
      out += text.substr(0, n);
      text.remove_prefix(n);
    } else {
      const std::size_t whole = utf8_character(text);
      const std::string_view c = text.substr(0, whole == 0 ? 1 : whole);
      append_written_out(out, c);
      text.remove_prefix(c.size());
    }
  }
  return out;
}

}  // namespace

std::size_t harmless_character(std::string_view text) noexcept {
  const std::size_t n = utf8_character(text);
  return n != 0 && !steers(code_point(text.substr(0, n))) ? n : 0;
}

std::string harmless_lines(std::string_view text) { return harmless(text, true); }
std::string harmless_line(std::string_view text) { return harmless(text, false); }

// Outside of strings JSON has nothing that steers but blanks, and inside them C0 is written out already; a line end and a tab can only stand between tokens.
std::string harmless_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const std::size_t n = utf8_character(json);
    if (n == 0) {
      out += "\\ufffd";
      json.remove_prefix(1);
      continue;
    }
    const std::string_view c = json.substr(0, n);
    const std::uint32_t point = code_point(c);
    if (!steers(point) || point == '\n' || point == '\t') {
      out += c;
    } else if (point < 0x10000) {
      write_unit(out, point);
    } else {
      write_unit(out, 0xd800 + ((point - 0x10000) >> 10));
      write_unit(out, 0xdc00 + ((point - 0x10000) & 0x3ff));
    }
    json.remove_prefix(n);
  }
  return out;
}

}  // namespace farkeep
