#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>

#include "agent/escrow.hpp"
#include "agent/hooks.hpp"
#include "agent/jobs.hpp"
#include "agent/report.hpp"
#include "common/exits.hpp"
#include "platform/printable.hpp"
#include "verbs.hpp"

namespace farkeep::cli {
namespace {

void show_result(App& app, const JobConfig& job, const BackupResult& r, SteadyTime began) {
  const Progress& p = r.progress;
  const auto seconds = std::chrono::duration<double>(app.clock().steady() - began).count();
  if (app.options().json) {
    boost::json::object o{{"message_type", "summary"}, {"job", job.name}, {"snapshot_id", r.snapshot.hex()}, {"sequence", r.sequence}, {"server", p.server},
                          {"files", p.files}, {"files_unchanged", p.unchanged}, {"folders", p.folders}, {"others", p.others}, {"bytes", p.bytes},
                          {"bytes_read", p.bytes_read}, {"bytes_sent", p.bytes_sent}, {"new_chunks", p.new_chunks}, {"unreadable", p.unreadable},
                          {"without_attributes", p.without_attributes}, {"vanished", p.vanished},
                          {"changed_while_read", p.changed_while_read}, {"excluded", p.excluded}, {"seconds", seconds}};
    if (!r.alarm.empty()) o["alarm"] = r.alarm;
    if (!r.hook_problem.empty()) o["hook_problem"] = r.hook_problem;
    if (!r.lacks.empty()) o["lacks"] = in_words(r.lacks);
    app.say(boost::json::serialize(o));
    return;
  }
  app.say(fmt::format("snapshot {} of job {} is received by {}: {} files ({} unchanged), {} folders, {}; {} read, {} sent in {:.1f} s", r.snapshot.brief(), job.name,
                      p.server, p.files, p.unchanged, p.folders, show_bytes(static_cast<double>(p.bytes)), show_bytes(static_cast<double>(p.bytes_read)),
                      show_bytes(static_cast<double>(p.bytes_sent)), seconds));
  if (p.unreadable) app.say(fmt::format("{} files could not be read and are not in it", p.unreadable));
  if (p.without_attributes) app.say(fmt::format("{} files are kept without attributes that could not be read", p.without_attributes));
  if (p.changed_while_read) app.say(fmt::format("{} files changed while they were read and are kept with a mark", p.changed_while_read));
  if (p.vanished)
    app.say(fmt::format("{} files vanished before they could be read, {} for one: they were deleted while the run was on its way, and nothing is wrong", p.vanished,
                        printable("/" + r.vanished.first)));
  if (!r.lacks.empty()) app.say("the snapshot is not a good one, for of the sources it lacks " + in_words(r.lacks));
  if (!r.hook_problem.empty()) app.say(fmt::format("the snapshot is made, but not all that should follow it: {}", r.hook_problem));
}

// One job's run; throws what ends it.
Exit back_up(App& app, const JobConfig& job, Shrunk shrunk, Patience patience, const JobRunner::ReportOf& report) {
  BackupJob order = backup_job(job, system_disk());
  order.shrunk = shrunk;
  const SteadyTime began = app.clock().steady();
  std::optional<BackupResult> result;
  auto work = [&]() -> task<void> {
    JobRunner runner(app.backup_parts(), app.servers(), app.choice(), report);
    result = co_await runner.run(order, patience);
  };
  app.run(work());
  if (!result) {
    if (app.options().json) app.say(boost::json::serialize(boost::json::object{{"message_type", "skipped"}, {"job", job.name}}));
    else app.say(fmt::format("job {} is skipped: its before hook ended with status {}", job.name, Hooks::kSkip));
    return Exit::done;
  }
  show_result(app, job, *result, began);
  if (result->alarm.empty()) return result->complete() ? Exit::done : Exit::incomplete;
  app.tell_alarm(result->alarm);
  return Exit::alarm;
}

}  // namespace

void backup_options(po::options_description& d) {
  d.add_options()("wait", "when no server answers, keep trying instead of ending with exit code 4");
  d.add_options()("accept-empty", "a source that is empty, or far smaller than before, is right");
}

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
  const Patience patience = values.count("wait") ? Patience::until_done : Patience::one_round;
  const Shrunk shrunk = values.count("accept-empty") ? Shrunk::accepted : Shrunk::told;
  Exit exit = Exit::done;
  std::string failed;
  for (const JobConfig* job : jobs) {
    try {
      exit = worse(exit, back_up(app, *job, shrunk, patience, report));
    } catch (const boost::system::system_error& e) {
      if (classify(e.code()) == Errc::cancelled) throw failure::whole(Errc::cancelled, "interrupted; what was sent is kept, and the next run goes on from there");
      if (jobs.size() == 1) throw;
      // No reason for the others: each has its own files, and what keeps all of them is told by each.
      app.reporter().problem("job " + job->name + ": " + e.what(), "");
      failed += (failed.empty() ? "" : ", ") + job->name;
      exit = worse(exit, exit_code(e.code()));
    }
  }
  if (!failed.empty()) app.reporter().problem("of " + std::to_string(jobs.size()) + " jobs these failed: " + failed, "");
  return exit;
}

}  // namespace farkeep::cli
