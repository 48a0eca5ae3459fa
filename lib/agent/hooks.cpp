#include "agent/hooks.hpp"

#include "async/commands.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr auto kWhenStopped = 60s;

std::string with_text(std::string name, const std::string& text) { return std::move(name) + "=" + text; }
std::string with_number(std::string name, std::uint64_t number) { return std::move(name) + "=" + std::to_string(number); }

}  // namespace

task<int> Hooks::one(const std::string& command, const std::string& hook, Facts facts, std::chrono::nanoseconds limit, int also) {
  ChildOrder order{command, std::move(facts)};
  order.environment.push_back("FARKEEP_JOB=" + job_.name);
  order.environment.push_back("FARKEEP_HOOK=" + hook);
  Lines::Take tell = [this, hook](std::string_view line) { reporter_.note(hook + ": " + std::string(line)); };
  const int status = co_await run_command(children_, timers_, std::move(order), limit, "hook_timeout", also, std::move(tell));
  co_return status;
}

task<std::string> Hooks::all(const std::vector<std::string>& commands, std::string hook, Facts facts, std::chrono::nanoseconds limit) {
  std::string problems;
  for (auto& command : commands) {
    try {
      co_await one(command, hook, facts, limit, 0);
    } catch (const failure& f) {
      if (classify(f.code()) == Errc::cancelled) throw;
      problems += (problems.empty() ? "" : "; ") + hook + ": " + f.what();
    }
  }
  co_return problems;
}

task<bool> Hooks::before() {
  const Facts none;
  for (auto& command : job_.hooks.before) {
    const int status = co_await one(command, "before", none, job_.hooks.timeout, kSkip);
    if (status == kSkip) co_return false;
  }
  co_return true;
}

task<std::string> Hooks::after(const BackupResult& result) {
  const Progress& p = result.progress;
  Facts facts{with_text("FARKEEP_OUTCOME", result.complete() ? "done" : "incomplete"),
              with_text("FARKEEP_SNAPSHOT", result.snapshot.hex()),
              with_number("FARKEEP_FILES", p.files),
              with_number("FARKEEP_BYTES", p.bytes),
              with_number("FARKEEP_BYTES_SENT", p.bytes_sent),
              with_number("FARKEEP_UNREADABLE", p.unreadable),
              with_number("FARKEEP_CHANGED", p.changed_while_read),
              with_number("FARKEEP_WITHOUT_ATTRIBUTES", p.without_attributes)};
  std::string problems = co_await all(job_.hooks.after, "after", std::move(facts), job_.hooks.timeout);
  co_return problems;
}

task<void> Hooks::after_failure(const std::string& error) {
  Facts facts{with_text("FARKEEP_OUTCOME", "failed"), with_text("FARKEEP_ERROR", error)};
  const std::string problems = co_await all(job_.hooks.after_failure, "after_failure", std::move(facts), job_.hooks.timeout);
  if (!problems.empty()) log_warning("job {}: {}", job_.name, problems);
}

task<void> Hooks::finally(std::string outcome, const std::string& error, bool stopped) {
  if (job_.hooks.finally.empty()) co_return;
  Facts facts{with_text("FARKEEP_OUTCOME", outcome), with_text("FARKEEP_ERROR", error)};
  const std::chrono::nanoseconds limit = stopped ? std::min<std::chrono::nanoseconds>(job_.hooks.timeout, kWhenStopped) : job_.hooks.timeout;
  const std::string problems = co_await all(job_.hooks.finally, "finally", std::move(facts), limit);
  if (!problems.empty()) log_warning("job {}: {}", job_.name, problems);
}

}  // namespace farkeep
