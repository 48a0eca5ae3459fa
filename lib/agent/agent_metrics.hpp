#pragma once

#include <string>

#include "agent/state.hpp"
#include "base/clock.hpp"
#include "config/agent_config.hpp"
#include "config/zone.hpp"

namespace farkeep {

/// What Prometheus should know of this agent, as text (MetricsText).  Pure but for reading the state.
/// Times that are not known are left out, not zero.  `running`: the job that runs now, or null.
std::string agent_metrics(const AgentState& state, const AgentConfig& config, const TimeZone& zone, WallTime now, const JobConfig* running);

}  // namespace farkeep
