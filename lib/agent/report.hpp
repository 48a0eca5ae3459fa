#pragma once

#include <string>

#include "agent/state.hpp"
#include "base/clock.hpp"
#include "config/agent_config.hpp"
#include "config/zone.hpp"

namespace farkeep {

/// What this agent tells a server for its administrators (PROTOCOL.md, Reports): a serialised wire Report.
/// Throws where the record of one of its jobs cannot be read: a server goes on from what it was told last, which a report without the job, or with an empty record, would take away.
/// `done`: a job whose snapshot was acknowledged this moment, and whose record does not say so yet; empty: none.
Buffer report_of(const AgentState& state, const AgentConfig& config, const TimeZone& zone, WallTime now, const std::string& done = {});

}  // namespace farkeep
