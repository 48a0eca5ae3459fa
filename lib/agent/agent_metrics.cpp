#include "agent/agent_metrics.hpp"

#include <set>

#include "agent/heads.hpp"
#include "agent/protection.hpp"
#include "agent/scheduler.hpp"
#include "agent/shown_job.hpp"
#include "agent/stored_time.hpp"
#include "base/metrics_text.hpp"
#include "base/software.hpp"

namespace farkeep {
namespace {

double seconds(std::int64_t ns) { return static_cast<double>(ns / 1'000'000) / 1000; }
double number(std::uint64_t n) { return static_cast<double>(n); }
std::optional<double> time_of(const std::optional<WallTime>& t) { return t ? std::optional(seconds(t->time_since_epoch().count())) : std::nullopt; }

struct Row {
  const JobConfig& job;
  JobTimes times;
  agent::pb::Job record;
  std::string problem;  // not empty: the record could not be read
};

}  // namespace

std::string agent_metrics(const AgentState& state, const AgentConfig& config, const TimeZone& zone, WallTime now, const JobConfig* running) {
  using enum MetricsText::Type;
  MetricsText out;
  const AgentId agent = state.agent_id();
  const bool registered = !agent.is_zero();
  const auto identity = registered ? state.identity() : agent::pb::Identity{};
  out.family("farkeep_agent_info", gauge, "This agent; the value is 1 when it is registered and its identity can be read.");
  out.sample({{"version", kSoftware}, {"name", identity.name()}, {"account", identity.account_name()}, {"agent", registered ? agent.hex() : ""}}, registered);
  out.family("farkeep_agent_time_seconds", gauge, "When this was written.");
  out.sample(seconds(now.time_since_epoch().count()));

  // What lies ahead would keep an alert that counts from it silent for years.
  const auto past = [&](std::int64_t ns) { return believable(ns, now) > 0 ? std::optional(seconds(ns)) : std::nullopt; };
  std::vector<Row> rows;
  for (auto& job : config.jobs) {
    Row& row = rows.emplace_back(Row{job, JobTimes(job, agent, zone), {}, {}});
    row.record = shown_job(state, job.name, &row.problem);
  }
  auto of_all = [&](std::string_view name, std::string_view help, auto value) {
    out.family(name, gauge, help);
    for (auto& row : rows)
      if (const std::optional<double> v = value(row)) out.sample({{"job", row.job.name}}, *v);
  };
  // What a record says; one that cannot be read says nothing, also not that the job never ran.
  auto each = [&](std::string_view name, std::string_view help, auto value) {
    of_all(name, help, [&](const Row& r) { return r.problem.empty() ? std::optional<double>(value(r)) : std::nullopt; });
  };
  of_all("farkeep_job_known", "Whether the job's record can be read: where it cannot, what it would say is left out.", [](const Row& r) { return std::optional(r.problem.empty() ? 1.0 : 0.0); });
  each("farkeep_job_last_success_timestamp_seconds", "When the job's newest snapshot with all of its sources was acknowledged.", [&](const Row& r) { return past(r.record.last_good_ns()); });
  each("farkeep_job_last_start_timestamp_seconds", "When the job's last run began.", [&](const Row& r) { return past(r.record.last_start_ns()); });
  each("farkeep_job_last_end_timestamp_seconds", "When the job's last run ended.", [&](const Row& r) { return past(r.record.last_end_ns()); });
  each("farkeep_job_last_exit_code", "How the job's last run ended, as the farkeep command's exit code: 0 done, 3 incomplete.",
       [](const Row& r) { return r.record.last_end_ns() > 0 ? std::optional(number(r.record.last_exit())) : std::nullopt; });
  each("farkeep_job_last_skipped_timestamp_seconds", "When the job's before hook last had a run skipped: that is neither an end nor a success.",
       [&](const Row& r) { return past(r.record.skipped_ns()); });
  each("farkeep_job_failures", "Runs that failed since the last snapshot.", [](const Row& r) { return std::optional(number(r.record.failures())); });
  of_all("farkeep_job_running", "Whether the job runs now.", [&](const Row& r) { return std::optional(running == &r.job ? 1.0 : 0.0); });
  of_all("farkeep_job_enabled", "Whether the job's schedule counts.", [](const Row& r) { return std::optional(r.job.enabled ? 1.0 : 0.0); });
  of_all("farkeep_job_paused", "Whether an administrator has paused the job.", [&](const Row& r) { return std::optional(paused_until(state, r.job.name, now) ? 1.0 : 0.0); });
  each("farkeep_job_next_start_timestamp_seconds", "When the job is due next, pauses left aside.", [&](const Row& r) {
    const auto due = r.job.enabled ? r.times.next(r.record, now) : std::nullopt;
    return due ? time_of(std::optional(due->at)) : std::nullopt;
  });
  each("farkeep_job_overdue_timestamp_seconds", "From when on the job counts as overdue if it makes no snapshot.",
       [&](const Row& r) { return r.job.enabled ? time_of(r.times.overdue_at(r.record, now)) : std::nullopt; });
  auto snapshot = [&](std::string_view name, std::string_view help, auto value) {
    each(name, help, [&](const Row& r) { return r.record.last_good_ns() > 0 ? std::optional(value(r.record)) : std::nullopt; });
  };
  const KnownProtection protection(state);
  each("farkeep_job_snapshot_protected", "Whether the newest snapshot is known to be on both servers.", [&](const Row& r) {
    const auto known = protection.of(r.job.name);
    return known ? std::optional(*known ? 1.0 : 0.0) : std::nullopt;
  });
  each("farkeep_job_snapshot_has_sources", "Whether the newest snapshot has all of the job's sources: none was missing, empty or far smaller than before.",
       [](const Row& r) { return r.record.snapshot_sequence() > 0 ? std::optional(r.record.lacks().empty() ? 1.0 : 0.0) : std::nullopt; });
  using Record = agent::pb::Job;
  snapshot("farkeep_job_snapshot_files", "Files in the newest snapshot.", [](const Record& r) { return number(r.files()); });
  snapshot("farkeep_job_snapshot_bytes", "Content of the newest snapshot.", [](const Record& r) { return number(r.bytes()); });
  snapshot("farkeep_job_snapshot_sent_bytes", "What was sent for the newest snapshot.", [](const Record& r) { return number(r.bytes_sent()); });
  snapshot("farkeep_job_snapshot_unreadable", "Files that the newest snapshot lacks because they could not be read.", [](const Record& r) { return number(r.unreadable()); });
  snapshot("farkeep_job_snapshot_changed", "Files in the newest snapshot that changed while they were read.", [](const Record& r) { return number(r.changed()); });
  snapshot("farkeep_job_snapshot_without_attributes", "Files and folders in the newest snapshot that lack attributes which could not be read.", [](const Record& r) { return number(r.without_attributes()); });
  snapshot("farkeep_job_snapshot_duration_seconds", "How long the run took that made it.", [](const Record& r) { return seconds(r.took_ns()); });

  out.family("farkeep_server_failures", gauge, "Connections to a server that failed since the last one that worked.");
  const auto endpoints = state.endpoints();
  for (auto& e : endpoints.endpoint()) out.sample({{"server", e.address()}}, number(e.failures()));
  out.family("farkeep_server_history_alarm", gauge, "A server shows another history than it acknowledged to this machine or showed it before: it was set back or replaced, a snapshot was set aside there, or one is there that this machine did not make.");
  std::set<std::string> alarmed;
  for (auto& alarm : history_alarms(state)) alarmed.insert(alarm.name);
  for (auto& name : alarmed) out.sample({{"server", name}}, 1);
  return out.text();
}

}  // namespace farkeep
