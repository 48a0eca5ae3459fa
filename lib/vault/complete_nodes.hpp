#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "vault/index_list.hpp"
#include "vault/node_set.hpp"

namespace farkeep {

/// Nodes of which something is known that stays true: that all below them is present (LOCKING.md §6), or that the partner has them with all
/// below (§4a).  Grows by whole commits.
///
/// Kept in the cache folder between runs; without the file, the next commit, or the next push, reads the whole catalog again.
///   magic "FKN1"  version u32 = 2  store 16  account 16  agent 16  count u64, each: segment u32, offset u32, group u16, bits u64   XXH3
class CompleteNodes {
 public:
  bool contains(const NodeKey& key) const { return nodes_.contains(key); }
  /// Not taken, with a line in the log, beyond `kMostGroups`: then those nodes are read again later.
  void add(NodeSet more);
  std::uint64_t size() const noexcept { return nodes_.size(); }
  std::size_t group_count() const noexcept { return nodes_.group_count(); }
  /// The highest segment spoken of; 0 when empty.
  std::uint32_t highest_segment() const noexcept { return nodes_.highest_segment(); }

  Buffer encode(const IndexOwner& owner);
  /// Empty for anything that is not whole or somebody else's: it is a cache.
  static CompleteNodes parse(ByteView bytes, const IndexOwner& owner);

  /// 96 MiB: four million records that hold live nodes, where a catalog of a hundred million files has some ten thousand.
  static constexpr std::size_t kMostGroups = std::size_t{1} << 22;

 private:
  NodeSet nodes_;
};

}  // namespace farkeep
