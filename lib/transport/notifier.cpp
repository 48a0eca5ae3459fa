#include "transport/notifier.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "async/commands.hpp"
#include "async/race.hpp"
#include "base/error.hpp"
#include "base/harmless.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds kPauses[] = {10s, 60s, 2min, 5min, 15min};  // before the second try, and so on; the last one again and again
constexpr std::size_t kTriesOfRefused = 3;
constexpr int kTryLater = 75;  // EX_TEMPFAIL of sysexits.h, which sendmail keeps to
constexpr auto kCommand = 60s;
constexpr std::chrono::nanoseconds kLate = 2min;  // from then on a text says when it was
constexpr std::size_t kMostMail = 8000;

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

// "https://chat.example.org:8443"
std::string origin_of(const std::string& url) { return url.substr(0, url.find_first_of("/?#", url.find("://") + 3)); }

std::string host_in(const std::string& url) {
  const std::string origin = origin_of(url);
  return origin.substr(std::max(origin.find("://") + 3, origin.rfind('@') + 1));
}

std::chrono::nanoseconds pause_after(std::size_t tries) { return kPauses[std::min(tries, std::size(kPauses)) - 1]; }

}  // namespace

// Of one host, one at a time; pings apart from webhooks.
std::string Notifier::Hearer::lane() const {
  if (kind == Kind::mail) return "m";
  return static_cast<char>(kind) + (kind == Kind::command ? address : origin_of(address));
}

std::string Notifier::Hearer::in_words(const std::string& job) const {
  switch (kind) {
    case Kind::ping: return "the ping address of job " + job + " at " + host_in(address);
    case Kind::webhook: return "the webhook at " + host_in(address);
    case Kind::mail: return "by mail";
    case Kind::command: return "by command";
  }
  return {};
}

std::vector<Notifier::Hearer> Notifier::hearers(const Notice& notice) const {
  std::vector<Hearer> out;
  if (!notice.ping.empty()) out.push_back({Kind::ping, notice.ping});
  if (!notice.to_people) return out;
  for (auto& url : config_.webhooks) out.push_back({Kind::webhook, url});
  if (!config_.mails.empty()) out.push_back({Kind::mail, listed(config_.mails)});
  for (auto& line : config_.commands) out.push_back({Kind::command, line});
  return out;
}

std::vector<Notifier::Turn> Notifier::turns() const {
  std::vector<Turn> out;
  for (auto& [number, one] : outbox_.waiting()) {
    for (auto& hearer : hearers(one.notice))
      if (!one.heard.contains(hearer.mark())) out.push_back({number, std::move(hearer)});
  }
  return out;
}

void Notifier::tell(Notice notice) {
  if (hearers(notice).empty()) return;
  outbox_.add(std::move(notice));
  news_.wake_all();
}

void Notifier::look() {
  ++looks_;
  news_.wake_all();
}

task<void> Notifier::run() {
  served_.clear();
  Scope lanes(co_await asio::this_coro::executor);
  lanes.spawn(dispatch(lanes), "notifying");
  co_await lanes.join();
}

// Whoever has something to hear has a lane while there is something.
task<void> Notifier::dispatch(Scope& lanes) {
  for (;;) {
    outbox_.drop_old();
    std::set<std::uint64_t> waits;
    for (auto& turn : turns()) {
      waits.insert(turn.number);
      std::string lane = turn.hearer.lane();
      if (served_.insert(lane).second) lanes.spawn(serve(std::move(lane)), "telling somebody");
    }
    std::vector<std::uint64_t> heard;
    for (auto& [number, one] : outbox_.waiting())
      if (!waits.contains(number)) heard.push_back(number);
    for (const std::uint64_t number : heard) outbox_.remove(number);  // nobody is named any more who has not heard it
    co_await wait(timers_.now() + 1h);
  }
}

task<void> Notifier::wait(SteadyTime until) {
  auto asleep = [](Timers& timers, std::chrono::nanoseconds time) -> task<void> { co_await timers.sleep(time); };
  const std::chrono::nanoseconds left = std::max<std::chrono::nanoseconds>(0s, until - timers_.now());
  co_await race(asleep(timers_, left), news_.wait());
}

task<void> Notifier::serve(std::string lane) {
  Rests rests;
  std::uint64_t looked = looks_;
  for (;;) {
    if (looked != looks_) rests = Rests{};
    looked = looks_;
    std::optional<Turn> next;
    bool any = false;
    SteadyTime until = SteadyTime::max();
    for (auto& turn : turns()) {
      if (turn.hearer.lane() != lane) continue;
      any = true;
      const auto rest = rests.refusing.find(turn.hearer.mark());
      const SteadyTime free = std::max(rests.lane.until, rest == rests.refusing.end() ? SteadyTime{} : rest->second.until);
      until = std::min(until, free);
      if (free > timers_.now()) continue;
      next = std::move(turn);
      break;
    }
    if (!any) break;
    if (!next) {
      co_await wait(until);
      continue;
    }
    std::string problem;
    const Heard heard = co_await deliver(*next, problem);
    note(*next, heard, problem, rests);
  }
  served_.erase(lane);
  news_.wake_all();
}

