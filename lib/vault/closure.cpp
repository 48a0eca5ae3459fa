#include "vault/closure.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kAsk = 16384;          // references looked up at once: 512 KiB of ids
constexpr std::size_t kSmall = 16384;        // nodes: a commit of an hour's changes has some hundred
constexpr std::size_t kLeastBatch = 8192;    // nodes of a level before it is taken down: eight records' worth
}  // namespace

bool Closure::enough() const { return missing_.size() > limits::kIdsPerQuestion; }

// A level grows with what was seen, so that a record whose nodes hang at many places is read a few times, not once for each.
std::size_t Closure::wide() const {
  return std::clamp<std::size_t>(static_cast<std::size_t>(seen_.size() / 4), std::min(kLeastBatch, most_.batch), most_.batch);
}

task<std::vector<std::optional<Place>>> Closure::find(std::vector<ObjectId> ids) {
  if (walk_ == Walk::newest_of_partner) return copies_.find_of_partner(std::move(ids), ServingCopies::Age::newest);
  if (walk_ == Walk::oldest_of_partner) return copies_.find_of_partner(std::move(ids), ServingCopies::Age::oldest);
  return copies_.find(std::move(ids));
}

task<void> Closure::check(ObjectId root, ObjectId envelope) {
  levels_.resize(most_.depth + 2);
  questions_ = {envelope};
  co_await resolve(1);
  questions_ = {root};
  co_await resolve(1);
  if (levels_[1].empty() && !missing_.contains(root)) {
    std::vector<ObjectId> ids{root};
    auto found = co_await find(std::move(ids));
    if (!found[0] || found[0]->type != ObjectType::node) throw failure(Errc::malformed, "checking a snapshot whose root is not a catalog node");
  }
  if (!levels_[1].empty()) co_await read_level(1);
}

// Nodes in the order in which they lie, so that neighbours are read together and a record once.
task<void> Closure::read_level(std::size_t depth) {
  if (depth > most_.depth) throw failure(Errc::too_large, "checking a snapshot whose catalog is deeper than any may be");
  std::vector<Node> level = std::exchange(levels_[depth], {});
  std::sort(level.begin(), level.end(), [](const Node& a, const Node& b) { return NodeKey{a.place} < NodeKey{b.place}; });
  std::vector<Place> copies;
  for (const Node& n : level)
    if (copies.empty() || copies.back().copy() != n.place.copy()) copies.push_back(n.place);
  std::size_t at = 0;
  std::vector<ReadWindow> windows = plan_reads(copies);
  copies = {};
  for (ReadWindow& window : windows) {
    if (enough()) break;
    std::uint64_t const last = window.places.back().copy();
    std::size_t end = at;
    while (end < level.size() && level[end].place.copy() <= last) ++end;
    bytes_read_ += window.size;
    WindowContent content = co_await segments_.read(std::move(window));
    for (const Place& p : content.damaged) {
      log_error("a record at {} of segment {} is damaged", p.offset, p.segment);
      copies_.note_damaged(p);
    }
    collect(content, std::span<const Node>{level}.subspan(at, end - at));
    content = {};
    at = end;
    if (questions_.size() >= std::min(kAsk, most_.batch)) co_await resolve(depth + 1);
    if (levels_[depth + 1].size() >= wide()) co_await read_level(depth + 1);
  }
  co_await resolve(depth + 1);
  waiting_ -= level.size();
  level = {};
  if (!levels_[depth + 1].empty() && !enough()) co_await read_level(depth + 1);
}

// `wanted` and the content's places both ascend.
void Closure::collect(const WindowContent& content, std::span<const Node> wanted) {
  ByteView rest{content.records};
  std::size_t at = 0;
  for (const Node& n : wanted) {
    if (!copies_.is_damaged(n.place)) continue;
    seen_.erase(NodeKey{n.place});
    questions_.push_back(n.id);  // the next copy, if there is one
  }
  for (const Place& p : content.good) {
    ByteView bytes = rest.first(p.length);
    rest = rest.subspan(p.length);
    while (at < wanted.size() && wanted[at].place.copy() < p.copy()) ++at;
    auto record = RecordView::parse(bytes);
    std::size_t ordinal = 0;
    if (record) {
      record->for_each_object([&](const ObjectId& id, std::span<const ObjectId> refs) {
        bool const asked = at < wanted.size() && wanted[at].place.copy() == p.copy() && wanted[at].place.ordinal == ordinal;
        ++ordinal;
        if (!asked) return;
        // An index that leads to another object is as good as none.
        if (id == wanted[at].id) {
          questions_.insert(questions_.end(), refs.begin(), refs.end());
        } else {
          missing_.insert(wanted[at].id);
        }
        ++at;
      });
    }
    for (; at < wanted.size() && wanted[at].place.copy() == p.copy(); ++at) missing_.insert(wanted[at].id);
  }
}

task<void> Closure::resolve(std::size_t depth) {
  std::vector<ObjectId> ids = std::exchange(questions_, {});
  references_ += ids.size();
  for (std::size_t at = 0; at < ids.size() && !enough(); at += kAsk) {
    auto const begin = ids.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<ObjectId> part(begin, begin + static_cast<std::ptrdiff_t>(std::min(kAsk, ids.size() - at)));
    std::sort(part.begin(), part.end());
    part.erase(std::unique(part.begin(), part.end()), part.end());
    std::vector<ObjectId> asked = part;
    auto found = co_await find(std::move(asked));
    if (walk_ == Walk::serving && !met_partners_) {
      // Of nodes, and of the root, whatever it is: a thirtieth of all that is looked up.
      std::vector<ObjectId> nodes;
      for (std::size_t i = 0; i < part.size(); ++i)
        if (found[i] && !complete_.contains(NodeKey{*found[i]}) && (found[i]->type == ObjectType::node || depth == 1)) nodes.push_back(part[i]);
      if (!nodes.empty()) met_partners_ = co_await copies_.has_partners_behind(std::move(nodes));
    }
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (!found[i]) {
        missing_.insert(part[i]);
      } else if (found[i]->type == ObjectType::node) {
        enter(part[i], *found[i], depth);
      }
    }
    if (large_ && held_.size() == 0 && (waiting_ > kSmall || seen_.size() > kSmall)) held_ = co_await large_->take(kLarge);
  }
}

void Closure::enter(const ObjectId& id, const Place& place, std::size_t depth) {
  NodeKey key{place};
  if (complete_.contains(key) || !seen_.insert(key)) return;
  levels_[depth].push_back(Node{place, id});
  if (++waiting_ > most_.waiting || seen_.group_count() > most_.groups)
    throw failure(Errc::too_large, "checking a snapshot whose catalog is wider than any may be");
}

}  // namespace farkeep
