#include "agent/runner.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include "agent/hooks.hpp"
#include "async/backoff.hpp"
#include "base/codec.hpp"
#include "base/log.hpp"
#include "wire/message.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr auto kFirstPause = 5s;
constexpr auto kLongestPause = 15min;
constexpr int kMaxRepairs = 3;  // runs in a row in which a server turns out to lack what it was thought to have

// An attempt's own counters, looked at from outside: were there durable acknowledgements?
class Watch final : public Reporter {
 public:
  explicit Watch(Reporter& to) : to_(to) {}
  void progress(const Progress& now) override {
    durable_ = now.bytes_durable;
    to_.progress(now);
  }
  void problem(std::string_view path, std::string_view text) override { to_.problem(path, text); }
  void note(std::string_view text) override { to_.note(text); }
  std::uint64_t durable() const { return durable_; }

 private:
  Reporter& to_;
  std::uint64_t durable_ = 0;
};

}  // namespace

void JobRunner::Ending::failed(const boost::system::system_error& e) {
  error = std::current_exception();
  stopped = classify(e.code()) == Errc::cancelled;
  code = exit_code(e.code());
  text = e.what();
}

const char* JobRunner::Ending::outcome() const {
  if (stopped) return "stopped";
  if (error) return "failed";
  if (!result) return "skipped";
  return result->complete() ? "done" : "incomplete";
}

// A snapshot that is made stays made, whatever its hooks do.
task<void> JobRunner::run_with_hooks(const BackupJob& job, Patience patience, std::optional<std::chrono::nanoseconds> limit, Ending& end) {
  Hooks hooks(job, parts_.children, parts_.timers, parts_.reporter);
  try {
    const bool goes = co_await hooks.before();
    if (goes) {
      if (begins_) begins_();
      end.result = co_await run_rounds(job, patience, limit);
      end.result->hook_problem = co_await hooks.after(*end.result);
      end.text = "snapshot " + end.result->snapshot.brief();
      if (!end.result->hook_problem.empty()) end.text += "; " + end.result->hook_problem;
      if (!end.result->complete()) end.code = Exit::incomplete;
    }
  } catch (const boost::system::system_error& e) {
    end.failed(e);
  }
  if (end.error && !end.stopped && !end.result) {
    try {
      co_await hooks.after_failure(end.text);
    } catch (const boost::system::system_error& e) {
      end.failed(e);
    }
  }
  // From here on nothing is cancelled any more.
  if (end.stopped) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  const std::string error = end.error ? end.text : std::string{};
  co_await hooks.finally(end.outcome(), error, end.stopped);
}

task<std::optional<BackupResult>> JobRunner::run(const BackupJob& job, Patience patience, std::optional<std::chrono::nanoseconds> limit) {
  agent::pb::Job record = parts_.state.job(job.name);
  record.set_running(true);
  record.set_last_start_ns(parts_.clock.wall().time_since_epoch().count());
  parts_.state.set_job(job.name, record);

  Ending end;
  co_await run_with_hooks(job, patience, limit, end);
  // The daemon ends or reads its configuration again: the record still says that the job runs, so it is continued at once.
  if (end.stopped && patience == Patience::until_done) std::rethrow_exception(end.error);

  record = parts_.state.job(job.name);
  const std::int64_t now = parts_.clock.wall().time_since_epoch().count();
  record.set_running(false);
  if (end.result || end.error) {
    record.set_last_end_ns(now);
    record.set_last_exit(static_cast<std::uint32_t>(end.code));
    record.set_last_text(end.text);
    record.set_failures(end.result ? 0 : record.failures() + 1);
  } else {
    record.set_skipped_ns(now);
  }
  if (end.result) {
    record.set_last_good_ns(now);
    record.set_bytes_sent(end.result->progress.bytes_sent);
    record.set_unreadable(end.result->progress.unreadable);
    record.set_changed(end.result->progress.changed_while_read);
    record.set_took_ns(now - record.last_start_ns());
  }
  parts_.state.set_job(job.name, record);
  if (end.error) std::rethrow_exception(end.error);
  co_return std::move(end.result);
}

