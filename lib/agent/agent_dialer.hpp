#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/state.hpp"
#include "base/clock.hpp"
#include "transport/secure_dialer.hpp"
#include "transport/segment_dialer.hpp"

namespace farkeep {

/// What an agent learnt about segments, in its folder.  Forgotten after a week: somebody may have healed the way.
class LearntSegments final : public SegmentMemory {
 public:
  LearntSegments(AgentState& state, const Clock& clock) : state_(state), clock_(clock) {}
  std::optional<int> segment(const std::string& network, const std::string& address) const override;
  void learn(const std::string& network, const std::string& address, int segment) override;

 private:
  AgentState& state_;
  const Clock& clock_;
};

/// How an agent reaches servers: TLS through its way out, proved to carry large messages.  All collaborators outlive it, and what `tls` refers to.
class AgentDialer final : public SecureDialer {
 public:
  AgentDialer(Line& line, Timers& timers, TlsDialer::Current tls, AgentState& state, const Clock& clock)
      : learnt_(state, clock), tls_(line, timers, std::move(tls)), proved_(tls_, line, timers, learnt_) {}
  task<std::unique_ptr<SecureStream>> connect(Endpoint destination, ExpectedServer expected) override {
    return proved_.connect(std::move(destination), std::move(expected));
  }

 private:
  LearntSegments learnt_;
  TlsDialer tls_;
  SegmentDialer proved_;
};

}  // namespace farkeep
