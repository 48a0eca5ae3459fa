#include "archive/catalog_diff.hpp"

#include "archive/path.hpp"

namespace farkeep {
namespace {

using Item = NodeQueue::Item;

// The last path of a root is not known: it is behind all others.
int compare_last(const Item& a, const Item& b) {
  if (a.is_root() || b.is_root()) return static_cast<int>(a.is_root()) - static_cast<int>(b.is_root());
  return compare_paths(a.last, b.last);
}

// Whether an unopened node may hold paths up to the last one of an opened leaf.
bool reaches_into(const Item& node, const Item& leaf) { return compare_paths(node.after, leaf.last) < 0; }

// Two items at the same place of both catalogs: which must be opened to go on?
struct Need {
  bool left = false, right = false;
};
Need need_of(const Item& left, const Item& right) {
  if (left.is_open() && right.is_open()) return {};
  if (left.is_open()) return {false, reaches_into(right, left)};
  if (right.is_open()) return {reaches_into(left, right), false};
  if (left.id == right.id) return {};
  // The higher one may hold the other, or much of what stands beside it: it goes first.
  return {left.level >= right.level, right.level >= left.level};
}

}  // namespace

// Walks both queues side by side from where they are.  A node that will be opened stands for its whole range: what lies
// beside it in the other catalog may turn out to be below it too, so it is left alone for now.
std::vector<ObjectId> CatalogDiff::wanted(std::size_t most) {
  std::vector<ObjectId> out;
  auto ask = [&](NodeQueue& queue, Item& item, bool blocks) {
    if (item.state != NodeQueue::State::untouched) return;
    if (before_.held() + after_.held() >= most && !blocks) return;
    queue.ask(item);
    if (outstanding_.insert(item.id).second) out.push_back(item.id);
  };
  auto l = before_.begin(), r = after_.begin();
  bool front = true;
  while (l != before_.end() || r != after_.end()) {
    if (!front && before_.held() + after_.held() >= most) break;
    if (r == after_.end()) {
      ask(before_, *l++, front);
    } else if (l == before_.end()) {
      ask(after_, *r++, front);
    } else {
      const Need need = need_of(*l, *r);
      if (need.left) ask(before_, *l, front);
      if (need.right) ask(after_, *r, front);
      const int order = compare_last(*l, *r);
      if (order <= 0) ++l;
      if (order >= 0) ++r;
    }
    front = false;
  }
  return out;
}

result<void> CatalogDiff::give(const ObjectId& id, ByteView message, std::span<const ObjectId> refs) {
  if (outstanding_.erase(id) == 0) return {};
  if (auto ok = before_.give(id, message, refs); !ok) return ok;
  return after_.give(id, message, refs);
}

std::optional<CatalogChange> CatalogDiff::next() {
  auto removed = [&] { return CatalogChange{before_.take_entry(), std::nullopt}; };
  auto added = [&] { return CatalogChange{std::nullopt, after_.take_entry()}; };
  while (!at_end()) {
    if (before_.empty()) return after_.front().is_open() ? std::optional{added()} : std::nullopt;
    if (after_.empty()) return before_.front().is_open() ? std::optional{removed()} : std::nullopt;

    Item& left = before_.front();
    Item& right = after_.front();
    if (!left.is_open() && !right.is_open()) {
      if (left.id != right.id) return std::nullopt;
      before_.drop_front();
      after_.drop_front();
    } else if (!right.is_open()) {
      if (compare_paths(left.entry().path, right.after) > 0) return std::nullopt;
      return removed();
    } else if (!left.is_open()) {
      if (compare_paths(right.entry().path, left.after) > 0) return std::nullopt;
      return added();
    } else {
      switch (lower_side(left.entry().path, right.entry().path)) {
        case Side::left: return removed();
        case Side::right: return added();
        case Side::both: break;
      }
      CatalogChange change{before_.take_entry(), after_.take_entry()};
      if (!same_restored(*change.before, *change.after)) return change;
    }
  }
  return std::nullopt;
}

}  // namespace farkeep
