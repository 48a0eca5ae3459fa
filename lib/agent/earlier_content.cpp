#include "agent/earlier_content.hpp"

#include <utility>
#include <vector>

#include "agent/fetcher.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

// In chunks of 64 KiB on average.  Ahead: what may be cut away or overwritten and the rest still be found.  About 6 MB of memory.
constexpr std::size_t kAhead = 32768;
constexpr std::size_t kBehind = 1024;
constexpr std::size_t kEarlierNodesAhead = 8;

}  // namespace

task<void> EarlierContent::refill(NodeLoader& nodes) {
  while (first_ + kBehind < at_ && !window_.empty()) {
    const auto it = where_.find(window_.front().id);
    if (it != where_.end() && it->second == first_) where_.erase(it);
    window_.pop_front();
    ++first_;
  }
  while (!ended_ && first_ + window_.size() < at_ + kAhead) {
    if (const auto piece = stream_.next()) {
      where_[piece->id] = first_ + window_.size();
      window_.push_back(ChunkRef{piece->id, piece->size});
      continue;
    }
    if (stream_.at_end()) {
      ended_ = true;
      break;
    }
    const std::string trouble = co_await take_lists(nodes, stream_, kEarlierNodesAhead);
    if (trouble.empty()) continue;
    log_debug("what a file consisted of before is not known to its end: {}", trouble);
    ended_ = true;
    break;
  }
}

std::optional<ChunkRef> EarlierContent::expected() const {
  // The last that is known may be the last of the file.
  if (lost_ || at_ < first_ || at_ + 1 >= first_ + window_.size()) return std::nullopt;
  return window_[static_cast<std::size_t>(at_ - first_)];
}

void EarlierContent::other_came(const ObjectId& id) {
  const auto it = where_.find(id);
  lost_ = it == where_.end();
  if (!lost_) at_ = it->second + 1;
}

}  // namespace farkeep
