// farkeepd: the agent daemon.  Runs the jobs of the configuration when they are due; listens on nothing.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/program_options.hpp>
#include <cstdio>
#include <thread>

#include "agent/agent_line.hpp"
#include "agent/agent_metrics.hpp"
#include "agent/announced_watch.hpp"
#include "agent/control.hpp"
#include "agent/enrol.hpp"
#include "agent/escrow.hpp"
#include "agent/forecast.hpp"
#include "agent/jobs.hpp"
#include "agent/notifier.hpp"
#include "agent/report.hpp"
#include "agent/runner.hpp"
#include "agent/scheduler.hpp"
#include "agent/secrets.hpp"
#include "agent/tls_servers.hpp"
#include "async/race.hpp"
#include "async/scope.hpp"
#include "async/signals.hpp"
#include "async/waiters.hpp"
#include "base/log.hpp"
#include "base/software.hpp"
#include "common/config_files.hpp"
#include "platform/atomic_file.hpp"
#include "platform/edited_file.hpp"
#include "platform/process.hpp"
#include "platform/service_notify.hpp"

namespace farkeep {
namespace {

namespace po = boost::program_options;
using namespace std::chrono_literals;

AgentConfig read_config(const std::string& file) {
  MergedIni files = read_config_files(AgentConfig::schema(), file);
  for (auto& warning : open_secrets(AgentConfig::schema(), files)) log_warning("{}", warning.to_string());
  return config_of<AgentConfig>(std::move(files), [](const std::string& mistake) { log_error("{}", mistake); });
}

Certificate read_authority(const AgentConfig& config) {
  const auto text = read_file(system_disk(), config.ca_file, kMaxCertificate);
  if (!text) throw failure(Errc::configuration, "reading the data centres' authority " + config.ca_file + ": there is no such file");
  return value_or_throw(Certificate::from_pem(as_text(*text)), "reading the data centres' authority " + config.ca_file);
}

// What reading alone does not find; throws.  Now, and not at night.
void check_config(const AgentConfig& config) {
  (void)read_authority(config);
  (void)proxy_password(config.connection);
  for (auto& job : config.jobs) (void)backup_job(job, system_disk());
}

constexpr std::chrono::nanoseconds kFirstReport = 1min, kReportAgain = 15min, kReportAnew = 24h;

// What a run tells goes to the journal, and to `systemctl status`.
class LogReporter final : public Reporter {
 public:
  explicit LogReporter(const Clock& clock) : clock_(clock) {}
  /// A run begins.
  void begin() { forecast_ = Forecast{}; }
  const Forecast& forecast() const { return forecast_; }

  void progress(const Progress& now) override {
    forecast_.look(now, clock_.steady());
    if (now.phase == phase_) return;
    phase_ = now.phase;
    service_status(now.phase + (now.server.empty() ? "" : " with " + now.server));
  }
  void problem(std::string_view path, std::string_view text) override { log_warning("{}: {}", path, text); }
  void note(std::string_view text) override { log_info("{}", text); }

 private:
  const Clock& clock_;
  Forecast forecast_;
  std::string phase_;
};

// One configuration's life: from reading it to a signal.
class Agent {
 public:
  Agent(Executor executor, AgentConfig config)
      : config_(std::move(config)),
        authority_(read_authority(config_)),
        state_(system_disk(), config_.state),
        workers_(config_.upload_threads ? config_.upload_threads : std::max(2u, std::thread::hardware_concurrency())),
        resolver_(executor, timers_),
        password_(proxy_password(config_.connection)),
        line_(executor, timers_, clock_, resolver_, config_, SecretText(password_.text())),
        announced_(state_, config_, authority_, timers_, clock_, resolver_, random_, password_),
        choice_(state_, clock_, random_),
        notifier_(config_.notify, config_.name.empty() ? host_name() : config_.name, system_children(), web_, timers_),
        notices_(state_, config_, zone_, clock_, [this](Notice notice) { notifier_.tell(std::move(notice)); }),
        scheduler_(state_, config_.jobs, zone_, timers_, clock_, [this](const JobConfig& job, std::chrono::nanoseconds patience) { return run_job(job, patience); }) {
    check_config(config_);
    (void)AgentKeys::load(state_);
  }

