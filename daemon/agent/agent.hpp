#pragma once

#include "agent/agent_line.hpp"
#include "agent/announced_watch.hpp"
#include "agent/notices.hpp"
#include "agent/refused_logins.hpp"
#include "agent/scheduler.hpp"
#include "agent/server_choice.hpp"
#include "agent/tls_servers.hpp"
#include "async/workers.hpp"
#include "crypto/random.hpp"
#include "lasting.hpp"
#include "log_reporter.hpp"

namespace farkeep {

/// All files of a configuration; mistakes are logged, and thrown as failure(configuration).
AgentConfig read_config(const std::string& file);

/// One configuration's life: from reading it to a signal.
class Agent {
 public:
  /// Throws what keeps it from running: now, and not at night.  `lasting` outlives it.
  Agent(Executor executor, AgentConfig config, Lasting& lasting);

  /// Whether it would do just what the other one does: the same settings, and what they name is the same.
  bool is_as(const Agent& other) const;

  /// Something has changed in the state: looks at once what is due.
  void look() { scheduler_.look(); }
  /// How the run that goes on goes on, as JSON; empty: none does.
  std::string progress() const { return scheduler_.running() ? reporter_.forecast().json() : ""; }
  /// False: it does not run.
  bool cancel(const std::string& job) { return scheduler_.cancel(job); }

  /// Until cancelled.
  task<void> run();

 private:
  using Talk = std::function<task<void>(TlsServers&, const AgentKeys&)>;
  void say_next();
  task<void> with_servers(Talk talk);
  task<void> ask_any(Servers::Work work);
  Buffer report(const std::string& done = {}) const;
  task<void> tell_servers();
  task<void> watch();
  task<void> watch_protection();
  task<void> watch_history();
  void look_around();
  task<Scheduler::Outcome> run_job(const JobConfig& job, JobTimes::Why why, std::chrono::nanoseconds patience);
  /// False: a before hook had the run skipped.  `began`: the runner has written down what came of it.
  task<bool> back_up(const JobConfig& job, std::chrono::nanoseconds patience, bool& began);

  const AgentConfig config_;
  const Certificate authority_;
  SystemClock clock_;
  SystemRandom random_;
  SystemTimeZone zone_;
  AsioTimers timers_;
  LogReporter reporter_{clock_};
  Lasting& lasting_;
  AgentState& state_;
  ThreadWorkers workers_;
  SystemResolver resolver_;
  SecretText password_;
  RefusedLogins logins_;
  AgentLine line_;
  AnnouncedWatch announced_;
  ServerChoice choice_;
  Notices notices_;
  Scheduler scheduler_;
};

}  // namespace farkeep
