#include "agent/notices.hpp"

#include <algorithm>

#include "agent/job_times.hpp"
#include "base/error.hpp"

namespace farkeep {
namespace {

std::string when(std::int64_t ns) { return ns > 0 ? rfc3339(WallTime{std::chrono::nanoseconds(ns)}) : "never"; }

std::string last_good(const agent::pb::Job& record) { return record.lost() && record.last_good_ns() == 0 ? "not known, for its record was damaged" : "of " + when(record.last_good_ns()); }

// An ending belongs to the path: what stands behind it, a query, stays behind it.
std::string ping_of(const JobConfig& job, const char* ending) {
  if (job.ping.empty()) return {};
  const std::size_t end = std::min(job.ping.find_first_of("?#"), job.ping.size());
  std::string path = job.ping.substr(0, end);
  if (*ending != 0 && path.ends_with('/')) path.pop_back();
  return path + ending + job.ping.substr(end);
}

}  // namespace

void Notices::tell(Notice::Event event, const JobConfig& job, std::string text, bool to_people, std::string ping) {
  if (to_people || !ping.empty()) tell_(Notice{event, job.name, std::move(text), to_people, std::move(ping)});
}

void Notices::started(const JobConfig& job) {
  tell(Notice::Event::started, job, "job " + job.name + " begins", config_.notify.all, ping_of(job, "/start"));
}

void Notices::ended(const JobConfig& job, const std::string& problem) {
  auto record = state_.job(job.name);
  const bool lacks = !record.lacks().empty(), news_of_lacks = lacks && !record.told_lacks();
  if (!problem.empty()) {
    const std::string text = "job " + job.name + " failed: " + problem + " (last good snapshot: " + when(record.last_good_ns()) + "; see: farkeep status)";
    tell(Notice::Event::failed, job, text, config_.notify.all || !record.told_failed(), ping_of(job, "/fail"));
    record.set_told_failed(true);
    state_.set_job(job.name, record);
  } else if (record.last_exit() == static_cast<std::uint32_t>(Exit::alarm)) {
    const std::string text = "job " + job.name + " has made its snapshot, with an alarm: " + record.last_text() + " (see: farkeep status)";
    tell(Notice::Event::failed, job, text, config_.notify.all || !record.told_alarm() || news_of_lacks, ping_of(job, "/fail"));
    record.set_told_alarm(true);
    record.set_told_lacks(record.told_lacks() || lacks);  // the text says that, too
    state_.set_job(job.name, record);
  } else {
    if (record.told_alarm() || news_of_lacks) {
      record.set_told_alarm(false);
      record.set_told_lacks(record.told_lacks() || lacks);  // that it lacks nothing any more is told by look_at(), which then forgets it
      state_.set_job(job.name, record);
    }
    if (lacks) tell(Notice::Event::incomplete, job, "job " + job.name + " has made a snapshot that is not a good one: " + record.last_text() + " (see: farkeep status)", config_.notify.all || news_of_lacks, job.ping);
    else tell(Notice::Event::done, job, "job " + job.name + " is done: " + record.last_text(), config_.notify.all, job.ping);
  }
  look_at(job);
}

// What keeps one job from being looked at keeps no other one.
void Notices::look() {
  for (auto& job : config_.jobs) {
    try {
      look_at(job);
      unknown_.erase(job.name);
    } catch (const failure& f) {
      if (unknown_.insert(job.name).second)
        tell(Notice::Event::failed, job, "job " + job.name + ": how it stands is not known: " + f.what() + " (see: farkeep status)", true);
    }
  }
}

void Notices::look_at(const JobConfig& job) {
  auto record = state_.job(job.name);
  const AgentId agent = state_.agent_id();
  const JobTimes times(job, agent, zone_);
  const auto limit = job.enabled ? times.overdue_at(record, clock_.wall()) : std::nullopt;
  const bool overdue = limit && clock_.wall() >= *limit;
  const bool fails = record.failures() > 0;
  const bool lacks = !record.lacks().empty();
  const bool knew = record.told_failed() || record.told_overdue() || record.told_lacks();
  bool changed = false;
  if (overdue && !record.told_overdue()) {
    tell(Notice::Event::overdue, job, "job " + job.name + " is overdue: its last good snapshot is " + last_good(record) + " (see: farkeep status, farkeep doctor)", true);
    record.set_told_overdue(true);
    changed = true;
  }
  if (knew && !overdue && !fails && !lacks) {
    tell(Notice::Event::recovered, job, "job " + job.name + " is well again: snapshot of " + when(record.last_good_ns()), true);
    record.set_told_failed(false);
    record.set_told_overdue(false);
    record.set_told_lacks(false);
    changed = true;
  }
  if (changed) state_.set_job(job.name, record);
}

}  // namespace farkeep
