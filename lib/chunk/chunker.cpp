#include "chunk/chunker.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "base/check.hpp"
#include "chunk/gear_table.hpp"
#include "chunk/words.hpp"
#include "crypto/digest.hpp"

namespace farkeep {
namespace {

// A position is a candidate when the top six bits of its Gear hash are zero: one in 64.  Bit 63 has seen the last 64
// bytes and no others, so the hash does not depend on where the scan began, if that was 64 bytes before or more.
constexpr std::uint64_t kCandidateBelow = std::uint64_t{1} << 58;

// Candidates hashed and encrypted at once.  Measured: AES costs 4.8, 3.5, 2.8 ns a candidate in batches of 8, 16, 32,
// of 70 ns in all; larger batches waste more behind the cut.
constexpr std::size_t kBatch = 16;

// A window that is also found within so many bytes before does not cut: content with a short period has no cuts.
constexpr std::size_t kLookBack = 256;

// Of the candidates, 2^kEarlyBits / average cut below the average and 2^kLateBits / average from there on: with one
// candidate in 64 bytes that is a quarter of and eight times the rate 1 / average.
constexpr int kEarlyBits = 4, kLateBits = 9;

ChunkSizes checked(ChunkSizes sizes) {
  FARKEEP_CHECK(is_valid(sizes));
  return sizes;
}

constexpr std::uint64_t threshold(std::uint32_t average, int bits) {
  return std::uint64_t{1} << (64 - (std::countr_zero(average) - bits));
}

template <std::size_t N>
Secret<N> derive(const SecretKey& from, std::string_view label) {
  Secret<N> out;
  hkdf_sha256(from.view(), {}, label, out.mutable_view());
  return out;
}

// Walks the bytes of one chunk and finds its candidates.  A candidate is named by the length of the chunk that would
// end behind it.
class Scan {
 public:
  // Lengths from `min` to one below the size of `bytes`: at its end the chunk ends anyway.
  Scan(ByteView bytes, std::size_t min) : bytes_(bytes.data()), end_(bytes.size() - 1), at_(min - kWindow) {
    for (; at_ < min - 1; ++at_) gear_ = (gear_ << 1) + kGear[bytes_[at_]];
  }

  // The next candidates in order, kBatch of them or up to three more; fewer only when there are no more.
  // Most of the chunker's time.  Four steps a turn and the hint took it from 1.1 to 1.35 GB/s.
  std::span<const std::uint32_t> next() {
    std::uint64_t gear = gear_;  // locals, so that the loop keeps them in registers
    std::size_t at = at_, found = 0;
    const auto step = [&](std::size_t i) {
      gear = (gear << 1) + kGear[bytes_[i]];
      if (gear < kCandidateBelow) [[unlikely]]
        lengths_[found++] = static_cast<std::uint32_t>(i + 1);
    };
    for (; at + 4 <= end_ && found < kBatch; at += 4) {
      step(at);
      step(at + 1);
      step(at + 2);
      step(at + 3);
    }
    for (; at < end_ && found < kBatch; ++at) step(at);
    gear_ = gear;
    at_ = at;
    return {lengths_.data(), found};
  }

 private:
  const std::uint8_t* const bytes_;
  const std::size_t end_;
  std::size_t at_;
  std::uint64_t gear_ = 0;
  std::array<std::uint32_t, kBatch + 3> lengths_;
};

// True if the window that ends at `length` is also found at most kLookBack bytes earlier.
bool repeats(const std::uint8_t* bytes, std::size_t length) {
  const std::uint8_t* window = bytes + length - kWindow;
  const std::uint64_t first = load_word(window);
  for (std::size_t back = 1; back <= kLookBack; ++back) {
    // The first word tells nearly all apart, without a call.
    if (load_word(window - back) == first && std::memcmp(window - back, window, kWindow) == 0) return true;
  }
  return false;
}

}  // namespace

CutKey::CutKey(const SecretKey& cut_key)
    : hash_(derive<WindowHash::kKeyBytes>(cut_key, "farkeep/1/cut/hash")),
      aes_(derive<16>(cut_key, "farkeep/1/cut/aes")) {}

Chunker::Chunker(const CutKey& key, ChunkSizes sizes)
    : key_(key),
      sizes_(checked(sizes)),
      early_(threshold(sizes.average, kEarlyBits)),
      late_(threshold(sizes.average, kLateBits)) {}

// 1. find candidates  2. hash their windows  3. encrypt the digests, all at once  4. the first that passes is the cut
std::size_t Chunker::next(ByteView data, bool last) const {
  if (data.size() < sizes_.max && !last) return 0;
  const ByteView chunk = data.first(std::min<std::size_t>(data.size(), sizes_.max));
  if (chunk.size() <= sizes_.min) return chunk.size();

  Scan scan(chunk, sizes_.min);
  std::array<std::uint8_t, (kBatch + 3) * kWindowDigest> blocks;
  for (;;) {
    const std::span<const std::uint32_t> lengths = scan.next();
    if (lengths.empty()) return chunk.size();
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      key_.hash_.digest(chunk.subspan(lengths[i] - kWindow).first<kWindow>(),
                        std::span(blocks).subspan(i * kWindowDigest).first<kWindowDigest>());
    }
    key_.aes_.encrypt(MutableByteView(blocks).first(lengths.size() * kWindowDigest));
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const bool passes = load_word(blocks.data() + i * kWindowDigest) < (lengths[i] < sizes_.average ? early_ : late_);
      if (passes && !repeats(chunk.data(), lengths[i])) return lengths[i];
    }
    if (lengths.size() < kBatch) return chunk.size();
  }
}

}  // namespace farkeep
