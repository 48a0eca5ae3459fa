#include "agent.hpp"

#include <thread>

#include "agent/agent_metrics.hpp"
#include "agent/enrol.hpp"
#include "agent/escrow.hpp"
#include "agent/heads.hpp"
#include "agent/jobs.hpp"
#include "agent/protection.hpp"
#include "agent/report.hpp"
#include "agent/runner.hpp"
#include "agent/secrets.hpp"
#include "agent/tls_servers.hpp"
#include "async/fence.hpp"
#include "async/scope.hpp"
#include "common/take_over.hpp"
#include "platform/edited_file.hpp"
#include "platform/process.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds kFirstReport = 1min, kReportAgain = 15min, kReportAnew = 24h;
constexpr std::chrono::nanoseconds kFirstHistory = 45s, kHistoryAgain = 1h, kHistoryPatience = 30s;
constexpr std::chrono::nanoseconds kFirstLook = 30s, kLastLook = 1h;

void say_result(const JobConfig& job, const BackupResult& r) {
  const Progress& p = r.progress;
  log_info("job {}: snapshot {} with {} files, {} bytes, {} sent; {} unreadable, {} without some attribute, {} changed while read, {} vanished", job.name, r.snapshot.brief(), p.files, p.bytes,
           p.bytes_sent, p.unreadable, p.without_attributes, p.changed_while_read, p.vanished);
  if (!r.lacks.empty()) log_warning("job {}: the snapshot is not a good one, for of the sources it lacks {}", job.name, in_words(r.lacks));
  if (!r.alarm.empty()) log_error("job {}: the snapshot is made. ALARM: {}", job.name, r.alarm);
  if (!r.hook_problem.empty()) log_warning("job {}: the snapshot is made, but not all that should follow it: {}", job.name, r.hook_problem);
}

}  // namespace

AgentConfig read_config(const std::string& file) {
  return config_for_service<AgentConfig>(read_config_files(AgentConfig::schema(), file));
}

Agent::Agent(Executor executor, AgentConfig config, Lasting& lasting)
    : config_(std::move(config)),
      authority_(read_authority(config_.ca_file)),
      lasting_(lasting),
      state_(lasting.state()),
      workers_(config_.upload_threads ? config_.upload_threads : std::max(2u, std::thread::hardware_concurrency())),
      resolver_(executor, timers_),
      password_(proxy_password(config_.connection)),
      logins_(state_, clock_, random_),
      line_(executor, timers_, clock_, resolver_, config_, SecretText(password_.text()), logins_),
      announced_(state_, config_, authority_, timers_, clock_, resolver_, random_, password_),
      choice_(state_, clock_, random_),
      notices_(state_, config_, zone_, clock_, [this](Notice notice) { lasting_.tell(std::move(notice)); }),
      scheduler_(state_, config_.jobs, zone_, timers_, clock_, [this](const JobConfig& job, JobTimes::Why why, std::chrono::nanoseconds patience) { return run_job(job, why, patience); }) {
  for (auto& one : config_.jobs) (void)backup_job(one, system_disk());
  (void)AgentKeys::load(state_);
}

bool Agent::is_as(const Agent& other) const {
  return config_.settings == other.config_.settings && config_.deployment == other.config_.deployment && authority_.der() == other.authority_.der() &&
         password_.text() == other.password_.text();
}

task<void> Agent::run() {
  say_next();
  Scope scope(co_await asio::this_coro::executor);
  scope.spawn(scheduler_.run(), "the scheduler");
  scope.spawn(announced_.run(), "trying announced servers");
  scope.spawn(watch(), "the watch");
  scope.spawn(tell_servers(), "telling the servers");
  scope.spawn(watch_protection(), "asking what is protected");
  scope.spawn(watch_history(), "asking for the newest snapshots");
  co_await scope.join();
}

