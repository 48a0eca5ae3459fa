#pragma once

#include "agent/state.hpp"
#include "base/clock.hpp"
#include "crypto/random.hpp"
#include "transport/login_memory.hpp"

namespace farkeep {

/// The agent's memory of a login that its proxy refused, for the daemon and every command on this machine: in the state's `endpoints`.
///
/// The same user and password are tried again half an hour later, then an hour, two, four: directories lock an account after a few wrong ones within half an hour.
/// Others, or another proxy, are tried at once.
class RefusedLogins final : public LoginMemory {
 public:
  /// All outlive it.
  RefusedLogins(AgentState& state, const Clock& clock, Random& random) : state_(state), clock_(clock), random_(random) {}

  std::optional<std::string> objection(const std::string& proxy, const ProxyLogin& login) override;
  void refused(const std::string& proxy, const ProxyLogin& login) override;
  void accepted(const std::string& proxy, const ProxyLogin& login) override;
  /// Somebody who knows what he does wants it tried now: the next one is.
  void forget_time();

 private:
  AgentState& state_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace farkeep
