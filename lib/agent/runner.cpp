#include "agent/runner.hpp"

#include <algorithm>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include "agent/hooks.hpp"
#include "async/backoff.hpp"
#include "base/codec.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr auto kFirstRetry = 5s;
constexpr auto kLongestRetry = 15min;
constexpr auto kLookPatience = 10s;  // for each server, when nothing is known of this agent's history
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
      if (!end.result->complete()) {
        end.text += ", incomplete: " + end.result->shortcomings();
        end.code = Exit::incomplete;
      }
      if (!end.result->alarm.empty()) {
        end.text += "; ALARM: " + end.result->alarm;
        end.code = Exit::alarm;
      }
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
  own_alarm_ = record.own_alarm_told() ? std::string{} : record.own_alarm();
  record.set_running(true);
  record.set_last_start_ns(parts_.clock.wall().time_since_epoch().count());
  const SteadyTime began = parts_.timers.now();
  parts_.state.set_job(job.name, record);
  if (Heads heads(parts_.state); heads.are_lost()) {
    alarm(job, kLostHeads);
    heads.told_of_loss();
  }

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
    record.set_snapshot_ns(now);
    if (end.result->lacks.empty()) {
      record.set_last_good_ns(now);
      record.set_lost(false);
    }
    record.set_lacks(in_words(end.result->lacks));
    keep_counts(record, end.result->sources, job.shrunk);
    record.set_bytes_sent(end.result->progress.bytes_sent);
    record.set_own_alarm(own_alarm_);
    record.set_own_alarm_told(true);
    record.set_unreadable(end.result->progress.unreadable);
    record.set_changed(end.result->progress.changed_while_read);
    record.set_without_attributes(end.result->progress.without_attributes);
    record.set_took_ns(std::chrono::nanoseconds(parts_.timers.now() - began).count());
  }
  parts_.state.set_job(job.name, record);
  if (end.error) std::rethrow_exception(end.error);
  co_return std::move(end.result);
}

task<BackupResult> JobRunner::run_rounds(const BackupJob& job, Patience patience, std::optional<std::chrono::nanoseconds> limit) {
  Random& random = parts_.random;
  Backoff pause(kFirstRetry, kLongestRetry, [&random] {
    Buffer raw(4);
    random.fill(raw);
    Reader r{raw};
    return static_cast<double>(r.number<std::uint32_t>()) / 4294967296.0;
  });
  co_await learn_history();
  SteadyTime moved = parts_.timers.now();
  for (;;) {
    std::string tried, alarm;
    Strangers strangers;
    bool progressed = false, blocked = false;
    std::vector<ServerTarget> line = choice_.order(servers_.pair());
    bool passes = line.empty();
    Errc worst = Errc::unreachable;
    for (auto& target : line) {
      Trouble trouble;
      std::optional<BackupResult> result;
      std::string own;
      try {
        result = co_await try_server(job, target, trouble, strangers, progressed);
      } catch (const boost::system::system_error& e) {
        if (alarm.empty() || classify(e.code()) == Errc::cancelled) throw;
        own = e.what();
      }
      if (!own.empty()) throw failure::whole(Errc::rollback, "backing up job " + job.name + ": " + tried + "; " + target.name + ": " + own);
      if (result) {
        result->alarm = alarm + (alarm.empty() || own_alarm_.empty() ? "" : "; ") + own_alarm_;
        co_return std::move(*result);
      }
      if (trouble.alarm) alarm += (alarm.empty() ? "" : "; ") + trouble.text;
      const bool identity = classify(trouble.code) == Errc::identity;
      const Errc code = classify(trouble.code);
      passes = passes || code == Errc::unreachable || code == Errc::proxy || identity;
      worst = graver(worst, code);
      if (identity) log_error("{}: {}", target.name, trouble.text);
      tried += (tried.empty() ? "" : "; ") + target.name + ": " + trouble.text;
      blocked = trouble.fault == Fault::path;
      if (blocked) break;
      if (&target != &line.back() && !identity) parts_.reporter.note(target.name + " does not serve" + (trouble.alarm ? "" : " (" + trouble.text + ")") + "; trying the other server");
    }
    tried += strangers.hint();
    if (!alarm.empty()) throw failure::whole(Errc::rollback, "backing up job " + job.name + ": " + tried);
    if (!passes) throw failure::whole(worst, "backing up job " + job.name + ": " + tried);
    if (!progressed && !blocked) {
      const bool news = co_await servers_.look_further();
      if (news) continue;
    }
    if (progressed) moved = parts_.timers.now();
    const bool too_long = limit && parts_.timers.now() - moved >= *limit;
    if ((patience == Patience::one_round && !progressed) || too_long)
      throw failure::whole(blocked ? Errc::proxy : worst == Errc::proxy ? Errc::unreachable : worst,
                           "backing up job " + job.name + ": " + (blocked ? "" : "neither server serves: ") + tried);
    if (progressed) pause.reset();
    const auto wait = pause.next();
    parts_.reporter.note(fmt::format("no server serves; trying again in {} s ({})", std::chrono::ceil<std::chrono::seconds>(wait).count(), tried));
    co_await parts_.timers.sleep(wait);
  }
}

