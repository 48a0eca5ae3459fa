#include "chunk/chunker.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <thread>

#include "content.hpp"

using namespace farkeep;

namespace {

const CutKey& key() {
  static const CutKey k(content::key_from(0));
  return k;
}

// What a reader does: fill a buffer by reads of `read_size`, cut while the chunker answers, carry the rest over.
std::vector<std::size_t> cut_by_reads(const Chunker& chunker, ByteView data, std::size_t read_size) {
  std::vector<std::size_t> lengths;
  Buffer buffer;
  while (!data.empty()) {
    const std::size_t n = std::min(read_size, data.size());
    append(buffer, data.first(n));
    data = data.subspan(n);
    std::size_t used = 0;
    while (used < buffer.size()) {
      const std::size_t length = chunker.next(ByteView{buffer}.subspan(used), data.empty());
      if (length == 0) break;
      lengths.push_back(length);
      used += length;
    }
    buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(used));
  }
  return lengths;
}

std::size_t sum(const std::vector<std::size_t>& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
}

}  // namespace

TEST_CASE("chunk sizes: a quarter and four times a power of two, within the limits") {
  CHECK(is_valid(kDefaultSizes));
  CHECK(is_valid(sizes_around(kMinAverage)));
  CHECK(is_valid(sizes_around(limits::kMaxChunk / 4)));
  CHECK_FALSE(is_valid(sizes_around(limits::kMaxChunk / 2)));
  CHECK_FALSE(is_valid(sizes_around(kMinAverage / 2)));
  CHECK_FALSE(is_valid(sizes_around(3 * 32768)));
  CHECK_FALSE(is_valid({16384, 65536, 131072}));
  CHECK_FALSE(is_valid({8192, 65536, 262144}));
  CHECK_FALSE(is_valid({0, 0, 0}));
}

TEST_CASE("chunker: empty content has no chunks") {
  const Chunker chunker(key(), kDefaultSizes);
  CHECK(chunker.next({}, true) == 0);
  CHECK(chunker.next({}, false) == 0);
}

TEST_CASE("chunker: content up to the smallest size is one chunk") {
  const Chunker chunker(key(), kDefaultSizes);
  const Buffer data = content::random(1, kDefaultSizes.min);
  for (std::size_t size : {std::size_t{1}, std::size_t{63}, data.size() - 1, data.size()}) {
    CHECK(chunker.next(ByteView{data}.first(size), true) == size);
  }
}

TEST_CASE("chunker: asks for more below the largest size, never at it") {
  const Chunker chunker(key(), sizes_around(4096));
  const Buffer data = content::random(2, 4 * 4096);
  CHECK(chunker.next(ByteView{data}.first(data.size() - 1), false) == 0);
  CHECK(chunker.next(data, false) != 0);
  CHECK(chunker.next(data, false) == chunker.next(data, true));
}

TEST_CASE("chunker: the same cuts whatever the read sizes") {
  const Chunker chunker(key(), sizes_around(16 * 1024));
  for (const Buffer& data : {content::random(3, 1'500'000), content::text(4, 700'001), Buffer(300'000)}) {
    const auto whole = content::cut_all(chunker, data);
    for (std::size_t read_size : {1, 7, 4096, 65535}) {
      INFO("reads of " << read_size);
      CHECK(cut_by_reads(chunker, data, read_size) == whole);
    }
  }
}

TEST_CASE("chunker: what follows a chunk does not move its end") {
  const Chunker chunker(key(), sizes_around(4096));
  Buffer data = content::random(5, 4 * 4096);
  const std::size_t cut = chunker.next(data, true);
  REQUIRE(cut < data.size() / 2);
  std::fill(data.begin() + static_cast<std::ptrdiff_t>(cut), data.end(), std::uint8_t{'x'});
  CHECK(chunker.next(data, true) == cut);
  CHECK(chunker.next(ByteView{data}.first(cut + 1), true) == cut);
  CHECK(chunker.next(ByteView{data}.first(cut), true) == cut);
}

TEST_CASE("chunker: chunks joined are the content, and only the last is short") {
  const ChunkSizes sizes = sizes_around(4096);
  const Chunker chunker(key(), sizes);
  content::Numbers numbers(6);
  for (int round = 0; round < 60; ++round) {
    const Buffer data = content::random(numbers.next(), numbers.next() % 200'000);
    const auto lengths = content::cut_all(chunker, data);
    CHECK(sum(lengths) == data.size());
    CHECK(lengths.empty() == data.empty());
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      CHECK(lengths[i] <= sizes.max);
      if (i + 1 < lengths.size()) CHECK(lengths[i] >= sizes.min);
    }
  }
}

TEST_CASE("chunker: two runs, two chunkers and two key objects give the same cuts") {
  const Buffer data = content::text(7, 3'000'000);
  const CutKey again(content::key_from(0));
  const Chunker one(key(), kDefaultSizes), two(again, kDefaultSizes);
  const auto cuts = content::cut_all(one, data);
  CHECK(cuts.size() > 20);
  CHECK(content::cut_all(one, data) == cuts);
  CHECK(content::cut_all(two, data) == cuts);
}

TEST_CASE("chunker: threads may share a cut key") {
  const Buffer data = content::random(8, 2'000'000);
  const Chunker chunker(key(), kDefaultSizes);
  const auto alone = content::cut_all(chunker, data);
  std::vector<std::size_t> first, second;
  std::thread a([&] { first = content::cut_all(chunker, data); });
  std::thread b([&] { second = content::cut_all(chunker, data); });
  a.join();
  b.join();
  CHECK(first == alone);
  CHECK(second == alone);
}

TEST_CASE("chunker: another key cuts elsewhere") {
  const Buffer data = content::random(9, 6'000'000);
  const Chunker one(key(), kDefaultSizes);
  const CutKey other_key(content::key_from(1));
  const Chunker other(other_key, kDefaultSizes);
  const auto ends = [&](const Chunker& c) {
    auto lengths = content::cut_all(c, data);
    std::partial_sum(lengths.begin(), lengths.end(), lengths.begin());
    lengths.pop_back();  // the end of the content is common to all
    return lengths;
  };
  const auto a = ends(one), b = ends(other);
  REQUIRE(a.size() > 50);
  std::vector<std::size_t> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  CHECK(both.size() <= 1);
}
