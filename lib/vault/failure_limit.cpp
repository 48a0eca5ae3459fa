#include "vault/failure_limit.hpp"

#include <algorithm>

namespace farkeep {
namespace {
constexpr std::size_t kMost = 10;
constexpr auto kWithin = std::chrono::minutes{1};
constexpr std::size_t kMaxAddresses = 4096;
}  // namespace

void FailureLimit::forget_old(Times& times) const {
  auto const now = clock_.steady();
  while (!times.empty() && now - times.front() >= kWithin) times.pop_front();
}

std::chrono::seconds FailureLimit::wait(const std::string& address) {
  auto const found = failures_.find(address);
  if (found == failures_.end()) return std::chrono::seconds{0};
  forget_old(found->second);
  if (found->second.empty()) failures_.erase(found);
  else if (found->second.size() >= kMost)
    return std::chrono::ceil<std::chrono::seconds>(found->second.front() + kWithin - clock_.steady());
  return std::chrono::seconds{0};
}

void FailureLimit::note_failure(const std::string& address) {
  auto& times = failures_[address];
  forget_old(times);
  times.push_back(clock_.steady());
  if (times.size() > kMost) times.pop_front();
  if (failures_.size() <= kMaxAddresses) return;
  auto const oldest = std::min_element(failures_.begin(), failures_.end(),
                                       [](auto const& a, auto const& b) { return a.second.back() < b.second.back(); });
  failures_.erase(oldest);
}

}  // namespace farkeep