task<BackupResult> JobRunner::run_rounds(const BackupJob& job, Patience patience, std::optional<std::chrono::nanoseconds> limit) {
  Random& random = parts_.random;
  Backoff pause(kFirstPause, kLongestPause, [&random] {
    Buffer raw(4);
    random.fill(raw);
    Reader r{raw};
    return static_cast<double>(r.number<std::uint32_t>()) / 4294967296.0;
  });
  SteadyTime moved = parts_.timers.now();
  for (;;) {
    std::string tried;
    Strangers strangers;
    bool progressed = false, stranger = false, blocked = false;
    std::vector<ServerTarget> line = choice_.order(servers_.pair());
    for (auto& target : line) {
      Trouble trouble;
      std::optional<BackupResult> result = co_await try_server(job, target, trouble, strangers, progressed);
      if (result) co_return std::move(*result);
      const bool identity = classify(trouble.code) == Errc::identity;
      stranger = stranger || identity;
      if (identity) log_error("{}: {}", target.name, trouble.text);
      tried += (tried.empty() ? "" : "; ") + target.name + ": " + trouble.text;
      blocked = trouble.fault == Fault::path;
      if (blocked) break;
      if (&target != &line.back() && !identity) parts_.reporter.note(target.name + " does not serve (" + trouble.text + "); trying the other server");
    }
    tried += strangers.hint();
    if (!progressed && !blocked) {
      const bool news = co_await servers_.look_further();
      if (news) continue;
    }
    if (progressed) moved = parts_.timers.now();
    const bool too_long = limit && parts_.timers.now() - moved >= *limit;
    if ((patience == Patience::one_round && !progressed) || too_long)
      throw failure::whole(stranger ? Errc::identity : blocked ? Errc::proxy : Errc::unreachable,
                           "backing up job " + job.name + ": " + (blocked ? "" : "neither server serves: ") + tried);
    if (progressed) pause.reset();
    const auto wait = pause.next();
    parts_.reporter.note(fmt::format("no server serves; trying again in {} s ({})", std::chrono::ceil<std::chrono::seconds>(wait).count(), tried));
    co_await parts_.timers.sleep(wait);
  }
}

// Nothing: this server is no good now, `trouble` says why.  Throws what no other server could heal.
task<std::optional<BackupResult>> JobRunner::try_server(const BackupJob& job, ServerTarget target, Trouble& trouble, Strangers& strangers, bool& progressed) {
  Watch watch(parts_.reporter);
  std::optional<BackupResult> result;
  Servers::Work work = [&](VaultPort& vault) -> task<void> { return back_up(job, target, vault, watch, result); };
  try {
    co_await servers_.use(target, std::move(work));
  } catch (const boost::system::system_error& e) {
    // An acknowledged snapshot stays one, whatever became of the goodbye.
    if (!result && !is_server_trouble(e)) throw;
    trouble = Trouble{e.code(), e.what(), fault_of(e)};
    strangers.saw(target, e);
  }
  if (result) {
    if (!trouble.text.empty()) log_info("after the snapshot was acknowledged: {}", trouble.text);
    co_return std::move(*result);
  }
  progressed = progressed || watch.durable() > 0;
  if (trouble.fault == Fault::server) choice_.failed(target.address, trouble.text);
  co_return std::nullopt;
}

task<void> JobRunner::back_up(const BackupJob& job, const ServerTarget& target, VaultPort& vault, Reporter& reporter, std::optional<BackupResult>& result) {
  choice_.worked(target.address);
  check_rollback(vault);
  co_await settle_pending(parts_.state, vault, reporter);
  bool trust = true;
  for (int repairs = 0;; ++repairs) {
    const BackupParts parts{parts_.state, parts_.keys, parts_.workers, parts_.timers, parts_.clock, parts_.random, reporter, parts_.sources, parts_.children, parts_.memory};
    BackupAttempt attempt(parts, job, vault, trust);
    std::string lacks;
    try {
      result = co_await attempt.run();
    } catch (const failure& f) {
      if (classify(f.code()) != Errc::missing_object || repairs >= kMaxRepairs) throw;
      lacks = f.what();
    }
    if (result) break;
    reporter.note(lacks + "; reading those files again");
    trust = false;
  }
  if (!report_) co_return;
  Buffer report = report_(job.name);
  co_await vault.report(std::move(report));
}

// The server that acknowledged our head must still have it.  The other one may lag behind.
void JobRunner::check_rollback(const VaultPort& vault) const {
  const auto head = parts_.state.head();
  if (!head || head->receipt().empty()) return;
  const auto signed_receipt = wire::parse_message<wire::pb::SignedReceipt>(head->receipt());
  if (!signed_receipt) return;
  const auto receipt = wire::parse_message<wire::pb::Receipt>(signed_receipt->receipt());
  if (!receipt || receipt->server_id() != vault.server_id().raw()) return;
  if (vault.facts().head >= head->sequence()) return;
  throw failure(Errc::rollback, fmt::format("opening the vault on {}: it acknowledged snapshot number {} on {}, and now shows {} as the newest "
                                            "(its store was rolled back or replaced: ask its operator; nothing was sent)",
                                            vault.server(), head->sequence(), rfc3339(WallTime{std::chrono::nanoseconds(receipt->time_ns())}), vault.facts().head));
}

}  // namespace farkeep