// For people: a state that cannot be read is told by the scheduler.
void Agent::say_next() {
  try {
    const auto next = scheduler_.next();
    service_status(next ? "next: job " + next->job->name + " at " + rfc3339(next->at) : "no job has a schedule");
  } catch (const std::exception& e) {
    service_status(e.what());
  }
}

// With the keys and the trust of this moment.
task<void> Agent::with_servers(Talk talk) {
  const AgentKeys keys = AgentKeys::load(state_, clock_.wall());
  TlsServers servers(state_, keys, authority_, line_, timers_, clock_, servers_options(config_));
  co_await talk(servers, keys);
}

task<void> Agent::ask_any(Servers::Work work) {
  NoReporter quiet;
  Talk talk = [&](TlsServers& servers, const AgentKeys&) -> task<void> { return use_any(servers, choice_, quiet, work); };
  co_await with_servers(std::move(talk));
}

Buffer Agent::report(const std::string& done) const { return report_of(state_, config_, zone_, clock_.wall(), done); }

// The servers hear of this agent's jobs after each snapshot; apart from that when the configuration may have changed, and once a day, for a job that never
// runs must be missed too.  No lock: it changes nothing that a run needs, and a server that is slow to answer must turn nobody away who backs up by hand.
task<void> Agent::tell_servers() {
  std::chrono::nanoseconds pause = kFirstReport;
  const Servers::Work report_it = [this](VaultPort& vault) -> task<void> { return vault.report(report()); };
  for (;;) {
    co_await timers_.sleep(pause);
    pause = kReportAgain;
    if (scheduler_.running()) continue;  // the run tells them
    const std::string problem = co_await problem_of(ask_any(report_it));
    if (problem.empty()) pause = kReportAnew;
    else log_info("telling the servers how the jobs stand: {}", problem);
  }
}

// A partner that is reached again has everything within minutes; one that is gone for good is asked about once an hour.  No lock, for the same reason.
task<void> Agent::watch_protection() {
  std::uint64_t asked_for = 0;
  std::chrono::nanoseconds pause = kFirstLook;
  SteadyTime next{};
  auto look = [&]() -> task<void> {
    const auto head = state_.head();
    const bool is_new = head && head->sequence() != asked_for;
    if ((!is_new && timers_.now() < next) || scheduler_.running()) co_return;
    if (is_new) {
      asked_for = head->sequence();
      pause = kFirstLook;
    }
    next = timers_.now() + pause;
    pause = std::min<std::chrono::nanoseconds>(2 * pause, kLastLook);
    std::vector<std::string> jobs = unprotected_jobs(state_, config_);
    if (jobs.empty()) co_return;
    NoReporter quiet;
    Talk talk = [&](TlsServers& servers, const AgentKeys&) -> task<void> {
      Servers::Work ask = [&](VaultPort& vault) -> task<void> { return ask_protection(state_, jobs, vault, servers.trust().roots(), ids_of(servers.pair())); };
      co_await use_any(servers, choice_, quiet, std::move(ask));
    };
    co_await with_servers(std::move(talk));
  };
  for (;;) {
    co_await timers_.sleep(kFirstLook);
    const std::string problem = co_await problem_of(look());
    if (!problem.empty()) log_info("asking which snapshots are on both servers: {}", problem);
  }
}

// A server that was set back must be noticed although no run uses it: the primary serves all of them.  No lock, for the same reason.
task<void> Agent::watch_history() {
  std::chrono::nanoseconds pause = kFirstHistory;
  const Talk look = [this](TlsServers& servers, const AgentKeys& keys) -> task<void> {
    const HeadParts parts{servers, state_, keys, workers_, timers_, clock_};
    const std::vector<HeadLook> looks = co_await look_at_heads(parts, kHistoryPatience);
    for (auto& l : looks) {
      if (!l.is_news) continue;
      log_error("ALARM: {}", l.problem);
      lasting_.tell(Notice{Notice::Event::failed, "", "ALARM: " + l.problem, true});
    }
    const std::string other = Heads(state_).news_of_other_machine();
    if (other.empty()) co_return;
    log_error("ALARM: {}", other);
    lasting_.tell(Notice{Notice::Event::failed, "", "ALARM: " + other, true});
  };
  for (;;) {
    co_await timers_.sleep(pause);
    pause = kHistoryAgain;
    const std::string problem = co_await problem_of(with_servers(look));
    if (!problem.empty()) log_info("asking the servers for their newest snapshots: {}", problem);
    look_around();
  }
}