// What a try has shown: who has heard, and who rests.
void Notifier::note(const Turn& turn, Heard heard, const std::string& problem, Rests& rests) {
  const HearerMark mark = turn.hearer.mark();
  const auto at = outbox_.waiting().find(turn.number);
  const std::string whom = turn.hearer.in_words(at == outbox_.waiting().end() ? std::string{} : at->second.notice.job);
  if (heard == Heard::yes) {
    if (rests.lane.tries > 0 || rests.refusing.contains(mark)) log_info("notifying {}: it hears again", whom);
    rests.lane = Rest{};
    rests.refusing.erase(mark);
    outbox_.heard(turn.number, mark);
    return;
  }
  Rest& rest = heard == Heard::out_of_reach ? rests.lane : rests.refusing[mark];
  ++rest.tries;
  rest.until = timers_.now() + pause_after(rest.tries);
  if (heard == Heard::not_this && rest.tries >= kTriesOfRefused) {
    log_warning("notifying {}: {}; given up after {} tries", whom, problem, rest.tries);
    rests.refusing.erase(mark);
    outbox_.heard(turn.number, mark);
  } else if (rest.tries == 1) {
    log_warning("notifying {}: {}; it is tried again until it has heard all, for a week at most", whom, problem);
  } else {
    log_debug("notifying {}: {}", whom, problem);
  }
}

task<Notifier::Heard> Notifier::deliver(const Turn& turn, std::string& problem) {
  const WaitingNotice& waiting = outbox_.waiting().at(turn.number);
  Notice notice = waiting.notice;
  if (clock_.wall() - waiting.since >= kLate) notice.text += " (this was at " + rfc3339(waiting.since) + ", and could not be told before)";
  try {
    co_await tell_one(turn.hearer, std::move(notice));
    co_return Heard::yes;
  } catch (const boost::system::system_error& e) {
    const Errc code = classify(e.code());
    if (code == Errc::cancelled) throw;
    problem = e.what();
    if (code == Errc::malformed || code == Errc::command) co_return Heard::not_this;
    if (code == Errc::protocol) co_return Heard::refused;
  } catch (const std::exception& e) {
    problem = e.what();
  }
  co_return Heard::out_of_reach;
}

task<void> Notifier::tell_one(const Hearer& hearer, Notice notice) {
  WebCall call{hearer.address, {}, "text/plain; charset=utf-8", config_.proxy};
  switch (hearer.kind) {
    case Kind::ping: call.body = harmless_lines(notice.text); break;
    case Kind::webhook: {
      boost::json::object body{{"text", machine_ + ": " + notice.text}, {"event", name_of(notice.event)}, {"job", notice.job}, {"machine", machine_}};
      if (!notice.agents.empty()) body["agents"] = boost::json::array(notice.agents.begin(), notice.agents.end());
      call.body = harmless_json(boost::json::serialize(body));
      call.type = "application/json";
      break;
    }
    case Kind::mail: co_return co_await mail(notice);
    case Kind::command: co_return co_await command(notice, hearer.address);
  }
  co_await web_.call(std::move(call));
}

// RFC 5322; sendmail adds what is missing (From, Date, Message-ID).
task<void> Notifier::mail(const Notice& notice) {
  const std::string text = harmless_lines(harmless_lines(machine_ + ": " + notice.text).substr(0, kMostMail));  // cut, perhaps in the middle of a character
  ChildOrder order;
  order.command = "'" + config_.sendmail + "' -t -i";
  order.input = "To: " + listed(config_.mails) + "\nSubject: [farkeep] " + harmless_line(machine_ + ": " + about(notice)) + " " + name_of(notice.event) +
                "\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + text + "\n";
  Lines::Take tell = [](std::string_view line) { log_info("sendmail: {}", line); };
  co_await run(std::move(order), std::move(tell));
}

// Whatever else it ends with, it may have told somebody: it is not begun again and again.
task<void> Notifier::run(ChildOrder order, Lines::Take tell) {
  const std::string line = order.command;
  const int status = co_await run_command(children_, timers_, std::move(order), kCommand, "", kTryLater, std::move(tell));
  if (status == kTryLater) throw failure::whole(Errc::unreachable, how_it_ended(line, status, {}));
}

task<void> Notifier::command(const Notice& notice, std::string line) {
  ChildOrder order{std::move(line), {std::string("FARKEEP_EVENT=") + name_of(notice.event), "FARKEEP_JOB=" + harmless_line(notice.job), "FARKEEP_MACHINE=" + harmless_line(machine_), "FARKEEP_TEXT=" + harmless_lines(notice.text)}};
  if (!notice.agents.empty()) order.environment.push_back("FARKEEP_AGENTS=" + harmless_line(listed(notice.agents)));
  Lines::Take tell = [](std::string_view said) { log_info("notify: {}", said); };
  co_await run(std::move(order), std::move(tell));
}

}  // namespace farkeep
