#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>
#include <functional>

#include "agent/changes.hpp"
#include "agent/control.hpp"
#include "agent/escrow.hpp"
#include "agent/heads.hpp"
#include "agent/jobs.hpp"
#include "agent/job_times.hpp"
#include "agent/lacking.hpp"
#include "agent/protection.hpp"
#include "agent/shown_job.hpp"
#include "agent/stored_time.hpp"
#include "base/shown_path.hpp"
#include "common/json_path.hpp"
#include "verbs.hpp"
#include "way.hpp"

namespace farkeep::cli {
namespace {

using namespace std::chrono_literals;
constexpr auto kAskFor = 3s;   // each server for its newest snapshot: who looks at a status does not want to wait longer
constexpr auto kLookFor = 2s;  // at all jobs' files together, unless all are asked for; beyond that at some of each

std::string in_words(const NeededServer& announced) {
  const std::string what = fmt::format("{} ({}) from {} on", announced.address.to_string(), announced.purpose, rfc3339(*announced.from));
  if (!announced.tried) return what + " (prepare the firewall: farkeep connection rules)";
  const std::string when = rfc3339(*announced.tried);
  return what + (announced.problem.empty() ? ", reached already (" + when + ")" : ", NOT REACHED YET (" + when + "): " + announced.problem + " (prepare the firewall: farkeep connection rules)");
}

boost::json::object announcement(const NeededServer& announced) {
  boost::json::object out{{"address", announced.address.to_string()}, {"from", rfc3339(*announced.from)}};
  if (announced.tried) {
    out["tried"] = rfc3339(*announced.tried);
    out["reached"] = announced.problem.empty();
    if (!announced.problem.empty()) out["problem"] = announced.problem;
  }
  return out;
}

// By whom this machine was set up, and who else can recover it.
void show_deployment(App& app, boost::json::object& out) {
  if (const auto& deployment = app.config().deployment) {
    out["deployment"] = {{"bundle", deployment->bundle}, {"drifted", deployment->drifted()}};
    if (!app.options().json)
      app.say("deployed by bundle " + deployment->bundle + (deployment->drifted() ? "; drifted: the settings were changed since (farkeep-deploy diff shows what)" : ""));
  }
  if (app.config().escrow_key_file.empty()) return;
  const auto escrow = app.state().escrow();
  std::string text = "not on a server yet: the next run tries it again";
  try {
    if (has_escrow_slot(app.state(), read_escrow_key(system_disk(), app.config().escrow_key_file))) text = "on the servers since " + rfc3339(WallTime{std::chrono::nanoseconds(escrow.put_ns())});
  } catch (const failure& f) {
    text = f.what();
  }
  out["escrow"] = text;
  if (!app.options().json) app.say("escrow key slot: " + text);
}

// What the servers show now, held against what this machine knows; and alarms that were found before.
void show_history(App& app, boost::json::object& out) {
  std::vector<HeadLook> looks;
  auto look = [&]() -> task<void> { looks = co_await look_at_heads(app.head_parts(), kAskFor); };
  try {
    app.run(look());
  } catch (const failure& f) {
    if (classify(f.code()) == Errc::cancelled) throw;
    app.reporter().note(std::string("asking the servers for their newest snapshots: ") + f.what());
  }
  boost::json::array newest, alarms;
  for (auto& l : looks) {
    if (!l.answered || l.alarm) continue;
    newest.push_back(boost::json::object{{"server", l.target.name}, {"sequence", l.head.sequence}});
    if (!app.options().json && l.head.sequence > 0) app.say(fmt::format("server {}: its newest snapshot is number {} ({})", l.target.name, l.head.sequence, l.head.id.brief()));
  }
  if (Heads(app.state()).are_lost()) {
    alarms.push_back(boost::json::object{{"text", kLostHeads}});
    app.tell_alarm(kLostHeads);
  }
  for (auto& a : history_alarms(app.state())) {
    alarms.push_back(boost::json::object{{"server", a.name}, {"since", rfc3339(a.since)}, {"text", a.text}});
    app.tell_alarm(a.text + " (since " + rfc3339(a.since) + ")");
  }
  if (const std::string other = Heads(app.state()).other_machine(); !other.empty()) {
    alarms.push_back(boost::json::object{{"text", other}});
    app.tell_alarm(other);
  }
  out["newest"] = std::move(newest);
  out["alarms"] = std::move(alarms);
}

// How the daemon's run goes; nothing when it does not say.
std::optional<boost::json::object> running_progress(App& app) {
  std::optional<std::string> answer;
  auto ask = [&]() -> task<void> { answer = co_await ask_daemon(app.timers(), app.state().folder(), "progress"); };
  try {
    app.run(ask());
  } catch (const failure&) {  // an older daemon, or one that is about to end
    return std::nullopt;
  }
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse(answer.value_or(""), error);
  if (error || !parsed.is_object()) return std::nullopt;
  return parsed.as_object();
}

std::uint64_t number_in(const boost::json::object& o, std::string_view key) {
  const auto* value = o.if_contains(key);
  return value && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

std::string in_words(const boost::json::object& progress) {
  const auto* phase = progress.if_contains("phase");
  std::string out = phase && phase->is_string() ? std::string(phase->as_string()) + ", " : "";
  out += show_progress(number_in(progress, "files_done"), number_in(progress, "bytes_done"), number_in(progress, "bytes_expected"));
  if (const auto left = number_in(progress, "seconds_left")) out += ", " + show_time(std::chrono::seconds(left)) + " left";
  return out;
}

// Nothing: the walk failed, which is said.
std::optional<Changes> changes_since(App& app, const JobConfig& job, const std::function<bool()>& go_on) {
  Changes found;
  auto look = [&]() -> task<void> {
    const BackupJob order = backup_job(job, system_disk());
    found = co_await look_for_changes(app.state(), app.keys(), order, app.workers(), system_sources(), go_on);
  };
  try {
    app.run(look());
  } catch (const failure& f) {
    if (classify(f.code()) == Errc::cancelled) throw;
    app.reporter().note(fmt::format("looking for files of job {} that are in no snapshot: {}", job.name, f.what()));
    return std::nullopt;
  }
  return found;
}

boost::json::object in_json(const Changes& c) {
  if (c.end == Changes::End::no_catalog) return {{"known", false}};
  boost::json::object out{{"known", true}, {"complete", c.end == Changes::End::all}, {"looked_at", c.looked_at}, {"files", c.files}, {"bytes", c.bytes}, {"doubtful", c.doubtful}};
  if (!c.lacks.empty()) out["lacks"] = in_words(c.lacks);
  if (!c.newest.empty()) {
    put_path(out, "newest", c.newest);
    out["newest_modified"] = rfc3339(WallTime{std::chrono::nanoseconds(c.newest_ns)});
  }
  return out;
}

std::string in_words(const Changes& c, std::int64_t now) {
  if (c.end == Changes::End::no_catalog) return "which files are in no snapshot is not known on this machine until the next run";
  const std::string looked = c.end == Changes::End::stopped ? fmt::format(" (of the first {}; all: farkeep status --all)", c.looked_at) : "";
  const std::string lacks = c.lacks.empty() ? "" : "; some of the job's paths are not there now, or hold far less than before: " + in_words(c.lacks);
  const std::string doubt = c.doubtful == 0 ? "" : fmt::format("; {} files changed just before they were read, and are read again by the next run", c.doubtful);
  if (c.newest.empty() && !c.lacks.empty()) return "of what is there nothing is missing in the snapshot" + looked + doubt + lacks;
  if (c.newest.empty()) return (c.doubtful == 0 ? "every file is in the snapshot as it is now" : "every file is in the snapshot") + looked + doubt;
  const auto age = show_time(std::chrono::seconds(std::max<std::int64_t>(0, now - c.newest_ns) / 1'000'000'000));
  return fmt::format("{} files ({}) are in no snapshot as they are now{}; the newest: {}, modified {} ago{}", c.files, show_bytes(static_cast<double>(c.bytes)), looked, shown_path(c.newest), age, doubt + lacks);
}

}  // namespace

void status_options(po::options_description& d) { d.add_options()("all", "look at all files for those that are in no snapshot, not for two seconds only"); }

Exit status(App& app, const Values& values, const Operands&) {
  AgentState& state = app.state();
  const bool registered = state.registered();
  const WallTime wall = app.clock().wall();
  const std::int64_t now = wall.time_since_epoch().count();
  boost::json::object out{{"message_type", "status"}, {"registered", registered}};
  if (registered) {
    const auto identity = state.identity();
    const auto account = AccountId::from(identity.account()).value_or(AccountId{});
    const auto agent = AgentId::from(identity.agent()).value_or(AgentId{});
    out["account"] = identity.account_name();
    out["account_id"] = account.hex();
    out["agent_id"] = agent.hex();
    boost::json::array servers;
    if (!app.options().json) app.say(fmt::format("agent {} ({}) of account {}", identity.name(), agent.hex(), identity.account_name()));
    const auto known = state.endpoints();
    for (auto& target : app.servers().pair()) {
      std::string text = "not used yet";
      for (auto& e : known.endpoint()) {
        if (e.address() != target.address) continue;
        text = e.failures() ? fmt::format("failed {} times in a row: {}", e.failures(), e.last_error()) : "worked " + rfc3339(WallTime{std::chrono::nanoseconds(e.last_good_ns())});
      }
      servers.push_back(boost::json::object{{"name", target.name}, {"address", target.address}, {"state", text}});
      if (!app.options().json) app.say(fmt::format("server {}: {}", target.name, text));
    }
    out["servers"] = std::move(servers);
    boost::json::array announced, waiting;
    for (auto& s : servers_of(app)) {
      if (s.from) announced.push_back(announcement(s));
      if (s.from && !app.options().json) app.say("announced: " + in_words(s));
      if (app.config().connection.mode != ConnectionMode::mapped || s.via || s.from || s.until) continue;
      waiting.push_back(boost::json::value(s.address.to_string()));
      if (!app.options().json) app.say(fmt::format("waiting for mapping: no firewall port is mapped to {} ({}); see: farkeep connection map", s.address.to_string(), s.purpose));
    }
    out["announced"] = std::move(announced);
    out["waiting_for_mapping"] = std::move(waiting);
    if (state.has_root_key()) show_history(app, out);
  } else if (!app.options().json) {
    app.say("this machine is not registered (run: farkeep register)");
  }
  if (const std::string to_do = state.how_to_finish(); !to_do.empty()) {
    out["unfinished"] = to_do;
    if (!app.options().json) app.say("unfinished: " + to_do);
  }
  show_deployment(app, out);
  const bool busy = !state.lock();  // given back at once: looking at files must not keep a run from starting
  const SteadyTime until = app.timers().now() + kLookFor;
  const std::function<bool()> go_on = [&, all = values.count("all") > 0] { return all || app.timers().now() < until; };
  boost::json::array jobs;
  const KnownProtection protection(state);
  for (auto& job : app.config().jobs) {
    std::string unknown;
    const auto record = shown_job(state, job.name, &unknown);
    if (!unknown.empty()) {
      jobs.push_back(boost::json::object{{"name", job.name}, {"problem", unknown}});
      if (!app.options().json) app.say("job " + job.name + ": how it stands is not known: " + unknown);
      continue;
    }
    const bool running = record.running() && busy;
    const std::string last_good = record.last_good_ns() ? rfc3339(WallTime{std::chrono::nanoseconds(record.last_good_ns())}) : "never";
    const auto since_good = age(record.last_good_ns(), wall);
    const auto progress = running ? running_progress(app) : std::nullopt;
    jobs.push_back(boost::json::object{{"name", job.name}, {"running", running}, {"last_good", last_good}, {"last_exit", record.last_exit()}, {"last_text", record.last_text()},
                                       {"failures_in_a_row", record.failures()}, {"seconds_since_good", since_good ? std::chrono::floor<std::chrono::seconds>(*since_good).count() : -1}});
    boost::json::object& shown = jobs.back().as_object();
    if (progress) shown["progress"] = *progress;
    const auto on_both = protection.of(job.name);
    if (on_both) shown["protected"] = *on_both;
    const std::optional<Changes> changes = registered ? changes_since(app, job, go_on) : std::nullopt;
    if (changes) shown["unprotected"] = in_json(*changes);
    if (!record.lacks().empty()) shown["newest_lacks"] = record.lacks();
    if (!record.own_alarm().empty()) {
      shown["alarm"] = record.own_alarm();
      app.tell_alarm("job " + job.name + ": " + record.own_alarm());
    }
    if (app.options().json) continue;
    std::string line = fmt::format("job {}: last good snapshot {}", job.name, last_good);
    if (since_good) line += fmt::format(", {} ago", show_time(std::chrono::floor<std::chrono::seconds>(*since_good)));
    else if (record.last_good_ns()) line += ", which lies ahead: the clock was wrong then, or is now";
    if (on_both) line += *on_both ? ", protected (on both servers)" : ", received by one server and not known to be on the other one yet";
    if (running) line += progress ? "; running now: " + in_words(*progress) : "; running now";
    else if (record.running()) line += "; the last run was cut off and will be continued";
    else if (record.failures()) line += fmt::format("; failed {} times since: {}", record.failures(), record.last_text());
    if (!record.lacks().empty()) line += "; the newest snapshot" + (record.snapshot_ns() > 0 ? ", of " + rfc3339(WallTime{std::chrono::nanoseconds(record.snapshot_ns())}) + "," : "") + " is not a good one: " + lacking_text(record.lacks());
    if (!record.running() && JobTimes::was_skipped(record, wall)) line += "; its before hook had the last run skipped";
    app.say(line);
    if (changes) app.say("  " + in_words(*changes, now));
  }
  out["jobs"] = std::move(jobs);
  if (app.options().json) app.say(boost::json::serialize(out));
  return app.alarmed() ? Exit::alarm : Exit::done;
}

}  // namespace farkeep::cli