// What time alone brings, and what others read.
task<void> Agent::watch() {
  for (;;) {
    look_around();
    co_await timers_.sleep(1min);
  }
}

void Agent::look_around() {
  zone_.look_again();
  try {
    notices_.look();
    if (config_.metrics_file.empty()) return;
    publish_file(config_.metrics_file, as_bytes(agent_metrics(state_, config_, zone_, clock_.wall(), scheduler_.running())));
  } catch (const std::exception& e) {  // a full disk: jobs say so themselves
    log_warning("{}", e.what());
  }
}

task<bool> Agent::back_up(const JobConfig& job, std::chrono::nanoseconds patience, bool& began) {
  EnrolParts enrolment{state_, authority_, line_, timers_, clock_, random_, reporter_};
  co_await keep_certificate(enrolment);
  const AgentKeys keys = AgentKeys::load(state_, clock_.wall());
  TlsServers servers(state_, keys, authority_, line_, timers_, clock_, servers_options(config_));
  EscrowParts escrow{state_, servers, choice_, clock_, random_, reporter_};
  co_await keep_escrow(escrow, config_.escrow_key_file);
  BackupParts parts{state_, keys, workers_, timers_, clock_, random_, reporter_};
  parts.memory = MemoryPlan::of(config_.memory);
  JobRunner runner(parts, servers, choice_, [this](const std::string& done) { return report(done); }, [&] { notices_.started(job); });
  const BackupJob order = backup_job(job, system_disk());
  began = true;
  const std::optional<BackupResult> made = co_await runner.run(order, Patience::until_done, patience);
  if (made) say_result(job, *made);
  else log_info("job {}: skipped, as its before hook asked for", job.name);
  co_return made.has_value();
}

task<Scheduler::Outcome> Agent::run_job(const JobConfig& job, JobTimes::Why why, std::chrono::nanoseconds patience) {
  auto lock = state_.lock();
  if (!lock) co_return Scheduler::Outcome::not_run;  // somebody runs a job by hand
  log_info("job {}: starts ({})", job.name, name_of(why));
  reporter_.begin();
  std::string failed;
  Exit code = Exit::done;
  bool began = false, made = false;
  try {
    made = co_await back_up(job, patience, began);
  } catch (const boost::system::system_error& e) {
    if (classify(e.code()) == Errc::cancelled) throw;
    failed = e.what();
    code = exit_code(e.code());
  } catch (const std::exception& e) {
    failed = e.what();
    code = Exit::failed;
  }
  if (!failed.empty()) log_error("job {}: {}", job.name, failed);
  if (!failed.empty() && !began) {
    // Else the runner has written it down.  A failure before the run has begun must not be tried in a circle either.
    auto record = state_.job(job.name);
    const std::int64_t now = clock_.wall().time_since_epoch().count();
    record.set_last_start_ns(now);
    record.set_last_end_ns(now);
    record.set_last_exit(static_cast<std::uint32_t>(code));
    record.set_last_text(failed);
    record.set_failures(record.failures() + 1);
    record.set_running(false);
    state_.set_job(job.name, record);
  }
  if (made || !failed.empty()) notices_.ended(job, failed);
  look_around();
  say_next();
  co_return failed.empty() ? Scheduler::Outcome::done : Scheduler::Outcome::failed;
}

}  // namespace farkeep
