#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <unordered_map>
#include <vector>

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

/// Up to 64 nodes that lie side by side in one record copy: a bit for each.
struct NodeGroup {
  std::uint64_t bits = 0;
  std::uint32_t segment = 0, offset = 0;
  std::uint16_t group = 0;  ///< ordinal / 64

  NodeGroup() = default;
  explicit NodeGroup(const NodeKey& k) : bits(std::uint64_t{1} << (k.ordinal % 64)), segment(k.segment), offset(k.offset), group(static_cast<std::uint16_t>(k.ordinal / 64)) {}
  /// Which nodes; the bits aside.
  bool operator<(const NodeGroup& o) const noexcept {
    return segment != o.segment ? segment < o.segment : offset != o.offset ? offset < o.offset : group < o.group;
  }
  bool same_nodes(const NodeGroup& o) const noexcept { return segment == o.segment && offset == o.offset && group == o.group; }
};

/// A set of nodes that costs what its records cost, not its nodes: an agent may put 16,384 empty ones into half a megabyte.
///
/// 24 bytes a group: sorted, with a small table of what came last in front, which is merged when it has grown.
class NodeSet {
 public:
  bool contains(const NodeKey& key) const;
  /// False: it was there.
  bool insert(const NodeKey& key);
  void erase(const NodeKey& key);
  /// All of `more`.
  void add(NodeSet more);
  /// For reading a list that ascends.  False when this one does not come behind the last.
  bool append(const NodeGroup& group);

  /// Nodes.
  std::uint64_t size() const noexcept { return size_; }
  /// What memory counts in.
  std::size_t group_count() const noexcept { return groups_.size() + recent_.size(); }
  std::uint32_t highest_segment() const noexcept { return highest_; }
  /// All of them, ascending.
  const std::vector<NodeGroup>& groups();

 private:
  struct Key {
    std::uint64_t copy;
    std::uint16_t group;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const noexcept {
      std::uint64_t const h = (k.copy + k.group) * 0x9e3779b97f4a7c15u;
      return static_cast<std::size_t>(h ^ (h >> 32));
    }
  };
  static Key key_of(const NodeGroup& g) { return Key{(std::uint64_t{g.segment} << 32) | g.offset, g.group}; }
  bool set(std::uint64_t& bits, std::uint64_t more);
  void settle();

  std::vector<NodeGroup> groups_;
  std::unordered_map<Key, std::uint64_t, KeyHash> recent_;
  std::uint64_t size_ = 0;
  std::uint32_t highest_ = 0;
};

}  // namespace farkeep
