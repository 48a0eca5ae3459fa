#include "archive/compression.hpp"

#include <zstd.h>

#include <algorithm>
#include <memory>

#include "base/check.hpp"

namespace farkeep {
namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* c) const noexcept { ZSTD_freeCCtx(c); }
  void operator()(ZSTD_DCtx* c) const noexcept { ZSTD_freeDCtx(c); }
};

// One set per thread: a context is about a megabyte, and costs more to make than a small record to compress.
struct Compressor {
  std::unique_ptr<ZSTD_CCtx, FreeContext> context{ZSTD_createCCtx()};
  Buffer out;
};

Compressor& compressor() {
  thread_local Compressor c;
  FARKEEP_CHECK(c.context != nullptr);
  return c;
}

void set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  FARKEEP_CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)));
}

// README.md has the measurement.  Level 1 looks for matches of 7 bytes in a table of 2^14: made for speed beyond what
// the rest of the pipeline needs.  With these three it stores what level 2 stores, in less time.
void choose(ZSTD_CCtx* context, CompressionLevel level) {
  FARKEEP_CHECK(!ZSTD_isError(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)));
  switch (level) {
    case CompressionLevel::automatic:
      set(context, ZSTD_c_compressionLevel, 1);
      set(context, ZSTD_c_minMatch, 6);
      set(context, ZSTD_c_hashLog, 17);
      set(context, ZSTD_c_windowLog, 21);  // a whole record
      break;
    case CompressionLevel::fast:
      set(context, ZSTD_c_compressionLevel, -1);
      break;
    case CompressionLevel::best:
      set(context, ZSTD_c_compressionLevel, 9);
      break;
    case CompressionLevel::off:
      break;
  }
}

// Less is not worth a decompression.  No samples are taken beforehand: zstd itself passes noise at 3 to 4 GB/s, and
// samples miss the compressible half of a disk image (4 KiB in 128 KiB: 3 % more stored).
constexpr bool shrinks(std::size_t from, std::size_t to) { return to + from / 32 < from; }

}  // namespace

ByteView compress(ByteView plain, CompressionLevel level) {
  if (level == CompressionLevel::off || plain.empty()) return {};
  Compressor& c = compressor();
  const std::size_t bound = ZSTD_compressBound(plain.size());
  if (c.out.size() < bound) c.out.resize(bound);
  choose(c.context.get(), level);
  const std::size_t size = ZSTD_compress2(c.context.get(), c.out.data(), c.out.size(), plain.data(), plain.size());
  FARKEEP_CHECK(!ZSTD_isError(size));
  if (!shrinks(plain.size(), size)) return {};
  return ByteView{c.out}.first(size);
}

std::uint32_t compressor_version() noexcept { return ZSTD_versionNumber(); }

result<void> decompress(ByteView body, MutableByteView into) {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeContext> context{ZSTD_createDCtx()};
  FARKEEP_CHECK(context != nullptr);
  const std::size_t size = ZSTD_decompressDCtx(context.get(), into.data(), into.size(), body.data(), body.size());
  if (ZSTD_isError(size) || size != into.size()) return Errc::malformed;
  return {};
}

}  // namespace farkeep