  void look() { scheduler_.look(); }
  /// How the run that goes on goes on, as JSON; empty: none does.
  std::string progress() const { return scheduler_.running() ? reporter_.forecast().json() : ""; }
  /// False: it does not run.
  bool cancel(const std::string& job) { return scheduler_.cancel(job); }

  task<void> run() {
    say_next();
    Scope scope(co_await asio::this_coro::executor);
    scope.spawn(scheduler_.run(), "the scheduler");
    scope.spawn(announced_.run(), "trying announced servers");
    scope.spawn(notifier_.run(), "notifying");
    scope.spawn(watch(), "the watch");
    scope.spawn(tell_servers(), "telling the servers");
    co_await scope.join();
  }

 private:
  void say_next() {
    const auto next = scheduler_.next();
    service_status(next ? "next: job " + next->job->name + " at " + rfc3339(next->at) : "no job has a schedule");
  }

  Buffer report(const std::string& done = {}) const { return report_of(state_, config_, zone_, clock_.wall(), done); }

  // The servers hear of this agent's jobs after each snapshot; apart from that when the configuration may have changed, and once a day, for a job that never
  // runs must be missed too.
  task<void> tell_servers() {
    std::chrono::nanoseconds pause = kFirstReport;
    for (;;) {
      co_await timers_.sleep(pause);
      pause = kReportAgain;
      auto lock = state_.lock();
      if (!lock) continue;
      try {
        const AgentKeys keys = AgentKeys::load(state_);
        TlsServers servers(state_, keys, authority_, line_, timers_, clock_, servers_options(config_));
        NoReporter quiet;
        Servers::Work tell = [this](VaultPort& vault) -> task<void> { return vault.report(report()); };
        co_await use_any(servers, choice_, quiet, std::move(tell));
        pause = kReportAnew;
      } catch (const boost::system::system_error& e) {
        if (classify(e.code()) == Errc::cancelled) throw;
        log_info("telling the servers how the jobs stand: {}", e.what());
      }
    }
  }

  // What time alone brings, and what others read.
  task<void> watch() {
    for (;;) {
      look_around();
      co_await timers_.sleep(1min);
    }
  }
  void look_around() {
    try {
      notices_.look();
      if (config_.metrics_file.empty()) return;
      publish_file(config_.metrics_file, as_bytes(agent_metrics(state_, config_, zone_, clock_.wall(), scheduler_.running())));
    } catch (const failure& f) {  // a full disk: jobs say so themselves
      log_warning("{}", f.what());
    }
  }

  static void say_result(const JobConfig& job, const BackupResult& r) {
    const Progress& p = r.progress;
    log_info("job {}: snapshot {} with {} files, {} bytes, {} sent; {} unreadable, {} changed while read", job.name, r.snapshot.brief(), p.files, p.bytes, p.bytes_sent, p.unreadable,
             p.changed_while_read);
    if (!r.hook_problem.empty()) log_warning("job {}: the snapshot is made, but not all that should follow it: {}", job.name, r.hook_problem);
  }

