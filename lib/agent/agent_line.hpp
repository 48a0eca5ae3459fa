#pragma once

#include "base/clock.hpp"
#include "config/agent_config.hpp"
#include "config/zone.hpp"
#include "transport/chain.hpp"
#include "transport/pace.hpp"

namespace farkeep {

/// This machine's way out as its configuration says it, with the limits on bandwidth.
class AgentLine final : public Line {
 public:
  /// All but the password outlive it, and the streams that it makes.
  AgentLine(Executor executor, Timers& timers, const Clock& clock, Resolver& resolver, const AgentConfig& config, SecretText proxy_password, LoginMemory& logins);

  task<std::unique_ptr<Stream>> dial(Endpoint destination) override;
  void set_max_segment(std::optional<int> bytes) override { paced_.set_max_segment(bytes); }
  LineSymptom symptom() const override { return paced_.symptom(); }
  std::string network(const Endpoint& destination) const override { return paced_.network(destination); }

 private:
  std::uint64_t rate(const std::vector<RateRule>& table) const;

  const Clock& clock_;
  const AgentConfig& config_;
  SystemTimeZone zone_;
  Chain chain_;
  Pace sent_, received_;
  PacedLine paced_;
};

}  // namespace farkeep
