#include "archive/chunk_list_builder.hpp"

#include <utility>

#include "archive/node_codec.hpp"
#include "archive/node_id.hpp"
#include "base/check.hpp"
#include "base/codec.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kLeastRefs = 64, kMostRefs = 1024, kAverageRefs = 256;

// Ids are keyed hashes already: where they cut, nobody without the key can choose.
bool ends_list(const ObjectId& last) { return Reader{last.view()}.number<std::uint32_t>() % kAverageRefs == 0; }

}  // namespace

void ChunkListBuilder::add_at(std::size_t level, const ChunkRef& ref) {
  FARKEEP_CHECK(level < kMaxListDepth);
  if (levels_.size() == level) levels_.emplace_back();
  levels_[level].pending.push_back(ref);
  if (levels_[level].cutting) return cut_if_due(level);
  if (levels_[level].pending.size() <= kMaxEntryRefs) return;

  // Too many: cut what was kept, as if it had been cut from the beginning.
  levels_[level].cutting = true;
  for (const ChunkRef& kept : std::exchange(levels_[level].pending, {})) {
    levels_[level].pending.push_back(kept);
    cut_if_due(level);
  }
}

void ChunkListBuilder::cut_if_due(std::size_t level) {
  const auto& pending = levels_[level].pending;
  if (pending.size() >= kMostRefs || (pending.size() >= kLeastRefs && ends_list(pending.back().id))) end_list(level);
}

void ChunkListBuilder::end_list(std::size_t level) {
  const std::vector<ChunkRef> refs = std::exchange(levels_[level].pending, {});
  EncodedNode node = encode_list(static_cast<std::uint8_t>(kListLevel + level), refs);
  ChunkRef list{node_id(keys_, node.message, node.refs), 0};
  for (const ChunkRef& r : refs) list.size += r.size;
  sink_({list.id, std::move(node.message), std::move(node.refs)});
  add_at(level + 1, list);
}

void ChunkListBuilder::finish(Entry& entry) {
  std::size_t top = 0;
  while (top < levels_.size() && levels_[top].cutting) {
    if (!levels_[top].pending.empty()) end_list(top);
    ++top;
  }
  entry.list_depth = static_cast<std::uint8_t>(top);
  entry.chunks = top < levels_.size() ? std::move(levels_[top].pending) : std::vector<ChunkRef>{};
  levels_.clear();
}

}  // namespace farkeep
