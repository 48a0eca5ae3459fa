#include "archive/catalog_stream.hpp"

namespace farkeep {

std::vector<ObjectId> CatalogStream::wanted(std::size_t most) {
  std::vector<ObjectId> out;
  for (auto at = queue_.begin(); at != queue_.end(); ++at) {
    const bool blocks = at == queue_.begin();
    if (queue_.held() >= most && !blocks) break;
    if (at->state != NodeQueue::State::untouched) continue;
    queue_.ask(*at);
    out.push_back(at->id);
  }
  return out;
}

std::optional<Entry> CatalogStream::next() {
  if (queue_.empty() || !queue_.front().is_open()) return std::nullopt;
  return queue_.take_entry();
}

}  // namespace farkeep
