#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "chunk/chunker.hpp"

/// Content for the chunker's tests, the same on every machine, and simple enough to be made again in any language.
namespace content {

/// SplitMix64 (Steele, Lea, Flood 2014).
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

/// The generator's numbers, eight little-endian bytes each.
inline farkeep::Buffer random(std::uint64_t seed, std::size_t size) {
  Numbers numbers(seed);
  farkeep::Buffer out;
  out.reserve(size + 8);
  while (out.size() < size) {
    const std::uint64_t n = numbers.next();
    for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(n >> (8 * i)));
  }
  out.resize(size);
  return out;
}

/// Lines of a log: a number, a word, a small number.
inline farkeep::Buffer text(std::uint64_t seed, std::size_t size) {
  static constexpr std::array<std::string_view, 8> kWords{"accepted", "refused", "opened", "closed",
                                                          "retried",  "expired", "queued", "written"};
  Numbers numbers(seed);
  farkeep::Buffer out;
  out.reserve(size + 64);
  for (std::uint64_t line = 0; out.size() < size; ++line) {
    const std::uint64_t n = numbers.next();
    const std::string row = "2026-11-22 " + std::to_string(line) + " connection " + std::string(kWords[n % 8]) +
                            " by peer " + std::to_string((n >> 8) % 1000) + "\n";
    farkeep::append(out, farkeep::as_bytes(row));
  }
  out.resize(size);
  return out;
}

/// `pattern` over and over.
inline farkeep::Buffer repeat(farkeep::ByteView pattern, std::size_t size) {
  farkeep::Buffer out;
  out.reserve(size + pattern.size());
  while (out.size() < size) farkeep::append(out, pattern);
  out.resize(size);
  return out;
}

/// Records of 48 bytes with small counters and zeros, as programs and tables have them.
inline farkeep::Buffer binary(std::uint64_t seed, std::size_t size) {
  Numbers numbers(seed);
  farkeep::Buffer out;
  out.reserve(size + 48);
  for (std::uint64_t i = 0; out.size() < size; ++i) {
    const std::uint64_t n = numbers.next();
    for (unsigned b = 0; b < 8; ++b) out.push_back(static_cast<std::uint8_t>(i >> (8 * b)));
    for (unsigned b = 0; b < 4; ++b) out.push_back(static_cast<std::uint8_t>(n >> (8 * b)));
    out.insert(out.end(), 36, std::uint8_t{0});
  }
  out.resize(size);
  return out;
}

/// A cut key whose bytes are first, first + 1, ...
inline farkeep::SecretKey key_from(std::uint8_t first) {
  farkeep::SecretKey key;
  for (std::uint8_t& b : key.mutable_view()) b = first++;
  return key;
}

/// Lengths of all chunks of `data`.
inline std::vector<std::size_t> cut_all(const farkeep::Chunker& chunker, farkeep::ByteView data) {
  std::vector<std::size_t> lengths;
  while (!data.empty()) {
    lengths.push_back(chunker.next(data, true));
    data = data.subspan(lengths.back());
  }
  return lengths;
}

}  // namespace content
