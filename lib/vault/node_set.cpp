#include "vault/node_set.hpp"

#include <bit>

namespace farkeep {
namespace {
constexpr std::size_t kRecent = 16384;  // before they are merged; or an eighth of what is sorted, so that merging costs each one a few moves
}

bool NodeSet::contains(const NodeKey& key) const {
  NodeGroup const wanted{key};
  if (auto at = recent_.find(key_of(wanted)); at != recent_.end()) return (at->second & wanted.bits) != 0;
  auto at = std::lower_bound(groups_.begin(), groups_.end(), wanted);
  return at != groups_.end() && at->same_nodes(wanted) && (at->bits & wanted.bits) != 0;
}

bool NodeSet::set(std::uint64_t& bits, std::uint64_t more) {
  auto const fresh = more & ~bits;
  bits |= more;
  size_ += static_cast<std::uint64_t>(std::popcount(fresh));
  return fresh != 0;
}

// A group is in one of the two places.
bool NodeSet::insert(const NodeKey& key) {
  NodeGroup const wanted{key};
  highest_ = std::max(highest_, key.segment);
  if (auto at = recent_.find(key_of(wanted)); at != recent_.end()) return set(at->second, wanted.bits);
  auto at = std::lower_bound(groups_.begin(), groups_.end(), wanted);
  if (at != groups_.end() && at->same_nodes(wanted)) return set(at->bits, wanted.bits);
  recent_.emplace(key_of(wanted), wanted.bits);
  ++size_;
  if (recent_.size() > std::max(kRecent, groups_.size() / 8)) settle();
  return true;
}

// Its group stays, perhaps without a bit: that is rare, and harms nobody.
void NodeSet::erase(const NodeKey& key) {
  NodeGroup const wanted{key};
  std::uint64_t* bits = nullptr;
  if (auto at = recent_.find(key_of(wanted)); at != recent_.end()) {
    bits = &at->second;
  } else if (auto place = std::lower_bound(groups_.begin(), groups_.end(), wanted); place != groups_.end() && place->same_nodes(wanted)) {
    bits = &place->bits;
  }
  if (!bits || (*bits & wanted.bits) == 0) return;
  *bits &= ~wanted.bits;
  --size_;
}

void NodeSet::settle() {
  if (recent_.empty()) return;
  std::size_t const old = groups_.size();
  groups_.reserve(old + recent_.size());
  for (auto const& [key, bits] : recent_) {
    NodeGroup g;
    g.segment = static_cast<std::uint32_t>(key.copy >> 32);
    g.offset = static_cast<std::uint32_t>(key.copy);
    g.group = key.group;
    g.bits = bits;
    groups_.push_back(g);
  }
  recent_.clear();
  auto const middle = groups_.begin() + static_cast<std::ptrdiff_t>(old);
  std::sort(middle, groups_.end());
  std::inplace_merge(groups_.begin(), middle, groups_.end());
}

const std::vector<NodeGroup>& NodeSet::groups() {
  settle();
  return groups_;
}

void NodeSet::add(NodeSet more) {
  settle();
  more.settle();
  highest_ = std::max(highest_, more.highest_);
  if (groups_.empty()) {
    *this = std::move(more);
    return;
  }
  std::vector<NodeGroup> fresh;
  auto at = groups_.begin();
  for (const NodeGroup& g : more.groups_) {
    at = std::lower_bound(at, groups_.end(), g);
    if (at != groups_.end() && at->same_nodes(g)) {
      set(at->bits, g.bits);
    } else {
      fresh.push_back(g);
      size_ += static_cast<std::uint64_t>(std::popcount(g.bits));
    }
  }
  std::size_t const old = groups_.size();
  groups_.insert(groups_.end(), fresh.begin(), fresh.end());
  std::inplace_merge(groups_.begin(), groups_.begin() + static_cast<std::ptrdiff_t>(old), groups_.end());
}

bool NodeSet::append(const NodeGroup& group) {
  if (!groups_.empty() && !(groups_.back() < group)) return false;
  groups_.push_back(group);
  size_ += static_cast<std::uint64_t>(std::popcount(group.bits));
  highest_ = group.segment;
  return true;
}

}  // namespace farkeep
