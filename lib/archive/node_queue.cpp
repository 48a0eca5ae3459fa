#include "archive/node_queue.hpp"

#include <algorithm>
#include <utility>

#include "archive/path.hpp"
#include "base/check.hpp"

namespace farkeep {

bool CatalogRange::contains(std::string_view path) const noexcept {
  switch (kind_) {
    case Kind::whole: return true;
    case Kind::below: return path == path_ || is_below(path, path_);
    case Kind::only: return path == path_;
  }
  return false;
}

bool CatalogRange::may_be_in(std::string_view after, std::string_view last) const noexcept {
  if (kind_ == Kind::whole) return true;
  if (compare_paths(last, path_) < 0) return false;
  if (compare_paths(after, path_) < 0) return true;
  return kind_ == Kind::below && (after == path_ || is_below(after, path_));
}

NodeQueue::NodeQueue(const ObjectId& root, CatalogRange range) : range_(std::move(range)) {
  items_.emplace_back();
  items_.back().id = root;
}

void NodeQueue::ask(Item& item) {
  FARKEEP_CHECK(item.state == State::untouched);
  item.state = State::asked;
  ++held_;
}

void NodeQueue::drop_front() {
  if (front().state != State::untouched) --held_;
  items_.pop_front();
}

Entry NodeQueue::take_entry() {
  Item& item = front();
  Entry e = std::move(item.leaf[item.next++]);
  if (item.next == item.leaf.size()) drop_front();
  return e;
}

result<void> NodeQueue::give(const ObjectId& id, ByteView message, std::span<const ObjectId> refs) {
  for (auto at = items_.begin(); at != items_.end();) {
    auto here = at++;
    if (here->state != State::asked || here->id != id) continue;
    auto node = decode_node(message, refs);
    if (!node) return node.error();
    if (auto ok = open(here, std::move(*node)); !ok) return ok;
  }
  return {};
}

std::vector<NodeQueue::Gap> NodeQueue::skip(const ObjectId& id) {
  std::vector<Gap> out;
  for (auto at = items_.begin(); at != items_.end();) {
    auto here = at++;
    if (here->state != State::asked || here->id != id || here->is_root()) continue;
    out.push_back({std::move(here->after), std::move(here->last), here->entries_below});
    --held_;
    items_.erase(here);
  }
  return out;
}

namespace {

bool is_expected_level(const NodeQueue::Item& item, std::uint8_t level) {
  return item.is_root() ? level <= kTopCatalogLevel : level + 1 == item.level;
}

// Whether a node's paths and totals are those that its parent promised.  A root has no parent.
bool is_as_promised(const NodeQueue::Item& item, std::string_view first, std::string_view last, std::uint64_t entries,
                    std::uint64_t bytes) {
  if (item.is_root()) return true;
  return compare_paths(item.after, first) < 0 && item.last == last && item.entries_below == entries &&
         item.bytes_below == bytes;
}

}  // namespace

// `item.level` is the parent's: that is what was known when the item was made.
result<void> NodeQueue::open(Iterator at, DecodedNode node) {
  if (!is_expected_level(*at, node.level)) return Errc::malformed;

  if (node.level == kLeafLevel) {
    if (node.entries.empty() && !at->is_root()) return Errc::malformed;
    std::uint64_t bytes = 0;
    for (const Entry& e : node.entries) bytes = saturating_add(bytes, e.size);
    if (!node.entries.empty() &&
        !is_as_promised(*at, node.entries.front().path, node.entries.back().path, node.entries.size(), bytes)) {
      return Errc::malformed;
    }
    std::erase_if(node.entries, [&](const Entry& e) { return !range_.contains(e.path); });
    if (node.entries.empty()) {
      --held_;
      items_.erase(at);
      return {};
    }
    at->last = node.entries.back().path;
    at->leaf = std::move(node.entries);
    at->state = State::open;
    return {};
  }

  std::uint64_t entries = 0, bytes = 0;
  for (const CatalogChild& c : node.children) {
    entries += c.entries_below;
    bytes = saturating_add(bytes, c.bytes_below);
  }
  const std::string& last = node.children.back().last_path;
  if (!is_as_promised(*at, node.children.front().last_path, last, entries, bytes)) return Errc::malformed;
  std::string after = at->after;
  for (CatalogChild& c : node.children) {
    if (range_.may_be_in(after, c.last_path)) {
      Item& item = *items_.emplace(at);
      item.id = c.id;
      item.after = after;
      item.last = c.last_path;
      item.entries_below = c.entries_below;
      item.bytes_below = c.bytes_below;
      item.level = node.level;
    }
    after = std::move(c.last_path);
  }
  --held_;
  items_.erase(at);
  return {};
}

}  // namespace farkeep
