#pragma once

#include <string>

#include "agent/state.hpp"

namespace farkeep {

/// A job's record for who only shows it, beside those of other jobs: where the disk refuses it (for lack of rights, of descriptors) it is empty, and `problem` says why.
agent::pb::Job shown_job(const AgentState& state, const std::string& name, std::string* problem = nullptr);

}  // namespace farkeep
