#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>

#include "agent/control.hpp"
#include "agent/scheduler.hpp"
#include "agent/shown_job.hpp"
#include "config/nearest.hpp"
#include "verbs.hpp"

// Jobs and their times: what runs when and why, and an administrator's word in it.
namespace farkeep::cli {
namespace {

std::string at(std::int64_t ns) { return ns > 0 ? rfc3339(WallTime{std::chrono::nanoseconds(ns)}) : "never"; }

const char* in_words(JobTimes::Why why) {
  switch (why) {
    case JobTimes::Why::schedule: return "its schedule";
    case JobTimes::Why::missed: return "it is due";
    case JobTimes::Why::retry: return "the last run failed";
    case JobTimes::Why::continued: return "the last run was cut off";
  }
  return "";
}

std::string last_run(const agent::pb::Job& record, WallTime now) {
  if (record.last_start_ns() == 0) return "never ran";
  if (record.running()) return "began " + at(record.last_start_ns());
  if (JobTimes::was_skipped(record, now)) {
    const std::string before = record.last_end_ns() == 0 ? "never ran" : fmt::format("ended {}: {}", at(record.last_end_ns()), record.last_text());
    return fmt::format("last run skipped {}, as its before hook asked for; before that it {}", at(record.skipped_ns()), before);
  }
  const bool good = record.last_good_ns() == record.last_end_ns();  // else it failed, or was cancelled
  return fmt::format("last ran {}, {} {}: {}", at(record.last_start_ns()), good ? "done" : record.failures() > 0 ? "failed" : !record.lacks().empty() ? "incomplete" : "ended", at(record.last_end_ns()), record.last_text());
}

// The name is one of the configuration's; empty: all.
std::string known_job(App& app, const Operands& operands) {
  if (operands.empty()) return {};
  if (operands.size() > 1) throw failure(Errc::usage, "one job, or none for all of them");
  return find_job(app.config(), operands[0]).name;
}

// The daemon looks at once; without one there is nothing to tell.
void tell_daemon(App& app) {
  auto tell = [&]() -> task<void> { co_await ask_daemon(app.timers(), app.state().folder(), "look"); };
  app.run(tell());
}

std::string all_or(const std::string& job) { return job.empty() ? "all jobs" : "job " + job; }

}  // namespace

const JobConfig& find_job(const AgentConfig& config, const std::string& name) {
  std::vector<std::string_view> names;
  for (auto& j : config.jobs) {
    if (j.name == name) return j;
    names.push_back(j.name);
  }
  const auto near = nearest(name, names);
  throw failure(Errc::usage, "there is no job '" + name + "' in the configuration" + (near ? " (did you mean '" + std::string(*near) + "'?)" : ""));
}

Exit jobs(App& app, const Values&, const Operands&) {
  AgentState& state = app.state();
  const SystemTimeZone zone;
  Scheduler scheduler(state, app.config().jobs, zone, app.timers(), app.clock(), nullptr);
  const bool busy = !state.lock();
  const WallTime now = app.clock().wall();
  for (auto& job : app.config().jobs) {
    std::string unknown;
    const auto record = shown_job(state, job.name, &unknown);
    if (!unknown.empty()) {
      if (app.options().json) app.say(boost::json::serialize(boost::json::object{{"message_type", "job"}, {"name", job.name}, {"enabled", job.enabled}, {"problem", unknown}}));
      else app.say("job " + job.name + ": how it stands is not known: " + unknown);
      continue;
    }
    const auto next = scheduler.next(job);
    const auto paused = paused_until(state, job.name, now);
    std::string schedules;
    for (auto& s : job.schedules) schedules += (schedules.empty() ? "" : ", ") + s.to_string();
    const bool runs = record.running() && busy;
    if (app.options().json) {
      boost::json::object o{{"message_type", "job"}, {"name", job.name}, {"enabled", job.enabled}, {"schedule", schedules}, {"running", runs}, {"last_start", at(record.last_start_ns())},
                            {"last_end", at(record.last_end_ns())}, {"last_good", at(record.last_good_ns())}, {"last_skipped", at(record.skipped_ns())}, {"last_text", record.last_text()}, {"failures_in_a_row", record.failures()}};
      if (next) {
        o["next"] = rfc3339(next->at);
        o["why"] = name_of(next->why);
      }
      if (paused) o["paused_until"] = *paused == WallTime::max() ? "resumed" : rfc3339(*paused);
      app.say(boost::json::serialize(o));
      continue;
    }
    std::string line = "job " + job.name + " (" + (schedules.empty() ? "on request" : schedules) + "): ";
    if (runs) line += "runs since " + at(record.last_start_ns());
    else if (!job.enabled) line += "not enabled";
    else if (paused && !next) line += "paused until it is resumed";
    else if (!next) line += "runs on request";
    else line += fmt::format("next {}{} ({})", next->at <= now ? "now" : rfc3339(next->at), paused ? ", paused until then" : "", in_words(next->why));
    app.say(line + "; " + last_run(record, now));
  }
  return Exit::done;
}

void pause_options(po::options_description& d) { d.add_options()("for", po::value<std::string>()->value_name("TIME"), "how long, such as 2h; without it, until it is resumed"); }

Exit pause(App& app, const Values& values, const Operands& operands) {
  const std::string job = known_job(app, operands);
  WallTime until = WallTime::max();
  if (values.count("for")) {
    const auto length = parse_duration(values["for"].as<std::string>());
    if (!length) throw failure(Errc::usage, "--for: " + length.error().text);
    until = app.clock().wall() + *length;
  }
  pause_job(app.state(), job, until, app.clock().wall());
  tell_daemon(app);
  app.say(all_or(job) + (job.empty() ? " are" : " is") + " paused until " + (until == WallTime::max() ? "farkeep resume" : rfc3339(until)) +
          "; a run that goes on is not stopped by this (farkeep cancel), and what is missed is made up for once");
  return Exit::done;
}

Exit resume(App& app, const Values&, const Operands& operands) {
  const std::string job = known_job(app, operands);
  resume_job(app.state(), job);
  tell_daemon(app);
  if (const auto still = job.empty() ? std::nullopt : paused_until(app.state(), job, app.clock().wall()))
    app.say("job " + job + " stays paused with all jobs (farkeep resume, without a name, ends that)");
  else app.say(all_or(job) + (job.empty() ? " run" : " runs") + " again when due");
  return Exit::done;
}

Exit cancel(App& app, const Values&, const Operands& operands) {
  const std::string job = known_job(app, operands);
  if (job.empty()) throw failure(Errc::usage, "cancel needs the name of a job (farkeep cancel JOB)");
  std::optional<std::string> answer;
  auto tell = [&]() -> task<void> { answer = co_await ask_daemon(app.timers(), app.state().folder(), "cancel " + job); };
  app.run(tell());
  if (!answer) throw failure(Errc::unreachable, "cancelling job " + job + ": no daemon runs here (a run by hand ends with Ctrl-C)");
  if (*answer != "ok") throw failure(Errc::not_found, "cancelling job " + job + ": " + *answer);
  app.say("job " + job + " is cancelled; what it has sent is not sent again");
  return Exit::done;
}

}  // namespace farkeep::cli
