#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "vault/index_list.hpp"
#include "vault/place.hpp"

namespace farkeep {

/// One catalog node in one record copy.
struct NodeKey {
  std::uint32_t segment = 0, offset = 0;
  std::uint16_t ordinal = 0;

  NodeKey() = default;
  explicit NodeKey(const Place& p) : segment(p.segment), offset(p.offset), ordinal(p.ordinal) {}
  auto operator<=>(const NodeKey&) const = default;
};

/// The nodes known complete: all below them is present (LOCKING.md §6).  Grows by whole commits.
///
/// Kept in the cache folder between runs; without the file, the next commit reads the whole catalog again.
///   magic "FKN1"  version u32  store 16  account 16  agent 16  count u64, each: segment u32, offset u32, ordinal u16   XXH3
class CompleteNodes {
 public:
  bool contains(const NodeKey& key) const;
  /// `more` ascends.
  void add(const std::vector<NodeKey>& more);
  std::size_t size() const noexcept { return nodes_.size(); }
  /// The highest segment spoken of; 0 when empty.
  std::uint32_t highest_segment() const noexcept { return nodes_.empty() ? 0 : nodes_.back().segment; }

  Buffer encode(const IndexOwner& owner) const;
  /// Empty for anything that is not whole or somebody else's: it is a cache.
  static CompleteNodes parse(ByteView bytes, const IndexOwner& owner);

 private:
  std::vector<NodeKey> nodes_;  // ascending
};

}  // namespace farkeep
