#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/id.hpp"

namespace farkeep {

/// "Certainly not here" for most ids that are not: a blocked Bloom filter (Putze, Sanders, Singler 2007), 12 bits an id, one
/// cache line a question, about 0.7 % of the absent taken for present.
///
/// Ids are hashes already, so their own bytes choose the line and the bits.  An agent that makes up ids can only make
/// questions about its own vault slower.
class IdFilter {
 public:
  IdFilter() = default;
  /// For about so many ids.
  explicit IdFilter(std::uint64_t ids) : lines_((ids * 12 + kLineBits - 1) / kLineBits + 1) {}

  void add(const ObjectId& id) {
    Line& line = lines_[line_of(id)];
    for_bits(id, [&](unsigned bit) {
      line.words[bit / 64] |= std::uint64_t{1} << (bit % 64);
      return true;
    });
  }
  bool may_have(const ObjectId& id) const {
    if (lines_.empty()) return false;
    const Line& line = lines_[line_of(id)];
    return for_bits(id, [&](unsigned bit) { return (line.words[bit / 64] >> (bit % 64) & 1) != 0; });
  }

  /// As it lies in a file on this machine: a cache is not carried to another.
  ByteView bytes() const { return {reinterpret_cast<const std::uint8_t*>(lines_.data()), lines_.size() * sizeof(Line)}; }
  MutableByteView bytes() { return {reinterpret_cast<std::uint8_t*>(lines_.data()), lines_.size() * sizeof(Line)}; }

 private:
  static constexpr unsigned kLineBits = 512, kBits = 7;
  struct alignas(64) Line {
    std::uint64_t words[kLineBits / 64] = {};
  };

  static std::uint64_t word(const ObjectId& id, std::size_t at) {
    std::uint64_t w;
    std::memcpy(&w, id.bytes.data() + at, sizeof w);
    return w;
  }
  std::size_t line_of(const ObjectId& id) const {
    return static_cast<std::size_t>(((word(id, 8) & 0xffffffff) * lines_.size()) >> 32);
  }
  template <class Visit>
  static bool for_bits(const ObjectId& id, Visit&& visit) {
    std::uint64_t w = word(id, 16);
    for (unsigned i = 0; i < kBits; ++i, w >>= 9)
      if (!visit(static_cast<unsigned>(w & (kLineBits - 1)))) return false;
    return true;
  }

  std::vector<Line> lines_;
};

}  // namespace farkeep
