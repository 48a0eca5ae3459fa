// The chunker against the plain one of reference.hpp.
#include "reference.hpp"

#include <catch2/catch.hpp>

#include "content.hpp"

using namespace farkeep;

namespace {

void check_same(const SecretKey& secret, std::uint32_t average, ByteView data) {
  const CutKey key(secret);
  const Chunker chunker(key, sizes_around(average));
  const Reference reference(secret, average);
  std::size_t chunks = 0;
  while (!data.empty()) {
    const std::size_t length = chunker.next(data, true);
    INFO("average " << average << ", chunk " << chunks);
    REQUIRE(length == reference.first_cut(data));
    data = data.subspan(length);
    ++chunks;
  }
}

}  // namespace

TEST_CASE("reference: the same cuts on every kind of content") {
  for (std::uint32_t average : {4096u, 32768u, 131072u}) {
    const std::size_t size = 9 * average + 1234;
    check_same(content::key_from(7), average, content::random(average, size));
    check_same(content::key_from(8), average, content::text(average, size));
    check_same(content::key_from(9), average, content::binary(average, size));
  }
}

TEST_CASE("reference: the same cuts where candidates are dense, rare or repeated") {
  content::Numbers numbers(21);
  for (int round = 0; round < 40; ++round) {
    // Pieces of short patterns, long patterns, zeros and noise, each up to 6,000 bytes.
    Buffer data;
    while (data.size() < 60'000) {
      const std::uint64_t n = numbers.next();
      const std::size_t size = 1 + (n >> 8) % 6000, period = 1 + (n >> 32) % (n & 4 ? 12 : 700);
      switch (n % 3) {
        case 0:
          append(data, Buffer(size));
          break;
        case 1:
          append(data, content::random(n, size));
          break;
        default:
          append(data, content::repeat(content::random(n % 50, period), size));
      }
    }
    check_same(content::key_from(static_cast<std::uint8_t>(round)), 4096, data);
  }
}

TEST_CASE("reference: the same cuts for every length around the edges") {
  const SecretKey secret = content::key_from(3);
  const CutKey key(secret);
  const Chunker chunker(key, sizes_around(4096));
  const Reference reference(secret, 4096);
  const Buffer noise = content::random(22, 1 << 20);
  // Starts at many places, so that candidates fall on the last position of a scan and on all remainders of its loop.
  for (std::size_t start = 0; start < 300; ++start) {
    const ByteView from = ByteView{noise}.subspan(start * 3001);
    const std::size_t cut = reference.first_cut(from.first(4 * 4096));
    for (std::size_t size :
         {cut - 1, cut, cut + 1, cut + 2, cut + 3, std::size_t{1023}, std::size_t{1024}, std::size_t{1025}}) {
      INFO("start " << start << ", size " << size);
      REQUIRE(chunker.next(from.first(size), true) == reference.first_cut(from.first(size)));
    }
  }
}
