#include "agent/notifier.hpp"

#include <boost/json.hpp>

#include "agent/commands.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds kPauses[] = {10s, 60s};  // before the second and the third try
constexpr auto kCommand = 60s;

// Runs until it works; gives up after the third try.
template <class Attempt>
task<void> try_thrice(Timers& timers, std::string what, Attempt attempt) {
  std::string problem;
  for (std::size_t tries = 0;; ++tries) {
    try {
      co_await attempt();
      co_return;
    } catch (const boost::system::system_error& e) {
      if (classify(e.code()) == Errc::cancelled) throw;
      problem = e.what();
    }
    if (tries == std::size(kPauses)) break;
    co_await timers.sleep(kPauses[tries]);
  }
  log_warning("notifying {}: {}; given up after {} tries", what, problem, std::size(kPauses) + 1);
}

}  // namespace

void Notifier::tell(Notice notice) {
  if (!waiting_.try_push(notice)) log_warning("notifying of '{}': {} notices wait already, this one is dropped", notice.text, kMostWaiting);
}

task<void> Notifier::run() {
  while (auto notice = co_await waiting_.pop()) co_await deliver(*notice);
}

task<void> Notifier::deliver(const Notice& notice) {
  const std::string event = name_of(notice.event);
  if (!notice.ping.empty()) {
    auto ping = [&]() { return post(notice.ping, notice.text, "text/plain; charset=utf-8"); };
    co_await try_thrice(timers_, "the ping address of job " + notice.job, ping);
  }
  if (!notice.to_people) co_return;
  const std::string text = machine_ + ": " + notice.text;
  for (auto& url : config_.webhooks) {
    const boost::json::object body{{"text", text}, {"event", event}, {"job", notice.job}, {"machine", machine_}};
    auto hook = [&]() { return post(url, boost::json::serialize(body), "application/json"); };
    co_await try_thrice(timers_, "a webhook", hook);
  }
  if (!config_.mails.empty()) {
    auto send = [&]() { return mail(notice); };
    co_await try_thrice(timers_, "by mail", send);
  }
  for (auto& line : config_.commands) {
    auto call = [&]() { return command(notice, line); };
    co_await try_thrice(timers_, "by command", call);
  }
}

task<void> Notifier::post(std::string url, std::string body, std::string type) {
  WebCall call{std::move(url), std::move(body), std::move(type), config_.proxy};
  co_await web_.call(std::move(call));
}

// RFC 5322; sendmail adds what is missing (From, Date, Message-ID).
task<void> Notifier::mail(const Notice& notice) {
  std::string to;
  for (auto& address : config_.mails) to += (to.empty() ? "" : ", ") + address;
  const std::string text = notice.text.substr(0, 8000);
  ChildOrder order;
  order.command = "'" + config_.sendmail + "' -t -i";
  order.input = "To: " + to + "\nSubject: [farkeep] " + machine_ + ": job " + notice.job + " " + name_of(notice.event) +
                "\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + machine_ + ": " + text + "\n";
  Lines::Take tell = [](std::string_view line) { log_info("sendmail: {}", line); };
  co_await run_command(children_, timers_, std::move(order), kCommand, 0, std::move(tell));
}

task<void> Notifier::command(const Notice& notice, std::string line) {
  ChildOrder order{std::move(line), {std::string("FARKEEP_EVENT=") + name_of(notice.event), "FARKEEP_JOB=" + notice.job, "FARKEEP_MACHINE=" + machine_, "FARKEEP_TEXT=" + notice.text}};
  Lines::Take tell = [](std::string_view said) { log_info("notify: {}", said); };
  co_await run_command(children_, timers_, std::move(order), kCommand, 0, std::move(tell));
}

}  // namespace farkeep
