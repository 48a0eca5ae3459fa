#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "archive/archive.pb.h"
#include "archive/entry.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"

namespace farkeep {

/// Times as they stand in columns: whole seconds, and nanoseconds after them (also before 1970).
inline constexpr std::int64_t kSecond = 1'000'000'000;
struct SplitTime {
  std::int64_t seconds;
  std::uint32_t nanoseconds;
};
inline SplitTime split_time(std::int64_t ns) {
  std::int64_t seconds = ns / kSecond, rest = ns % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  return {seconds, static_cast<std::uint32_t>(rest)};
}

/// The entries of a leaf's message; malformed or too_large.
result<std::vector<Entry>> decode_leaf(archive::pb::Node& node, std::span<const ObjectId> refs);

Buffer serialized(const google::protobuf::MessageLite& message);

}  // namespace farkeep
