// How fast content is cut, and into what: chunk_bench [FILE...].
// Without files: random bytes, text, zeros, and a period of 16 bytes that holds a candidate.  One thread, in memory;
// the speed is per second of processor time.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "chunk/chunker.hpp"

using namespace farkeep;

namespace {

constexpr std::size_t kSize = 256 << 20;
constexpr int kRounds = 5;  // the best counts: the others shared caches and clock

// xorshift64 (Marsaglia 2003).
std::uint64_t next_number(std::uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

Buffer random_bytes() {
  Buffer out(kSize);
  std::uint64_t state = 88172645463325252u;
  for (std::uint8_t& b : out) b = static_cast<std::uint8_t>(next_number(state) >> 32);
  return out;
}

Buffer text() {
  Buffer out;
  out.reserve(kSize + 100);
  std::uint64_t state = 88172645463325252u;
  for (std::uint64_t line = 0; out.size() < kSize; ++line) {
    const std::uint64_t n = next_number(state);
    const std::string number = std::to_string(line), peer = std::to_string(n % 1000), bytes = std::to_string(n >> 44);
    append(out, as_bytes("2026-11-22 info request " + number + " of peer " + peer + " sent " + bytes + " bytes\n"));
  }
  out.resize(kSize);
  return out;
}

Buffer period_of_16() {
  static constexpr std::uint8_t kPattern[16] = {11, 22, 33, 44, 55, 66, 77, 88, 99, 110, 121, 132, 143, 154, 165, 179};
  Buffer out(kSize);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = kPattern[i % 16];
  return out;
}

Buffer file(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return Buffer(std::istreambuf_iterator<char>(in), {});
}

void measure(const std::string& name, ByteView content, const Chunker& chunker) {
  double best = 0;
  std::vector<std::size_t> lengths;
  for (int round = 0; round < kRounds; ++round) {
    lengths.clear();
    const std::clock_t start = std::clock();
    for (ByteView left = content; !left.empty(); left = left.subspan(lengths.back())) {
      lengths.push_back(chunker.next(left, true));
    }
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    best = std::max(best, static_cast<double>(content.size()) / seconds / 1e6);
  }
  if (lengths.empty()) return;
  std::sort(lengths.begin(), lengths.end());
  const std::size_t n = lengths.size();
  const auto maximal = std::count(lengths.begin(), lengths.end(), chunker.sizes().max);
  std::printf("%-28s %6.0f MB/s  %7zu chunks  mean %6zu  p10 %6zu  p50 %6zu  p90 %6zu  at max %5.1f %%\n", name.c_str(),
              best, n, content.size() / n, lengths[n / 10], lengths[n / 2], lengths[n * 9 / 10],
              100.0 * static_cast<double>(maximal) / static_cast<double>(n));
}

}  // namespace

int main(int argc, char** argv) {
  SecretKey secret;
  for (std::uint8_t& b : secret.mutable_view()) b = 42;
  const CutKey key(secret);
  for (const std::uint32_t average : {64u * 1024, 128u * 1024}) {
    const Chunker chunker(key, sizes_around(average));
    std::printf("average %u KiB\n", average / 1024);
    if (argc > 1) {
      for (int i = 1; i < argc; ++i) measure(argv[i], file(argv[i]), chunker);
    } else {
      measure("random", random_bytes(), chunker);
      measure("text", text(), chunker);
      measure("zeros", Buffer(kSize), chunker);
      measure("period of 16", period_of_16(), chunker);
    }
  }
}
