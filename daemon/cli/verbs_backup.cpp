#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>

#include "agent/control.hpp"
#include "agent/escrow.hpp"
#include "agent/hooks.hpp"
#include "agent/jobs.hpp"
#include "agent/report.hpp"
#include "base/limits.hpp"
#include "platform/printable.hpp"
#include "verbs.hpp"
#include "way.hpp"

namespace farkeep::cli {
namespace {

void show_result(App& app, const JobConfig& job, const BackupResult& r, SteadyTime began) {
  const Progress& p = r.progress;
  const auto seconds = std::chrono::duration<double>(app.clock().steady() - began).count();
  if (app.options().json) {
    boost::json::object o{{"message_type", "summary"}, {"job", job.name}, {"snapshot_id", r.snapshot.hex()}, {"sequence", r.sequence}, {"server", p.server},
                          {"files", p.files}, {"files_unchanged", p.unchanged}, {"folders", p.folders}, {"others", p.others}, {"bytes", p.bytes},
                          {"bytes_read", p.bytes_read}, {"bytes_sent", p.bytes_sent}, {"new_chunks", p.new_chunks}, {"unreadable", p.unreadable},
                          {"changed_while_read", p.changed_while_read}, {"excluded", p.excluded}, {"seconds", seconds}};
    if (!r.hook_problem.empty()) o["hook_problem"] = r.hook_problem;
    app.say(boost::json::serialize(o));
    return;
  }
  app.say(fmt::format("snapshot {} of job {} is received by {}: {} files ({} unchanged), {} folders, {}; {} read, {} sent in {:.1f} s", r.snapshot.brief(), job.name,
                      p.server, p.files, p.unchanged, p.folders, show_bytes(static_cast<double>(p.bytes)), show_bytes(static_cast<double>(p.bytes_read)),
                      show_bytes(static_cast<double>(p.bytes_sent)), seconds));
  if (p.unreadable) app.say(fmt::format("{} files could not be read and are not in it", p.unreadable));
  if (p.changed_while_read) app.say(fmt::format("{} files changed while they were read and are kept with a mark", p.changed_while_read));
  if (!r.hook_problem.empty()) app.say(fmt::format("the snapshot is made, but not all that should follow it: {}", r.hook_problem));
}

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

}  // namespace

void backup_options(po::options_description& d) { d.add_options()("wait", "when no server answers, keep trying instead of ending with exit code 4"); }

Exit backup(App& app, const Values& values, const Operands& operands) {
  if (operands.empty()) throw failure(Errc::usage, "backup needs the name of a job (farkeep backup JOB)");
  std::vector<const JobConfig*> jobs;
  for (auto& name : operands) jobs.push_back(&find_job(app.config(), name));
  stand_back(app.config());
  auto held = app.lock();
  if (app.state().registered()) {
    app.run(keep_certificate(app.enrol_parts()));
    app.run(keep_escrow(app.escrow_parts(), app.config().escrow_key_file));
  }
  const SystemTimeZone zone;
  const JobRunner::ReportOf report = [&](const std::string& done) { return report_of(app.state(), app.config(), zone, app.clock().wall(), done); };
  Exit exit = Exit::done;
  for (const JobConfig* job : jobs) {
    const BackupJob order = backup_job(*job, system_disk());
    const SteadyTime began = app.clock().steady();
    std::optional<BackupResult> result;
    auto work = [&]() -> task<void> {
      JobRunner runner(app.backup_parts(), app.servers(), app.choice(), report);
      result = co_await runner.run(order, values.count("wait") ? Patience::until_done : Patience::one_round);
    };
    app.run(work());
    if (!result) {
      if (app.options().json) app.say(boost::json::serialize(boost::json::object{{"message_type", "skipped"}, {"job", job->name}}));
      else app.say(fmt::format("job {} is skipped: its before hook ended with status {}", job->name, Hooks::kSkip));
      continue;
    }
    show_result(app, *job, *result, began);
    if (!result->complete()) exit = Exit::incomplete;
  }
  return exit;
}

namespace {

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

}  // namespace

Exit status(App& app, const Values&, const Operands&) {
  AgentState& state = app.state();
  const bool registered = state.registered();
  const std::int64_t now = app.clock().wall().time_since_epoch().count();
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
  } else if (!app.options().json) {
    app.say("this machine is not registered (run: farkeep register)");
  }
  show_deployment(app, out);
  auto held = state.lock();
  boost::json::array jobs;
  for (auto& job : app.config().jobs) {
    const auto record = state.job(job.name);
    const bool running = record.running() && !held;
    const std::string last_good = record.last_good_ns() ? rfc3339(WallTime{std::chrono::nanoseconds(record.last_good_ns())}) : "never";
    const auto progress = running ? running_progress(app) : std::nullopt;
    jobs.push_back(boost::json::object{{"name", job.name}, {"running", running}, {"last_good", last_good}, {"last_exit", record.last_exit()}, {"last_text", record.last_text()},
                                       {"failures_in_a_row", record.failures()}, {"seconds_since_good", record.last_good_ns() ? (now - record.last_good_ns()) / 1'000'000'000 : -1}});
    if (progress) jobs.back().as_object()["progress"] = *progress;
    if (app.options().json) continue;
    std::string line = fmt::format("job {}: last good snapshot {}", job.name, last_good);
    if (record.last_good_ns()) line += fmt::format(", {} ago", show_time(std::chrono::seconds((now - record.last_good_ns()) / 1'000'000'000)));
    if (running) line += progress ? "; running now: " + in_words(*progress) : "; running now";
    else if (record.running()) line += "; the last run was cut off and will be continued";
    else if (record.failures()) line += fmt::format("; failed {} times since: {}", record.failures(), record.last_text());
    app.say(line);
  }
  out["jobs"] = std::move(jobs);
  if (app.options().json) app.say(boost::json::serialize(out));
  return Exit::done;
}

}  // namespace farkeep::cli
