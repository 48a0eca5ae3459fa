#include "agent/report.hpp"

#include "agent/heads.hpp"
#include "agent/scheduler.hpp"
#include "agent/shown_job.hpp"
#include "agent/stored_time.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/valid_text.hpp"
#include "platform/process.hpp"
#include "wire/message.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostText = 128;

// Pauses that cannot be read pause nothing, and keep no job from being reported.
bool is_paused(const AgentState& state, const std::string& job, WallTime now) {
  try {
    return paused_until(state, job, now).has_value();
  } catch (const failure&) {
    return false;
  }
}

}  // namespace

Buffer report_of(const AgentState& state, const AgentConfig& config, const TimeZone& zone, WallTime now, const std::string& done) {
  wire::pb::Report report;
  const std::int64_t now_ns = now.time_since_epoch().count();
  report.set_time_ns(now_ns);
  const AgentId agent = state.agent_id();
  for (auto& job : config.jobs) {
    if (!job.enabled || job.schedules.empty() || report.job_size() == limits::kMaxReportJobs) continue;
    auto record = shown_job(state, job.name);
    if (job.name == done) {
      record.set_last_good_ns(now_ns);
      record.set_lost(false);
    }
    const JobTimes times(job, agent, zone);
    std::string schedules;
    for (auto& s : job.schedules) schedules += (schedules.empty() ? "" : ", ") + s.to_string();
    auto* row = report.add_job();
    row->set_name(job.name);
    row->set_schedule(valid_text(schedules, kMostText));
    row->set_last_good_ns(believable(record.last_good_ns(), now));
    if (const auto overdue = times.overdue_at(record, now)) row->set_overdue_ns(overdue->time_since_epoch().count());
    row->set_paused(is_paused(state, job.name, now));
  }
  report.set_name(valid_text(config.name.empty() ? host_name() : config.name, kMostText));
  report.set_other_machine(Heads::newest_of_other(state).sequence);
  if (config.deployment) {
    const auto deployed = Digest::from_hex(config.deployment->digest);
    report.set_deployed_as(config.deployment->bundle);
    report.set_deployed_digest(deployed ? deployed->raw() : config.deployment->digest);  // what is no digest is none that anything has
    report.set_settings_digest(config.deployment->settings.raw());
  }
  return to_buffer(as_bytes(report.SerializeAsString()));
}

}  // namespace farkeep
