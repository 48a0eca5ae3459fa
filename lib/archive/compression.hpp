#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace farkeep {

/// How hard to try.  What it means is written beside compress(); a reader need not know.
enum class CompressionLevel : std::uint8_t { automatic, fast, best, off };

/// `plain` as one zstd frame, in memory of the calling thread that the thread's next call writes again.
/// Empty when it is not worth it: level off, or data that does not shrink by 3 %.
ByteView compress(ByteView plain, CompressionLevel level);

/// What to add to a nonce's hedge: the compressor's version and the level.  The same input gives the same output
/// only under the same ones.
std::uint32_t compressor_version() noexcept;

/// Exactly into.size() bytes, or Errc::malformed.  Never writes more, whatever `body` claims.
result<void> decompress(ByteView body, MutableByteView into);

}  // namespace farkeep