// Nothing: this server is no good now, `trouble` says why.  Throws what is this machine's own affair.
task<std::optional<BackupResult>> JobRunner::try_server(const BackupJob& job, ServerTarget target, Trouble& trouble, Strangers& strangers, bool& progressed) {
  Watch watch(parts_.reporter);
  std::optional<BackupResult> result;
  const Head pinned = Heads(parts_.state).pinned(target.id);
  Servers::Work work = [&](VaultPort& vault) -> task<void> { return back_up(job, target, vault, pinned, watch, result); };
  try {
    co_await servers_.use(target, std::move(work));
  } catch (const boost::system::system_error& e) {
    // An acknowledged snapshot stays one, whatever became of the goodbye.
    const bool alarm = is_history_alarm(e);
    if (!result && is_own_affair(e)) throw;
    trouble = Trouble{make_error_code(counts_as(e)), e.what(), alarm ? Fault::nobody : fault_of(e), alarm};
    strangers.saw(target, e);
    if (alarm) {
      log_error("ALARM: {}", trouble.text);
      Heads(parts_.state).alarm(target, trouble.text, parts_.clock.wall());
    }
  }
  if (result) {
    if (!trouble.text.empty()) log_info("after the snapshot was acknowledged: {}", trouble.text);
    co_return std::move(*result);
  }
  // What a server acknowledges that lacks it afterwards, or refuses the rest, is no progress: such a run would never end.
  progressed = progressed || (watch.durable() > 0 && classify(trouble.code) == Errc::unreachable);
  if (trouble.fault == Fault::server) choice_.failed(target.address, trouble.text);
  co_return std::nullopt;
}

// A machine that knows nothing of its own history, as after a recovery, asks both servers: the one that serves may lag behind the other.
task<void> JobRunner::learn_history() {
  if (Heads(parts_.state).newest().sequence > 0) co_return;
  const HeadParts parts{servers_, parts_.state, parts_.keys, parts_.workers, parts_.timers, parts_.clock};
  const std::vector<HeadLook> looks = co_await look_at_heads(parts, kLookPatience);
  const bool first = std::all_of(looks.begin(), looks.end(), [](const HeadLook& l) { return l.answered && l.head.sequence == 0; });
  if (!first) parts_.reporter.note(in_words(looks));
}

// On disk at once: what it was about is out of the way, so nobody meets it again.
void JobRunner::alarm(const BackupJob& job, const std::string& what) {
  own_alarm_ += (own_alarm_.empty() ? "" : "; ") + what;
  agent::pb::Job record = parts_.state.job(job.name);
  record.set_own_alarm(own_alarm_);
  record.set_own_alarm_told(false);
  parts_.state.set_job(job.name, record);
}

task<void> JobRunner::back_up(const BackupJob& job, const ServerTarget& target, VaultPort& vault, const Head& pinned, Reporter& reporter, std::optional<BackupResult>& result) {
  choice_.worked(target.address);
  co_await prove_head(vault, parts_.keys, parts_.workers, parts_.state, pinned);
  const std::string news[] = {Heads(parts_.state).news_of_other_machine(), Heads(parts_.state).news_of_foreign()};
  for (auto& text : news) {
    if (text.empty()) continue;
    log_error("ALARM: {}", text);
    alarm(job, text);
  }
  const std::string aside = co_await settle_pending(parts_.state, vault, reporter, parts_.clock);
  if (!aside.empty()) alarm(job, aside);
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
  Buffer report = report_(result->lacks.empty() ? job.name : std::string{});
  co_await vault.report(std::move(report));
}

}  // namespace farkeep