  task<Scheduler::Outcome> run_job(const JobConfig& job, std::chrono::nanoseconds patience) {
    auto lock = state_.lock();
    if (!lock) co_return Scheduler::Outcome::not_run;  // somebody runs a job by hand
    notices_.started(job);
    reporter_.begin();
    std::string failed;
    try {
      EnrolParts enrolment{state_, authority_, line_, timers_, clock_, random_, reporter_};
      co_await keep_certificate(enrolment);
      const AgentKeys keys = AgentKeys::load(state_);
      TlsServers servers(state_, keys, authority_, line_, timers_, clock_, servers_options(config_));
      EscrowParts escrow{state_, servers, choice_, clock_, random_, reporter_};
      co_await keep_escrow(escrow, config_.escrow_key_file);
      JobRunner runner(BackupParts{state_, keys, workers_, timers_, clock_, random_, reporter_}, servers, choice_, [this](const std::string& done) { return report(done); });
      const BackupJob order = backup_job(job, system_disk());
      const std::optional<BackupResult> made = co_await runner.run(order, Patience::until_done, patience);
      if (made) say_result(job, *made);
      else log_info("job {}: skipped, as its before hook asked for", job.name);
    } catch (const boost::system::system_error& e) {
      if (classify(e.code()) == Errc::cancelled) throw;
      failed = e.what();
    }
    if (!failed.empty()) {
      log_error("job {}: {}", job.name, failed);
      // A failure before the run has begun must not be tried in a circle.
      auto record = state_.job(job.name);
      record.set_last_start_ns(clock_.wall().time_since_epoch().count());
      record.set_running(false);
      state_.set_job(job.name, record);
    }
    notices_.ended(job, !failed.empty());
    look_around();
    say_next();
    co_return failed.empty() ? Scheduler::Outcome::done : Scheduler::Outcome::failed;
  }

  const AgentConfig config_;
  const Certificate authority_;
  SystemClock clock_;
  SystemRandom random_;
  SystemTimeZone zone_;
  AsioTimers timers_;
  LogReporter reporter_{clock_};
  AgentState state_;
  ThreadWorkers workers_;
  SystemResolver resolver_;
  SecretText password_;
  AgentLine line_;
  AnnouncedWatch announced_;
  ServerChoice choice_;
  ThreadWorkers web_workers_{1};  // apart from those that read files: a call may hang for seconds
  CurlWeb web_{web_workers_};
  Notifier notifier_;
  Notices notices_;
  Scheduler scheduler_;
};

// Until cancelled.
task<void> watchdog(Timers& timers) {
  const auto interval = service_watchdog_interval();
  const std::chrono::nanoseconds pause = interval ? *interval / 2 : std::chrono::microseconds(1h);
  for (;;) {
    if (interval) service_watchdog();
    co_await timers.sleep(pause);
  }
}

// How attempts to take a configuration over ended, for whoever asked for one; and the agent that lives now.
struct Reloads {
  struct Lives {
    Lives(Reloads& r, Agent& agent) : reloads(r) { r.agent = &agent; }
    ~Lives() { reloads.agent = nullptr; }
    Lives(const Lives&) = delete;
    Lives& operator=(const Lives&) = delete;
    Reloads& reloads;
  };
  Agent* agent = nullptr;
  std::size_t count = 0;
  std::string last;
  Waiters done;

