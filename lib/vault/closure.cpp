#include "vault/closure.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kAsk = 16384;  // references looked up at once: 512 KiB of ids
}

bool Closure::enough() const { return missing_.size() > limits::kIdsPerQuestion; }

task<void> Closure::check(ObjectId root, ObjectId envelope) {
  questions_ = {envelope};
  co_await resolve();
  questions_ = {root};
  co_await resolve();
  if (next_.empty() && !missing_.contains(root)) {
    std::vector<ObjectId> ids{root};
    auto found = co_await index_.find(std::move(ids));
    if (!found[0] || found[0]->type != ObjectType::node) throw failure(Errc::malformed, "checking a snapshot whose root is not a catalog node");
  }
  while (!next_.empty() && !enough()) {
    level_ = std::exchange(next_, {});
    co_await read_level();
  }
}

// Nodes in the order in which they lie, so that neighbours are read together and a record once.
task<void> Closure::read_level() {
  std::sort(level_.begin(), level_.end(), [](const Node& a, const Node& b) { return NodeKey{a.place} < NodeKey{b.place}; });
  std::vector<Place> copies;
  for (const Node& n : level_)
    if (copies.empty() || copies.back().copy() != n.place.copy()) copies.push_back(n.place);
  std::size_t at = 0;
  std::vector<ReadWindow> windows = plan_reads(copies);
  for (ReadWindow& window : windows) {
    if (enough()) co_return;
    std::uint64_t const last = window.places.back().copy();
    std::size_t end = at;
    while (end < level_.size() && level_[end].place.copy() <= last) ++end;
    WindowContent content = co_await segments_.read(std::move(window));
    for (const Place& p : content.damaged) {
      log_error("a record at {} of segment {} is damaged", p.offset, p.segment);
      damaged_.insert(p.copy());
    }
    collect(content, std::span<const Node>{level_}.subspan(at, end - at));
    at = end;
    if (questions_.size() >= kAsk) co_await resolve();
  }
  co_await resolve();
}

// `wanted` and the content's places both ascend.
void Closure::collect(const WindowContent& content, std::span<const Node> wanted) {
  ByteView rest{content.records};
  std::size_t at = 0;
  for (const Node& n : wanted)
    if (damaged_.contains(n.place.copy())) missing_.insert(n.id);
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

task<void> Closure::resolve() {
  std::vector<ObjectId> ids = std::exchange(questions_, {});
  references_ += ids.size();
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (std::size_t at = 0; at < ids.size() && !enough(); at += kAsk) {
    auto const begin = ids.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<ObjectId> part(begin, begin + static_cast<std::ptrdiff_t>(std::min(kAsk, ids.size() - at)));
    std::vector<ObjectId> asked = part;
    auto found = co_await index_.find(std::move(asked));
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (!found[i] || damaged_.contains(found[i]->copy())) {
        missing_.insert(part[i]);
      } else if (found[i]->type == ObjectType::node) {
        enter(part[i], *found[i]);
      }
    }
  }
}

void Closure::enter(const ObjectId& id, const Place& place) {
  NodeKey key{place};
  if (complete_.contains(key) || !seen_.insert(key).second) return;
  next_.push_back(Node{place, id});
}

}  // namespace farkeep
