#include "agent/shown_job.hpp"

#include "base/error.hpp"

namespace farkeep {

agent::pb::Job shown_job(const AgentState& state, const std::string& name, std::string* problem) {
  try {
    auto record = state.job(name);
    if (problem && record.lost()) {
      *problem = "its record was damaged, and when its last good snapshot was made is not known here until the next one is (farkeep backup, farkeep snapshots)";
      if (record.failures() > 0) *problem += "; failed " + std::to_string(record.failures()) + " times since: " + record.last_text();
    }
    return record;
  } catch (const failure& f) {
    if (problem) *problem = f.what();
    agent::pb::Job record;
    record.set_lost(true);
    return record;
  }
}

}  // namespace farkeep
