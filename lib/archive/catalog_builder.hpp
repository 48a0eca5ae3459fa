#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "archive/catalog_cut.hpp"
#include "archive/node_codec.hpp"
#include "archive/record_codec.hpp"
#include "crypto/keyring.hpp"

namespace farkeep {

/// Where finished nodes go: to be sealed, unless the server has them already.
using NodeSink = std::function<void(NodePlainOwned)>;

inline constexpr std::size_t kLeafEntries = 32;    // on average; README.md has the measurement
inline constexpr std::size_t kInnerChildren = 64;  // on average
inline constexpr std::size_t kNodeWeight = 128 * 1024;  // entries that are large in themselves end a leaf earlier

/// What a catalog holds.
struct CatalogTotals {
  std::uint64_t files = 0, folders = 0, others = 0;
  std::uint64_t bytes = 0;  ///< sum of the files' sizes
  std::uint64_t nodes = 0;  ///< all of them, known to the server or not
};

/// Builds the catalog of a snapshot from its entries in order, and gives each node away as soon as it is finished.
///
/// The same entries give the same nodes and the same root, whatever earlier catalogs looked like; k changed entries
/// change O(k × depth) nodes.  Holds one unfinished node per level.  One thread.
class CatalogBuilder {
 public:
  /// `keys` outlives the builder.  Children come to the sink before their parents.
  CatalogBuilder(const KeyRing& keys, NodeSink sink, std::size_t leaf_entries = kLeafEntries,
                 std::size_t inner_children = kInnerChildren);

  /// Paths strictly ascending (compare_paths; otherwise it is a bug).  Throws failure for what check_entry() refuses
  /// and for a catalog of more than limits::kMaxCatalogDepth levels.
  void add(const Entry& entry);
  /// The root's id.  Once; then the builder is used up.
  ObjectId finish();

  const CatalogTotals& totals() const noexcept { return totals_; }

 private:
  struct Inner {
    std::vector<CatalogChild> children;
    std::size_t weight = 0;
    std::uint64_t nodes = 0;  // given away
  };

  void end_leaf();
  void end_inner(std::size_t level);
  CatalogChild give(EncodedNode node, std::uint64_t entries, std::uint64_t bytes, std::string last_path);
  void add_child(std::size_t level, CatalogChild child);

  const KeyRing& keys_;
  NodeSink sink_;
  CatalogCut cut_;
  std::size_t leaf_entries_, inner_children_;
  LeafEncoder leaf_;
  std::uint64_t leaf_bytes_ = 0, leaves_ = 0;
  std::string last_path_;
  std::vector<Inner> inner_;  // inner_[0] is level 1
  CatalogTotals totals_;
};

}  // namespace farkeep
