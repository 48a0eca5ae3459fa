#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "chunk/window_hash.hpp"
#include "crypto/block_cipher.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

/// Chunk sizes in bytes.  Part of what decides the cuts: two runs that differ here share nothing.
struct ChunkSizes {
  std::uint32_t min, average, max;
};

/// A quarter and four times the average: smaller chunks would show their lengths through Padmé, larger ones make
/// edits dear.
constexpr ChunkSizes sizes_around(std::uint32_t average) { return {average / 4, average, average * 4}; }

/// The least average: a whole window and the look-back for repeats must lie inside the smallest chunk.
inline constexpr std::uint32_t kMinAverage = 4096;

constexpr bool is_valid(ChunkSizes s) {
  return std::has_single_bit(s.average) && s.average >= kMinAverage && s.average <= limits::kMaxChunk / 4 &&
         s.min == s.average / 4 && s.max == s.average * 4;
}

/// Measured on a log, an SQL dump and a disk image, zstd level 1: a scattered edit costs 70 KB of chunks instead of 140
/// KB at 128 KiB, and both store the same once chunks share records of about 1 MiB (FORMAT.md, Cuts).
inline constexpr ChunkSizes kDefaultSizes = sizes_around(64 * 1024);

/// The secret that decides between the public candidates: a universal hash's key and an AES-128 key, independent of
/// each other, derived from `cut_key` by HKDF-SHA256 (empty salt, labels "farkeep/1/cut/hash" and "farkeep/1/cut/aes").
/// Immutable: threads may share one.  Wiped by its members' destructors.
class CutKey {
 public:
  explicit CutKey(const SecretKey& cut_key);

 private:
  friend class Chunker;
  WindowHash hash_;
  Aes128 aes_;
};

/// Cuts content where the content says so: an edit changes the chunks that it touches, seldom the next, and no others.
///
/// Public candidates, private choice.  A Gear hash over a fixed table marks about one position in 64; of the window
/// before a candidate a keyed universal hash is taken and encrypted, and the cut is decided on the ciphertext alone.
/// So lengths of chunks show nothing of the key beyond what a random function would show.  Format, proof and figures:
/// FORMAT.md, Cuts.  Pure: no state between calls, equal bytes and keys give equal cuts for ever.
class Chunker {
 public:
  /// `key` outlives the chunker.  Sizes that are not is_valid() are our bug.
  Chunker(const CutKey& key, ChunkSizes sizes);

  /// Length of the first chunk of `data`, which starts where a chunk starts.  0 asks for more: there are fewer than
  /// `max` bytes and `last` is false (then nothing was scanned: keep at least `max` bytes in the buffer and no byte is
  /// read twice).  With `last` the rest may be shorter than `min`; of no bytes the length is 0, as empty content has no
  /// chunks.  The answer depends on the key, the sizes and the chunk's own bytes, never on what follows it in `data`.
  std::size_t next(ByteView data, bool last) const;

  const ChunkSizes& sizes() const noexcept { return sizes_; }

 private:
  const CutKey& key_;
  const ChunkSizes sizes_;
  const std::uint64_t early_, late_;  // ciphertexts that cut: below early_, from the average on below late_
};

}  // namespace farkeep
