#include "archive/catalog_builder.hpp"

#include <utility>

#include "archive/node_id.hpp"
#include "base/check.hpp"
#include "base/limits.hpp"

namespace farkeep {
namespace {

// No node but the last of its level is smaller than a quarter of the average or larger than four times of it.
constexpr std::size_t kSpread = 4;

}  // namespace

CatalogBuilder::CatalogBuilder(const KeyRing& keys, NodeSink sink, std::size_t leaf_entries, std::size_t inner_children)
    : keys_(keys), sink_(std::move(sink)), cut_(keys), leaf_entries_(leaf_entries), inner_children_(inner_children) {
  FARKEEP_CHECK(leaf_entries >= kSpread && leaf_entries * kSpread <= kMaxNodeElements);
  FARKEEP_CHECK(inner_children >= 2 * kSpread && inner_children * kSpread <= kMaxNodeElements);
}

void CatalogBuilder::add(const Entry& entry) {
  value_or_throw(check_entry(entry), "adding an entry to the catalog");
  FARKEEP_CHECK(last_path_.empty() || compare_paths(last_path_, entry.path) < 0);
  last_path_ = entry.path;
  leaf_.add(entry);
  leaf_bytes_ = saturating_add(leaf_bytes_, entry.size);

  totals_.bytes = saturating_add(totals_.bytes, entry.size);
  ++(entry.kind == EntryKind::file     ? totals_.files
     : entry.kind == EntryKind::folder ? totals_.folders
                                       : totals_.others);

  const std::size_t n = leaf_.entries();
  const bool full = n >= leaf_entries_ * kSpread || leaf_.weight() >= kNodeWeight;
  if (full || (n >= leaf_entries_ / kSpread && cut_.after(kLeafLevel, last_path_, leaf_entries_))) end_leaf();
}

void CatalogBuilder::end_leaf() {
  const std::uint64_t entries = leaf_.entries();
  ++leaves_;
  add_child(1, give(leaf_.finish(), entries, std::exchange(leaf_bytes_, 0), last_path_));
}

CatalogChild CatalogBuilder::give(EncodedNode node, std::uint64_t entries, std::uint64_t bytes, std::string last_path) {
  const ObjectId id = node_id(keys_, node.message, node.refs);
  ++totals_.nodes;
  sink_({id, std::move(node.message), std::move(node.refs)});
  return {id, std::move(last_path), entries, bytes};
}

void CatalogBuilder::add_child(std::size_t level, CatalogChild child) {
  if (level > kTopCatalogLevel) throw failure(Errc::too_large, "building a catalog of more than 16 levels");
  if (inner_.size() < level) inner_.emplace_back();
  Inner& inner = inner_[level - 1];
  inner.weight += ObjectId::kSize + child.last_path.size();
  inner.children.push_back(std::move(child));

  const std::size_t n = inner.children.size();
  const std::string& path = inner.children.back().last_path;
  // Two children at least, or very long paths would build an endless tower.
  const bool full = n >= inner_children_ * kSpread || (inner.weight >= kNodeWeight && n >= 2);
  const auto level_byte = static_cast<std::uint8_t>(level);
  if (full || (n >= inner_children_ / kSpread && cut_.after(level_byte, path, inner_children_))) end_inner(level);
}

void CatalogBuilder::end_inner(std::size_t level) {
  Inner& inner = inner_[level - 1];
  const std::vector<CatalogChild> children = std::exchange(inner.children, {});
  inner.weight = 0;
  ++inner.nodes;
  std::uint64_t entries = 0, bytes = 0;
  for (const CatalogChild& c : children) {
    entries += c.entries_below;
    bytes = saturating_add(bytes, c.bytes_below);
  }
  EncodedNode node = encode_inner(static_cast<std::uint8_t>(level), children);
  add_child(level + 1, give(std::move(node), entries, bytes, children.back().last_path));
}

// Ends the open node of each level, from the leaves up, until a level has a single node: the root.
ObjectId CatalogBuilder::finish() {
  if (leaf_.entries() > 0 || leaves_ == 0) end_leaf();
  for (std::size_t level = 1;; ++level) {
    FARKEEP_CHECK(level <= inner_.size());
    const Inner& inner = inner_[level - 1];
    if (inner.nodes == 0 && inner.children.size() == 1) return inner.children[0].id;
    if (!inner.children.empty()) end_inner(level);
  }
}

}  // namespace farkeep
