#include "agent/shown_job.hpp"

#include "base/error.hpp"

namespace farkeep {

agent::pb::Job shown_job(const AgentState& state, const std::string& name, std::string* problem) {
  try {
    return state.job(name);
  } catch (const failure& f) {
    if (problem) *problem = f.what();
    return {};
  }
}

}  // namespace farkeep
