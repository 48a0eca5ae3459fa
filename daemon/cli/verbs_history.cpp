#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>

#include "agent/heads.hpp"
#include "agent/protection.hpp"
#include "base/log.hpp"
#include "common/say.hpp"
#include "platform/process.hpp"
#include "verbs.hpp"

// What an administrator says of this machine's history, where the servers show less of it than this machine knows.
namespace farkeep::cli {
namespace {

struct Shown {
  ServerTarget target;
  Head known, now;
  ForeignSnapshots foreign;
  std::vector<SnapshotInfo> all;
  std::string problem;  ///< why nothing of it can be accepted; empty: it answered, and its newest snapshot is ours
  bool alarmed = false;
  bool differs() const { return problem.empty() && (!foreign.first.empty() || gives_up()); }
  bool gives_up() const {
    if (now.sequence <= known.sequence) return now.sequence < known.sequence || now.id != known.id;
    return alarmed && std::none_of(all.begin(), all.end(), [this](const SnapshotInfo& s) { return s.missing_from == 0 && s.sequence == known.sequence && s.id == known.id; });
  }
};

task<void> ask_server(App& app, Shown& out) {
  Servers::Work work = [&](VaultPort& vault) -> task<void> {
    out.now = co_await shown_head(vault, app.keys(), app.workers(), app.state());
    SnapshotTrust trust = app.trust();
    out.all = co_await list_snapshots(vault, std::move(trust), app.workers());
    // Where its history was changed, what was judged before says nothing of what is there now.
    const std::uint64_t after = out.gives_up() ? 0 : Heads(app.state()).judged(out.target.id);
    out.foreign = co_await list_foreign(vault, app.keys(), app.state(), after);
    out.problem.clear();
  };
  try {
    co_await app.servers().use(out.target, std::move(work));
  } catch (const failure& f) {
    if (classify(f.code()) == Errc::cancelled) throw;
    out.problem = f.what();
  }
}

// Each server once, at the first of its addresses that answers.
task<void> ask_all(App& app, std::vector<Shown>& out) {
  const std::vector<ServerTarget> pair = known_ones_first(app.state(), app.clock(), app.servers().pair());
  for (auto& target : pair) {
    auto same = std::find_if(out.begin(), out.end(), [&](const Shown& s) { return s.target.id == target.id; });
    if (same != out.end() && same->problem.empty()) continue;
    Shown shown;
    shown.target = target;
    shown.known = Heads(app.state()).pinned(target.id);
    shown.alarmed = Heads(app.state()).is_alarmed(target.id);
    shown.problem = "it was not asked";
    co_await ask_server(app, shown);
    if (same != out.end()) *same = std::move(shown);
    else out.push_back(std::move(shown));
  }
}

bool is_named(const ServerTarget& target, const std::string& name) { return target.name == name || target.name.starts_with(name + " ") || target.address == name || target.id.hex() == name; }

// Newest first: what is known of, and what is there.
void tell(const Shown& s) {
  tell_text(fmt::format("server {}: this machine knows it to have {}, and its newest now is {}", s.target.name, in_words(s.known), in_words(s.now)));
  constexpr std::size_t kMost = 5;
  std::size_t n = 0;
  std::vector<SnapshotInfo> there = s.all;
  std::erase_if(there, [](const SnapshotInfo& one) { return one.missing_from != 0; });
  for (auto it = there.rbegin(); it != there.rend() && n < kMost; ++it, ++n)
    tell_text(fmt::format("  there: number {} ({}) of {}, job {}{}", it->sequence, it->id.brief(), rfc3339(it->server_time), it->details.job, it->problem.empty() ? "" : ", PROBLEM: " + it->problem));
  if (there.size() > n) tell_text(fmt::format("  and {} before them", there.size() - n));
  if (s.now.sequence < s.known.sequence) tell_text(fmt::format("  given up there: numbers {} to {}", s.now.sequence + 1, s.known.sequence));
  else if (s.gives_up()) tell_text(fmt::format("  given up there: number {} as {}", s.known.sequence, s.known.id.brief()));
  for (auto& one : s.foreign.first)
    tell_text(fmt::format("  {} there was not made by this machine: it stays, and this machine's snapshot of that number may be missing there for ever", in_words(one)));
  if (s.foreign.more > 0) tell_text(fmt::format("  and {} more that were not made by this machine: the next run or `farkeep status` tells of them", s.foreign.more));
}

void confirm(const Values& values) {
  if (values.count("yes")) return;
  if (!stdin_is_terminal()) throw failure(Errc::usage, "history accept: there is nobody to answer (give --yes); nothing was changed");
  ask_text("Take this as the history of this machine?  What is given up is never asked for again.  (yes, or anything else for no): ");
  std::string line;
  std::getline(std::cin, line);
  if (line != "yes") throw failure(Errc::cancelled, "history accept: nothing was changed");
}

}  // namespace

void history_accept_options(po::options_description& d) { d.add_options()("yes", "ask nothing"); }

// 1. what each server shows  2. what of it is less than is known, told  3. the administrator's word  4. pins, the other machine, then jobs
Exit history_accept(App& app, const Values& values, const Operands& operands) {
  if (operands.size() > 1) throw failure(Errc::usage, "history accept takes one server at most");
  auto held = app.lock();
  std::vector<Shown> all;
  app.run(ask_all(app, all));
  const std::string wanted = operands.empty() ? "" : operands[0];
  std::vector<Shown*> differing;
  std::string not_asked, silent;  // silent: of all servers
  bool any = false;
  for (auto& s : all) {
    if (!s.problem.empty()) silent += (silent.empty() ? "" : "; ") + s.target.name + ": " + s.problem;
    if (!wanted.empty() && !is_named(s.target, wanted)) continue;
    any = true;
    if (!s.problem.empty()) not_asked += (not_asked.empty() ? "" : "; ") + s.target.name + ": " + s.problem;
    else if (s.differs()) differing.push_back(&s);
  }
  if (!any) throw failure(Errc::usage, "history accept: no server of this machine's pair is called '" + wanted + "'");
  // What nobody who answered has shown is not accepted, unless there is no more to be seen.
  std::vector<SnapshotInfo> there;
  for (auto& s : all) there.insert(there.end(), s.all.begin(), s.all.end());
  const std::string other = Heads(app.state()).other_machine();
  const bool other_is_seen = silent.empty() || Heads(app.state()).shows_other_machine(there);
  if (differing.empty() && !other.empty()) {
    tell_text(other);
    if (!other_is_seen) throw failure::whole(Errc::unreachable, "history accept: nothing was changed, for that snapshot was not seen: " + silent);
    confirm(values);
    Heads(app.state()).forget_other_machine();
    const std::string text = "the administrator of this machine accepted all snapshots that the servers show as its own";
    log_warning("{}", text);
    app.say(app.options().json ? R"({"message_type":"history","accepted":[]})" : text);
    return Exit::done;
  }
  if (differing.empty()) {
    if (!not_asked.empty()) throw failure::whole(Errc::unreachable, "history accept: nothing was changed: " + not_asked);
    app.say(app.options().json ? R"({"message_type":"history","accepted":[]})" : "the servers show what this machine knows; nothing was changed");
    return Exit::done;
  }
  for (auto* s : differing) tell(*s);
  if (!not_asked.empty()) tell_text("not accepted: " + not_asked);
  confirm(values);

  boost::json::array accepted;
  for (auto* s : differing) {
    Heads(app.state()).accept(s->target.id, s->now, s->foreign.told_up_to);
    const std::string text = fmt::format("the administrator of this machine accepted what {} shows: its newest snapshot was {} and is {}", s->target.name, in_words(s->known), in_words(s->now));
    log_warning("{}", text);
    accepted.push_back(boost::json::object{{"server", s->target.name}, {"was", s->known.sequence}, {"is", s->now.sequence}});
    if (!app.options().json) app.say(text);
  }
  if (other_is_seen) Heads(app.state()).forget_other_machine();
  else if (!other.empty()) tell_text("not accepted, for it was not seen now: " + other);
  // A server that did not answer may still have what another one gave up: then nothing is said of jobs.
  if (silent.empty()) {
    for (auto& text : settle_jobs(app.state(), app.config(), there))
      if (!app.options().json) app.say(text);
  } else if (!app.options().json) {
    app.say("of the jobs' newest snapshots nothing was changed: " + silent);
  }
  if (app.options().json) app.say(boost::json::serialize(boost::json::object{{"message_type", "history"}, {"accepted", std::move(accepted)}}));
  return Exit::done;
}

}  // namespace farkeep::cli
