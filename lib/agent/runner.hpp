#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/backup.hpp"
#include "agent/heads.hpp"
#include "agent/servers.hpp"

namespace farkeep {

/// How long a run tries when no server answers.
enum class Patience {
  one_round,  ///< both servers once, then fail with unreachable: for a person who waits
  until_done, ///< again and again with growing pauses, until cancelled: for the daemon
};

/// Runs one job to its end: its hooks, the choice of the server, failover in the middle, retries; keeps the job's record.
///
/// Progress is judged by durable acknowledgements: an attempt that had some starts the count of rounds anew.  Whatever a server says or sends is a reason to try the
/// other one.  A server that shows another history than it may (rollback, fork) is not used; the other one is, and the result says so, as it does of what is wrong
/// with this machine's own state: a manifest that was put aside (settle_pending), pins that were lost.  Where that one does not serve
/// either, and where both refuse or send what waiting does not heal (a quota, an agent that is not let in, damage), the run ends at once, with the gravest of it.
class JobRunner {
 public:
  /// What is told to the server when a job's snapshot is acknowledged (report_of): the job has one with all of its sources; empty: it lacks some.
  using ReportOf = std::function<Buffer(const std::string& job)>;
  /// What is told when a run begins, its before hooks being done; not when they have it skipped.
  using Begins = std::function<void()>;
  /// `report`, `begins`: may be empty, then nothing is told.
  JobRunner(BackupParts parts, Servers& servers, ServerChoice& choice, ReportOf report = {}, Begins begins = {})
      : parts_(parts), servers_(servers), choice_(choice), report_(std::move(report)), begins_(std::move(begins)) {}

  /// The snapshot that was made; nothing when a before hook had the run skipped, which is neither a success nor a failure: the record keeps what it says of the
  /// run before, and notes the time.  Throws failure; in any case the job's record on disk says what happened.
  /// `limit`, with Patience::until_done: after so long without any acknowledged progress it fails as with one_round.
  task<std::optional<BackupResult>> run(const BackupJob& job, Patience patience, std::optional<std::chrono::nanoseconds> limit = std::nullopt);

 private:
  /// How a run ended.
  struct Ending {
    std::optional<BackupResult> result;
    std::exception_ptr error;
    std::string text;
    Exit code = Exit::done;
    bool stopped = false;  // cancelled

    void failed(const boost::system::system_error& e);
    const char* outcome() const;
  };
  task<void> run_with_hooks(const BackupJob& job, Patience patience, std::optional<std::chrono::nanoseconds> limit, Ending& end);
  task<BackupResult> run_rounds(const BackupJob& job, Patience patience, std::optional<std::chrono::nanoseconds> limit);
  struct Trouble {
    boost::system::error_code code;
    std::string text;
    Fault fault = Fault::server;
    bool alarm = false;  // another history than the server may show
  };
  task<std::optional<BackupResult>> try_server(const BackupJob& job, ServerTarget target, Trouble& trouble, Strangers& strangers, bool& progressed);
  task<void> back_up(const BackupJob& job, const ServerTarget& target, VaultPort& vault, const Head& pinned, Reporter& reporter, std::optional<BackupResult>& result);
  task<void> learn_history();
  void alarm(const BackupJob& job, const std::string& what);

  BackupParts parts_;
  Servers& servers_;
  ServerChoice& choice_;
  ReportOf report_;
  Begins begins_;
  std::string own_alarm_;  // what is wrong with this machine's own state, and no result has told of yet
};

}  // namespace farkeep
