#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "archive/node_codec.hpp"

namespace farkeep {

/// Which entries of a catalog are wanted.
class CatalogRange {
 public:
  static CatalogRange whole() { return {Kind::whole, {}}; }
  /// The folder itself and everything in it.
  static CatalogRange below(std::string folder) {
    return folder.empty() ? whole() : CatalogRange{Kind::below, std::move(folder)};
  }
  static CatalogRange only(std::string path) { return {Kind::only, std::move(path)}; }

  bool contains(std::string_view path) const noexcept;
  /// Whether a node may hold entries of the range, when all its paths are behind `after` and `last` is the last one.
  bool may_be_in(std::string_view after, std::string_view last) const noexcept;

 private:
  enum class Kind : std::uint8_t { whole, below, only };
  CatalogRange(Kind kind, std::string path) : kind_(kind), path_(std::move(path)) {}
  Kind kind_;
  std::string path_;
};

/// What is left to read of a catalog, in path order: nodes that are not here yet, and entries of leaves that are.
/// The common part of CatalogStream and CatalogDiff.
class NodeQueue {
 public:
  enum class State : std::uint8_t { untouched, asked, open };
  static constexpr std::uint8_t kAnyLevel = 255;  // of a root

  struct Item {
    ObjectId id;
    std::string after;  ///< all its paths are behind this one
    std::string last;   ///< its last path; not known of a root
    std::uint64_t entries_below = 0, bytes_below = 0;
    std::uint8_t level = kAnyLevel;
    State state = State::untouched;
    std::vector<Entry> leaf;  ///< when open
    std::size_t next = 0;     ///< of `leaf`

    bool is_root() const noexcept { return level == kAnyLevel; }
    bool is_open() const noexcept { return state == State::open; }
    const Entry& entry() const { return leaf[next]; }
  };
  using Iterator = std::list<Item>::iterator;

  NodeQueue(const ObjectId& root, CatalogRange range);

  bool empty() const noexcept { return items_.empty(); }
  Item& front() { return items_.front(); }
  Iterator begin() { return items_.begin(); }
  Iterator end() { return items_.end(); }
  /// Nodes asked for or open and not yet done with: what takes memory.
  std::size_t held() const noexcept { return held_; }

  void ask(Item& item);
  void drop_front();
  /// The front's entry; drops the front when it was its last.
  Entry take_entry();

  /// What stands below nodes that nobody can give: the paths behind `after`, up to and with `last`.
  struct Gap {
    std::string after, last;
    std::uint64_t entries = 0;
  };
  /// Leaves out everything below this id that was asked for.  Nothing for a root, which stays.
  std::vector<Gap> skip(const ObjectId& id);

  /// Puts a node in the place of every item that was asked for under this id; none is fine.  malformed when it is not
  /// what its parent says: level, paths, counts.
  result<void> give(const ObjectId& id, ByteView message, std::span<const ObjectId> refs);

 private:
  result<void> open(Iterator at, DecodedNode node);

  std::list<Item> items_;
  CatalogRange range_;
  std::size_t held_ = 0;
};

}  // namespace farkeep
