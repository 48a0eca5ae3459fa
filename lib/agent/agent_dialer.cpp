#include "agent/agent_dialer.hpp"

#include "agent/stored_time.hpp"

namespace farkeep {
namespace {

constexpr std::chrono::nanoseconds kForgotten = std::chrono::days{7};
constexpr int kMaxSegments = 64;

}  // namespace

std::optional<int> LearntSegments::segment(const std::string& network, const std::string& address) const {
  const auto known = state_.endpoints();
  for (auto& s : known.segment()) {
    const auto ago = age(s.learnt_ns(), clock_.wall());
    if (s.network() == network && s.address() == address && ago && *ago < kForgotten) return static_cast<int>(s.bytes());
  }
  return std::nullopt;
}

void LearntSegments::learn(const std::string& network, const std::string& address, int segment) {
  auto known = state_.endpoints();
  agent::pb::Segment* found = nullptr;
  for (auto& s : *known.mutable_segment())
    if (s.network() == network && s.address() == address) found = &s;
  if (!found) {
    while (known.segment_size() >= kMaxSegments) known.mutable_segment()->DeleteSubrange(0, 1);
    found = known.add_segment();
  }
  found->set_network(network);
  found->set_address(address);
  found->set_bytes(static_cast<std::uint32_t>(segment));
  found->set_learnt_ns(clock_.wall().time_since_epoch().count());
  state_.set_endpoints(known);
}

}  // namespace farkeep
