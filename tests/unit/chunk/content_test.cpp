// How cuts lie on contents of different kinds: sizes, edits, and contents that repeat.
#include "content.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "chunk/gear_table.hpp"

using namespace farkeep;

namespace {

const CutKey& content_key() {
  static const CutKey k(content::key_from(0));
  return k;
}

std::set<std::string> chunks_of(const Chunker& chunker, ByteView data) {
  std::set<std::string> chunks;
  while (!data.empty()) {
    const std::size_t n = chunker.next(data, true);
    chunks.insert(to_string(data.first(n)));
    data = data.subspan(n);
  }
  return chunks;
}

std::size_t count_missing(const std::set<std::string>& of, const std::set<std::string>& in) {
  return static_cast<std::size_t>(std::count_if(of.begin(), of.end(), [&](const auto& c) { return !in.contains(c); }));
}

// All chunks but the last are as long as they may be.
bool only_maximal(const std::vector<std::size_t>& lengths, std::size_t max) {
  return std::all_of(lengths.begin(), lengths.end() - 1, [&](std::size_t n) { return n == max; });
}

void insert(Buffer& data, std::size_t at, ByteView bytes) {
  data.insert(data.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin(), bytes.end());
}

}  // namespace

TEST_CASE("chunker: sizes lie around the average on random, text and binary content") {
  const Chunker chunker(content_key(), kDefaultSizes);
  const auto& s = kDefaultSizes;
  for (const Buffer& data : {content::random(1, 24 << 20), content::text(2, 24 << 20), content::binary(3, 24 << 20)}) {
    auto lengths = content::cut_all(chunker, data);
    lengths.pop_back();
    std::sort(lengths.begin(), lengths.end());
    const std::size_t n = lengths.size();
    const std::size_t mean = data.size() / n;
    INFO("chunks " << n << ", mean " << mean << ", p10 " << lengths[n / 10] << ", p90 " << lengths[n * 9 / 10]);
    CHECK(mean > s.average * 9 / 10);
    CHECK(mean < s.average * 12 / 10);
    CHECK(lengths[n / 10] > s.average / 2);
    CHECK(lengths[n * 9 / 10] < s.average * 3 / 2);
    CHECK(lengths.back() < s.max);
  }
}

TEST_CASE("chunker: a run of one byte is cut at the largest size only") {
  const ChunkSizes sizes = sizes_around(4096);
  const Chunker chunker(content_key(), sizes);
  for (unsigned byte = 0; byte < 256; ++byte) {
    const Buffer data(3 * sizes.max + 100, static_cast<std::uint8_t>(byte));
    INFO("byte " << byte);
    CHECK(content::cut_all(chunker, data) == std::vector<std::size_t>{sizes.max, sizes.max, sizes.max, 100});
    CHECK((0 - kGear[byte]) >> 63 == 1);  // and holds no candidate at all, so it is scanned at full speed
  }
}

TEST_CASE("chunker: content with a period of up to 256 bytes is cut at the largest size only") {
  const ChunkSizes sizes = sizes_around(4096);
  const Chunker chunker(content_key(), sizes);
  for (std::size_t period = 1; period <= 256; ++period) {
    for (std::uint64_t variant = 0; variant < 4; ++variant) {
      const Buffer data = content::repeat(content::random(1000 * period + variant, period), 2 * sizes.max + 1);
      INFO("period " << period << ", variant " << variant);
      CHECK(only_maximal(content::cut_all(chunker, data), sizes.max));
    }
  }
}

