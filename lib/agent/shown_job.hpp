#pragma once

#include <string>

#include "agent/state.hpp"

namespace farkeep {

/// A job's record for whoever only shows or reports it, beside those of other jobs.  Where the disk refuses it (for lack of rights, of descriptors), or it was damaged and no good
/// snapshot was made since, it is `lost` and `problem` says why; a job that has no record yet is neither.
agent::pb::Job shown_job(const AgentState& state, const std::string& name, std::string* problem = nullptr);

}  // namespace farkeep
