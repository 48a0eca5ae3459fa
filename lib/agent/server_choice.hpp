#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/state.hpp"
#include "base/clock.hpp"
#include "base/id.hpp"
#include "crypto/random.hpp"

namespace farkeep {

/// One address of one server of the assigned pair.
struct ServerTarget {
  ServerId id;
  std::string name;     ///< for messages: "east (primary)"
  std::string address;  ///< ip[:port]
};

/// Which server to try next (reference: the failover table of OpenVPN, Kafka and rsyslog; the policy is the README's "Failover").
///
/// Primary first, always; an address that failed rests for uniform(0.5, 1.5) × min(30 min, 1 min × 2^(n−1)) after its n-th failure in a row and goes to the end
/// of the line meanwhile, so that nothing is ever left untried.  Success clears.  The memory lies on disk: an agent that starts every hour
/// must not forget.  Only endpoint errors count; an error of this machine or of identity must not be reported here.
class ServerChoice {
 public:
  ServerChoice(AgentState& state, const Clock& clock, Random& random);

  /// The pair in its order of preference, the ones that rest last.  Of addresses that never worked here three stand before those that did within 30 days.
  std::vector<ServerTarget> order(std::vector<ServerTarget> pair) const;
  void worked(const std::string& address);
  void failed(const std::string& address, const std::string& why);

 private:
  double uniform(double low, double high);

  AgentState& state_;
  const Clock& clock_;
  Random& random_;
};

/// For whoever asks each server once, at any of its addresses: those that worked within 30 days first, and of each server four at most, for whoever announces a
/// hundred addresses that swallow packets must not have them all waited for.
std::vector<ServerTarget> known_ones_first(const AgentState& state, const Clock& clock, std::vector<ServerTarget> pair);

}  // namespace farkeep
