#include "transport/crowd.hpp"

#include <map>
#include <random>
#include <vector>

#include "base/check.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kDraws = 16;  // a network with an eighth of the places is found in it with a probability of 0.88
}

struct Crowd::State {
  explicit State(std::size_t m) : most(m), random(std::random_device{}()) {}

  std::size_t count_of(const Member& member) const {
    auto const found = networks.find(member.network_);
    return found == networks.end() ? 0 : found->second;
  }
  Member& chosen() {
    std::uniform_int_distribution<std::size_t> any{0, inside.size() - 1};
    Member* out = inside[any(random)];
    for (std::size_t i = 1; i < kDraws; ++i) {
      Member* const other = inside[any(random)];
      if (count_of(*other) > count_of(*out)) out = other;
    }
    return *out;
  }
  void remove(Member& member) noexcept {
    inside.back()->at_ = member.at_;
    inside[member.at_] = inside.back();
    inside.pop_back();
    auto const count = networks.find(member.network_);
    if (--count->second == 0) networks.erase(count);
  }

  const std::size_t most;
  std::vector<Member*> inside;  // a member that dies takes itself out
  std::map<Network, std::size_t> networks;
  std::mt19937 random;
  std::uint64_t gave_way = 0;
};

Crowd::Crowd(std::size_t most) : state_(std::make_shared<State>(most)) { FARKEEP_CHECK(most > 0); }

void Crowd::enter(Member& member) {
  member.leave();
  while (state_->inside.size() >= state_->most) {
    Member& other = state_->chosen();
    other.leave();
    ++state_->gave_way;
    other.give_way_();
  }
  ++state_->networks[member.network_];
  member.at_ = state_->inside.size();
  state_->inside.push_back(&member);
  member.state_ = state_;
}

std::size_t Crowd::size() const noexcept { return state_->inside.size(); }
std::uint64_t Crowd::gave_way() const noexcept { return state_->gave_way; }

void Crowd::Member::leave() noexcept {
  if (!state_) return;
  state_->remove(*this);
  state_.reset();
}

}  // namespace farkeep
