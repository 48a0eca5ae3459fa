#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "wire/frame.hpp"

// The first byte says how the stream is cut; whatever the cut, the same frames (or the same error) must come out.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace farkeep;
  if (size == 0) return 0;
  ByteView in{data + 1, size - 1};
  std::size_t const step = data[0] + 1u;
  wire::FrameReader pieces;
  std::size_t bytes_out = 0;
  while (!in.empty()) {
    auto space = pieces.space();
    auto const n = std::min({step, space.size(), in.size()});
    std::memcpy(space.data(), in.data(), n);
    in = in.subspan(n);
    pieces.filled(n);
    for (;;) {
      auto frame = pieces.next();
      if (!frame) return 0;
      if (!*frame) break;
      auto const& f = **frame;
      if (f.head.size() != f.header.head_size || f.body.size() != f.header.body_size) std::abort();
      if (wire::FrameHeader::parse(f.header.encode()).value() != f.header) std::abort();
      bytes_out += wire::FrameHeader::kSize + f.head.size() + f.body.size();
      if (bytes_out > size) std::abort();
    }
  }
  return 0;
}
