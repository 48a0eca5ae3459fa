#include "archive/content_stream.hpp"

#include "archive/node_codec.hpp"

namespace farkeep {

ContentStream::ContentStream(const Entry& entry, std::uint64_t from, std::uint64_t length)
    : from_(from), end_(saturating_add(from, length)) {
  insert(items_.end(), entry.chunks, 0, entry.list_depth);
}

// Returns the offset behind the last one.
std::uint64_t ContentStream::insert(Place before, std::span<const ChunkRef> refs, std::uint64_t offset,
                                    std::uint8_t depth) {
  for (const ChunkRef& r : refs) {
    const std::uint64_t behind = saturating_add(offset, r.size);
    if (behind > from_ && offset < end_) items_.insert(before, Item{r, offset, depth, false});
    offset = behind;
  }
  return offset;
}

// The same list may stand in several places, of a file that repeats itself: it is fetched once for all that wait for
// it.
std::vector<ObjectId> ContentStream::wanted(std::size_t most) {
  constexpr std::size_t kReadAhead = 1024;
  std::vector<ObjectId> out;
  std::size_t chunks = 0;
  for (Item& item : items_) {
    if (item.depth == 0) {
      if (++chunks > kReadAhead) break;
      continue;
    }
    if (item.asked) continue;
    if (outstanding_.size() >= most && &item != &items_.front()) break;
    item.asked = true;
    if (outstanding_.insert(item.ref.id).second) out.push_back(item.ref.id);
  }
  return out;
}

result<void> ContentStream::give(const ObjectId& id, ByteView message, std::span<const ObjectId> refs) {
  if (outstanding_.erase(id) == 0) return {};
  for (auto at = items_.begin(); at != items_.end();) {
    auto here = at++;
    if (!here->asked || here->ref.id != id) continue;
    if (auto ok = open(here, message, refs); !ok) return ok;
  }
  return {};
}

result<void> ContentStream::open(Place at, ByteView message, std::span<const ObjectId> refs) {
  auto node = decode_node(message, refs);
  if (!node) return node.error();
  if (node->level != kListLevel + at->depth - 1) return Errc::malformed;
  const auto below = static_cast<std::uint8_t>(at->depth - 1);
  if (insert(at, node->list, at->offset, below) != saturating_add(at->offset, at->ref.size)) return Errc::malformed;
  items_.erase(at);
  return {};
}

std::optional<ContentStream::Piece> ContentStream::next() {
  if (items_.empty() || items_.front().depth != 0) return std::nullopt;
  const Item item = items_.front();
  items_.pop_front();
  return Piece{item.ref.id, static_cast<std::uint32_t>(item.ref.size), item.offset};
}

}  // namespace farkeep
