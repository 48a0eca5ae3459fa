#pragma once

#include <string>

#include "agent/state.hpp"
#include "base/clock.hpp"
#include "config/agent_config.hpp"
#include "config/zone.hpp"

namespace farkeep {

/// What this agent tells a server for its administrators (PROTOCOL.md, Reports): a serialised wire Report.
/// A job whose record cannot be read, or was damaged, has a row like the others: without a last good snapshot, and overdue from now on, so that somebody is told.
/// Without the row, or with that of a job that never ran, a server would take it out of its watch.
/// `done`: a job whose snapshot was acknowledged this moment, and whose record does not say so yet; empty: none.
Buffer report_of(const AgentState& state, const AgentConfig& config, const TimeZone& zone, WallTime now, const std::string& done = {});

}  // namespace farkeep
