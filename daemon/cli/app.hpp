#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/enrol.hpp"
#include "agent/escrow.hpp"
#include "agent/heads.hpp"
#include "agent/reading.hpp"
#include "agent/refused_logins.hpp"
#include "agent/runner.hpp"
#include "agent/tls_servers.hpp"
#include "async/task.hpp"
#include "async/timers.hpp"
#include "async/workers.hpp"
#include "base/clock.hpp"
#include "config/agent_config.hpp"
#include "crypto/random.hpp"
#include "progress_line.hpp"
#include "transport/resolver.hpp"

namespace farkeep::cli {

/// What every verb works with: the options that all have, the configuration, and one event loop.
class App {
 public:
  struct Options {
    std::string config = "/etc/farkeep/agent.ini";
    bool json = false;
    bool quiet = false;
    int verbose = 0;
    Options() = default;
  };
  explicit App(Options options);

  const Options& options() const { return options_; }
  /// The configuration, all its files, read and checked at the first call.  Throws failure(configuration) after printing every mistake.
  const AgentConfig& config();
  /// Works with another configuration from here on, one that is not written yet.
  void replace_config(AgentConfig config);
  AgentState& state();
  const Certificate& authority();
  /// With what the root's word adds and takes back, as far as it was heard by now.
  RootTrust& trusted();
  /// What a server wants to see.  There without the root key, too.
  const AgentCredentials& credentials();
  const AgentKeys& keys();
  Servers& servers();
  ServerChoice& choice();
  Reporter& reporter() { return progress_; }
  Workers& workers();
  Timers& timers();
  Clock& clock() { return clock_; }
  Random& random() { return random_; }
  Line& line();
  RefusedLogins& logins();
  BackupParts backup_parts();

  /// A verb that changes or reads the agent's own files beside a run takes this first.  Throws failure(busy).
  std::unique_ptr<DiskLock> lock();

  EnrolParts enrol_parts();
  EscrowParts escrow_parts();
  /// Does the work in this agent's vault on the first server that lets it be done (use_any).
  task<void> with_vault(Servers::Work work);

  /// The same for who reads (reading.hpp).  Alarms are told, and alarmed() from then on.
  task<void> read_vault(Servers::Work work, Older older = Older::refused);
  /// read_vault() reads from servers that show less than this machine knows, for it was allowed to.
  bool reads_older() const { return reads_older_; }
  /// read_vault() or status met such a server.
  bool alarmed() const { return alarmed_; }
  /// One line on standard error, however quiet.
  void tell_alarm(const std::string& text);
  HeadParts head_parts();
  SnapshotTrust trust();

  /// Runs a task on the event loop to its end; SIGINT and SIGTERM cancel it.  Rethrows what it throws.
  void run(task<void> work);

  /// One line of result on standard output.
  void say(const std::string& line);

 private:
  Options options_;
  bool alarmed_ = false, reads_older_ = false;
  boost::asio::io_context context_{1};
  SystemClock clock_;
  SystemRandom random_;
  ProgressLine progress_;
  std::optional<AgentConfig> config_;
  std::unique_ptr<AgentState> state_;
  std::optional<Certificate> authority_;
  std::optional<RootTrust> trusted_;
  std::unique_ptr<AgentCredentials> credentials_;
  std::unique_ptr<AgentKeys> keys_;
  std::unique_ptr<ThreadWorkers> workers_;
  std::unique_ptr<AsioTimers> timers_;
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<RefusedLogins> logins_;
  std::unique_ptr<Line> line_;
  std::unique_ptr<TlsServers> servers_;
  std::unique_ptr<ServerChoice> choice_;
};

}  // namespace farkeep::cli
