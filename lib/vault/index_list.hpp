#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "store/store.hpp"
#include "vault/checksum.hpp"
#include "vault/segments.hpp"

namespace farkeep {

/// Whose cache it is: a store that was made anew has another id, and nothing cached is true of it.
struct IndexOwner {
  StoreId store;
  AccountId account;
  AgentId agent;
  bool operator==(const IndexOwner&) const = default;
};

/// Which segments a cache speaks of: any segment gone, added below or changed in size gives another.
struct SegmentCover {
  std::uint64_t count = 0;
  std::uint32_t highest = 0;
  Checksum checksum;  ///< over (number u32, size u64) of each
  bool operator==(const SegmentCover&) const = default;
};
/// Of the segments up to `highest`; `segments` ascend.
SegmentCover cover_of(const std::vector<SegmentInfo>& segments, std::uint32_t highest);

/// The file `index`: which tables there are, and what they cover.
///   magic "FKX1"  version u32  store 16  account 16  agent 16  next segment u32  cover: count u64, highest u32, checksum 16
///   number of tables u32, each: number u64   XXH3 of all before
struct IndexList {
  IndexOwner owner;
  std::uint32_t next_segment = 1;
  SegmentCover cover;
  std::vector<std::uint64_t> tables;  ///< oldest first
};
Buffer encode(const IndexList& list);
result<IndexList> parse_index_list(ByteView bytes);

}  // namespace farkeep
