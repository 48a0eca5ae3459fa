#include "vault/failure_limit.hpp"

#include <algorithm>

namespace farkeep {
namespace {

constexpr std::size_t kMost = 10;
constexpr auto kWithin = std::chrono::minutes{1};
constexpr auto kDelay = std::chrono::seconds{2};  // a person who mistyped does not notice it, a guesser makes thirty guesses a minute on each connection
constexpr std::size_t kRemembered = 4096;
constexpr std::size_t kPrefix = 8;  // of a token's 32 bytes: enough to tell them apart, too little to be worth stealing

std::string both(const std::string& address, const std::string& token) { return address + ' ' + token.substr(0, kPrefix); }

}  // namespace

void FailureLimit::Failures::forget_old(Times& times, SteadyTime now) {
  while (!times.empty() && now - times.front() >= kWithin) times.pop_front();
}

void FailureLimit::Failures::note(const std::string& key, SteadyTime now) {
  auto& times = all_[key];
  forget_old(times, now);
  times.push_back(now);
  if (times.size() > kMost) times.pop_front();
  if (all_.size() <= kRemembered) return;
  auto const oldest = std::min_element(all_.begin(), all_.end(), [](auto const& a, auto const& b) { return a.second.back() < b.second.back(); });
  all_.erase(oldest);
}

const SteadyTime* FailureLimit::Failures::tenth(const std::string& key, SteadyTime now) {
  auto const found = all_.find(key);
  if (found == all_.end()) return nullptr;
  forget_old(found->second, now);
  if (found->second.empty()) {
    all_.erase(found);
    return nullptr;
  }
  return found->second.size() >= kMost ? &found->second.front() : nullptr;
}

std::chrono::seconds FailureLimit::wait(const std::string& address, const std::string& token) {
  auto const now = clock_.steady();
  auto const* since = tokens_.tenth(both(address, token), now);
  return since ? std::chrono::ceil<std::chrono::seconds>(*since + kWithin - now) : std::chrono::seconds{0};
}

std::chrono::seconds FailureLimit::delay(const std::string& address) {
  return addresses_.tenth(address, clock_.steady()) ? kDelay : std::chrono::seconds{0};
}

void FailureLimit::note_failure(const std::string& address, const std::string& token) {
  addresses_.note(address, clock_.steady());
  tokens_.note(both(address, token), clock_.steady());
}

}  // namespace farkeep