  void ended(std::string text) {
    ++count;
    last = std::move(text);
    done.wake_all();
  }
};

// Runs until a signal; a reload that is refused keeps the configuration that was good.
task<void> live(const std::string& file, AgentConfig config, Signals& signals, Reloads& reloads) {
  const Executor executor = co_await asio::this_coro::executor;
  for (;;) {
    std::optional<AgentConfig> next;
    {
      stand_back(config);
      Agent agent(executor, config);
      service_ready();  // not before: whoever starts the service hears what is wrong
      auto until_signal = [](Signals& s, const std::string& f, const AgentConfig& present, Reloads& all, std::optional<AgentConfig>& out) -> task<void> {
        for (;;) {
          const Signal signal = co_await s.next();
          if (signal == Signal::stop) co_return;
          service_reloading();
          std::string problem;
          try {
            AgentConfig read = read_config(f);
            check_config(read);
            if (read.state != present.state) throw failure(Errc::configuration, "taking over the configuration " + f + ": another state folder needs a restart");
            out = std::move(read);
          } catch (const failure& e) {
            problem = e.what();
            log_error("{}; the old configuration stays", problem);
          }
          service_ready();
          all.ended(problem.empty() ? "ok" : "failed: " + problem);
          if (out) co_return;
        }
      };
      const Reloads::Lives lives(reloads, agent);
      co_await race(agent.run(), until_signal(signals, file, config, reloads, next));
    }
    if (!next) break;
    config = std::move(*next);
    log_info("the configuration {} is taken over", file);
  }
  service_stopping();
}

// The command's questions.
task<std::string> answer(std::string question, Signals& signals, Reloads& reloads) {
  constexpr std::string_view kCancel = "cancel ";
  if (question.starts_with(kCancel)) {
    if (!reloads.agent || !reloads.agent->cancel(question.substr(kCancel.size()))) co_return "failed: it does not run in the daemon";
    co_return "ok";
  }
  if (question == "look") {
    if (reloads.agent) reloads.agent->look();
    co_return "ok";
  }
  if (question == "progress") co_return reloads.agent ? reloads.agent->progress() : "";
  if (question != "reload") co_return "failed: this daemon does not know the question " + question;
  const std::size_t before = reloads.count;
  signals.ask_reload();
  while (reloads.count == before) co_await reloads.done.wait();
  co_return reloads.last;
}

task<void> serve(std::string file, AgentConfig config) {
  const Executor executor = co_await asio::this_coro::executor;
  Signals signals(executor);
  Reloads reloads;
  AsioTimers timers;
  std::optional<ControlServer> control;
  try {
    ControlServer::Answer reply = [&](std::string question) { return answer(std::move(question), signals, reloads); };
    control.emplace(executor, timers, config.state, std::move(reply));
  } catch (const failure& f) {
    log_warning("the farkeep command cannot talk to this daemon: {}", f.what());
  }
  if (!control) {
    co_await live(file, std::move(config), signals, reloads);
    co_return;
  }
  co_await race(live(file, std::move(config), signals, reloads), control->run());
}

int run(int argc, char** argv) {
  po::options_description options("Options");
  options.add_options()("config", po::value<std::string>()->default_value("/etc/farkeep/agent.ini")->value_name("FILE"), "configuration file")(
      "version", "prints the version")("help,h", "this text");
  po::variables_map values;
  try {
    po::store(po::parse_command_line(argc, argv, options), values);
    po::notify(values);
  } catch (const po::error& e) {
    throw failure(Errc::usage, e.what());
  }
  if (values.count("help")) {
    std::ostringstream text;
    text << options;
    std::printf("Usage: farkeepd [--config FILE]\nRuns the configuration's jobs when they are due.  SIGHUP reads it again, SIGTERM ends.\n\n%s", text.str().c_str());
    return 0;
  }
  if (values.count("version")) {
    std::printf("%s\n", std::string(kSoftware).c_str());
    return 0;
  }
  const std::string file = values["config"].as<std::string>();
  start_logging(LogLevel::warning, LogFormat::text);
  AgentConfig config = read_config(file);
  start_logging(config.log_level, config.log_format);

  asio::io_context context{1};
  std::exception_ptr error;
  AsioTimers timers;
  auto all = [](Timers& t, std::string f, AgentConfig c) -> task<void> { co_await race(serve(std::move(f), std::move(c)), watchdog(t)); };
  asio::co_spawn(context, all(timers, file, std::move(config)), [&](std::exception_ptr e) { error = e; });
  context.run();
  if (error) std::rethrow_exception(error);
  return 0;
}

}  // namespace
}  // namespace farkeep

int main(int argc, char** argv) {
  farkeep::harden_process();
  farkeep::raise_descriptor_limit();
  farkeep::keep_freed_memory();
  try {
    return farkeep::run(argc, argv);
  } catch (const boost::system::system_error& e) {
    std::fprintf(stderr, "farkeepd: %s\n", e.what());
    return static_cast<int>(farkeep::exit_code(e.code()));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "farkeepd: %s\n", e.what());
    return static_cast<int>(farkeep::Exit::failed);
  }
}
