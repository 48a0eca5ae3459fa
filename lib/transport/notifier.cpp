#include "transport/notifier.hpp"

#include <boost/json.hpp>

#include "async/commands.hpp"
#include "async/fence.hpp"
#include "base/log.hpp"
#include "base/harmless.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds kPauses[] = {10s, 60s};  // before the second and the third try
constexpr auto kCommand = 60s;

// Runs until it works; gives up after the third try.
template <class Attempt>
task<void> try_thrice(Timers& timers, std::string what, Attempt attempt) {
  for (std::size_t tries = 0;; ++tries) {
    const std::string problem = co_await problem_of(attempt());
    if (problem.empty()) co_return;
    if (tries == std::size(kPauses)) {
      log_warning("notifying {}: {}; given up after {} tries", what, problem, std::size(kPauses) + 1);
      co_return;
    }
    co_await timers.sleep(kPauses[tries]);
  }
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// "job main", "agent web7": what a mail's subject is about.
std::string about(const Notice& notice) {
  if (notice.agents.empty()) return notice.job.empty() ? "this machine" : "job " + notice.job;
  return notice.agents.size() == 1 ? "agent " + notice.agents.front() : "several agents";
}

}  // namespace

void Notifier::tell(Notice notice) {
  if (!waiting_.try_push(notice)) log_warning("notifying of '{}': {} notices wait already, this one is dropped", notice.text, kMostWaiting);
}

task<void> Notifier::run() {
  while (auto notice = co_await waiting_.pop()) co_await deliver(*notice);
}

task<void> Notifier::deliver(const Notice& notice) {
  const NotifyConfig to = config_;  // others may be named before this has ended
  const std::string event = name_of(notice.event);
  if (!notice.ping.empty()) {
    auto ping = [&]() { return post(notice.ping, harmless_lines(notice.text), "text/plain; charset=utf-8", to.proxy); };
    co_await try_thrice(timers_, "the ping address of job " + notice.job, ping);
  }
  if (!notice.to_people) co_return;
  const std::string text = machine_ + ": " + notice.text;
  for (auto& url : to.webhooks) {
    boost::json::object body{{"text", text}, {"event", event}, {"job", notice.job}, {"machine", machine_}};
    if (!notice.agents.empty()) body["agents"] = boost::json::array(notice.agents.begin(), notice.agents.end());
    auto hook = [&]() { return post(url, harmless_json(boost::json::serialize(body)), "application/json", to.proxy); };
    co_await try_thrice(timers_, "a webhook", hook);
  }
  if (!to.mails.empty()) {
    auto send = [&]() { return mail(to, notice); };
    co_await try_thrice(timers_, "by mail", send);
  }
  for (auto& line : to.commands) {
    auto call = [&]() { return command(notice, line); };
    co_await try_thrice(timers_, "by command", call);
  }
}

task<void> Notifier::post(std::string url, std::string body, std::string type, std::string proxy) {
  WebCall call{std::move(url), std::move(body), std::move(type), std::move(proxy)};
  co_await web_.call(std::move(call));
}

// RFC 5322; sendmail adds what is missing (From, Date, Message-ID).
task<void> Notifier::mail(const NotifyConfig& to, const Notice& notice) {
  const std::string text = harmless_lines(harmless_lines(machine_ + ": " + notice.text).substr(0, 8000));  // cut, perhaps in the middle of a character
  ChildOrder order;
  order.command = "'" + to.sendmail + "' -t -i";
  order.input = "To: " + listed(to.mails) + "\nSubject: [farkeep] " + harmless_line(machine_ + ": " + about(notice)) + " " + name_of(notice.event) +
                "\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + text + "\n";
  Lines::Take tell = [](std::string_view line) { log_info("sendmail: {}", line); };
  co_await run_command(children_, timers_, std::move(order), kCommand, "", 0, std::move(tell));
}

task<void> Notifier::command(const Notice& notice, std::string line) {
  ChildOrder order{std::move(line), {std::string("FARKEEP_EVENT=") + name_of(notice.event), "FARKEEP_JOB=" + harmless_line(notice.job), "FARKEEP_MACHINE=" + harmless_line(machine_), "FARKEEP_TEXT=" + harmless_lines(notice.text)}};
  if (!notice.agents.empty()) order.environment.push_back("FARKEEP_AGENTS=" + harmless_line(listed(notice.agents)));
  Lines::Take tell = [](std::string_view said) { log_info("notify: {}", said); };
  co_await run_command(children_, timers_, std::move(order), kCommand, "", 0, std::move(tell));
}

}  // namespace farkeep
