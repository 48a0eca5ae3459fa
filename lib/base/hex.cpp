#include "base/hex.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int base32_digit(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= '2' && c <= '7') return c - '2' + 26;
  return -1;
}

}  // namespace

std::string hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (auto b : bytes) {
    out.push_back(kHex[b >> 4]);
    out.push_back(kHex[b & 15]);
  }
  return out;
}

std::optional<Buffer> unhex(std::string_view text) {
  if (text.size() % 2) return std::nullopt;
  Buffer out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    int hi = nibble(text[i]), lo = nibble(text[i + 1]);
    if (hi < 0 || lo < 0) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(hi * 16 + lo));
  }
  return out;
}

std::string base32(ByteView bytes) {
  std::string out;
  unsigned bits = 0, have = 0;
  for (auto b : bytes) {
    bits = (bits << 8) | b;
    for (have += 8; have >= 5; have -= 5) out.push_back(kBase32[(bits >> (have - 5)) & 31]);
    bits &= (1u << have) - 1;
  }
  if (have) out.push_back(kBase32[(bits << (5 - have)) & 31]);
  return out;
}

std::optional<Buffer> unbase32(std::string_view text) {
  Buffer out;
  unsigned bits = 0, have = 0;
  for (char c : text) {
    if (c == ' ' || c == '-' || c == '\t') continue;
    int d = base32_digit(c);
    if (d < 0) return std::nullopt;
    bits = (bits << 5) | static_cast<unsigned>(d);
    have += 5;
    if (have >= 8) {
      have -= 8;
      out.push_back(static_cast<std::uint8_t>(bits >> have));
      bits &= (1u << have) - 1;
    }
  }
  if (bits || have >= 5) return std::nullopt;
  return out;
}

}  // namespace farkeep