TEST_CASE("chunker: content with a longer period is cut into equal chunks, none below the smallest size") {
  const ChunkSizes sizes = sizes_around(4096);
  const Chunker chunker(content_key(), sizes);
  std::size_t below_max = 0;
  for (std::size_t period : {257, 512, 1000, 4096}) {
    const Buffer data = content::repeat(content::random(period, period), 64 * sizes.max);
    const auto lengths = content::cut_all(chunker, data);
    for (std::size_t i = 0; i + 1 < lengths.size(); ++i) CHECK(lengths[i] >= sizes.min);
    CHECK(chunks_of(chunker, data).size() <= 2 + sizes.max / period);
    below_max += !only_maximal(lengths, sizes.max);
  }
  CHECK(below_max > 0);  // the look-back ends at 256
}

TEST_CASE("chunker: a window found again within 256 bytes does not cut, one byte further it does") {
  const ChunkSizes sizes = sizes_around(4096);
  const Chunker chunker(content_key(), sizes);
  // A cut that lies 10 bytes behind the smallest size, where an earlier copy of its window cannot cut itself.
  const Buffer all = content::random(11, 4 << 20);
  ByteView left = all;
  std::size_t length = 0;
  do {
    left = left.subspan(length);
    length = chunker.next(left, true);
    REQUIRE(length < left.size());
  } while (length >= sizes.average);
  const std::size_t cut = sizes.min + 10;
  const Buffer plain = to_buffer(left.subspan(length - cut, sizes.max));
  REQUIRE(chunker.next(plain, true) == cut);

  const auto with_copy = [&](std::size_t back) {
    Buffer data = plain;
    const auto end = data.begin() + static_cast<std::ptrdiff_t>(cut);
    std::copy(end - 64, end, end - 64 - static_cast<std::ptrdiff_t>(back));
    return chunker.next(data, true);
  };
  CHECK(with_copy(64) != cut);
  CHECK(with_copy(256) != cut);
  CHECK(with_copy(257) == cut);
}

TEST_CASE("chunker: zeros between contents end a chunk no more than contents do") {
  const Chunker chunker(content_key(), kDefaultSizes);
  Buffer data = content::random(12, 1 << 20);
  data.insert(data.end(), 8 << 20, std::uint8_t{0});
  append(data, content::random(13, 1 << 20));
  const auto lengths = content::cut_all(chunker, data);
  const auto maximal = std::count(lengths.begin(), lengths.end(), kDefaultSizes.max);
  CHECK(maximal >= 31);  // 8 MiB of zeros hold 32 chunks of 256 KiB, one of which begins or ends elsewhere
  CHECK(maximal <= 32);
}

TEST_CASE("chunker: a byte put before the content leaves nine chunks in ten as they were") {
  const Chunker chunker(content_key(), kDefaultSizes);
  for (const Buffer& before :
       {content::random(14, 16 << 20), content::text(15, 16 << 20), content::binary(16, 16 << 20)}) {
    Buffer after = before;
    insert(after, 0, as_bytes("x"));
    const auto old_chunks = chunks_of(chunker, before), new_chunks = chunks_of(chunker, after);
    REQUIRE(old_chunks.size() > 150);
    CHECK(count_missing(old_chunks, new_chunks) * 10 <= old_chunks.size());
    CHECK(count_missing(old_chunks, new_chunks) > 0);
  }
}

TEST_CASE("chunker: each of scattered edits costs about one chunk") {
  const Chunker chunker(content_key(), kDefaultSizes);
  const Buffer before = content::random(17, 32 << 20);
  const auto old_chunks = chunks_of(chunker, before);
  constexpr std::size_t kEdits = 20;
  Buffer changed = before, grown = before;
  for (std::size_t i = 0; i < kEdits; ++i) {
    const std::size_t at = before.size() / kEdits * i + 777'777;
    changed[at] ^= 0x40;
    insert(grown, at, as_bytes("an insertion of some bytes"));
  }
  CHECK(count_missing(chunks_of(chunker, changed), old_chunks) >= kEdits / 2);
  CHECK(count_missing(chunks_of(chunker, changed), old_chunks) <= 2 * kEdits);
  CHECK(count_missing(chunks_of(chunker, grown), old_chunks) <= 2 * kEdits);
}
