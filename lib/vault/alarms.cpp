#include "vault/alarms.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace farkeep {
namespace {

std::int64_t ns(WallTime t) { return t.time_since_epoch().count(); }
WallTime wall(std::int64_t ns) { return WallTime{std::chrono::nanoseconds{ns}}; }

std::string last_good(const AgentStanding::Job& job) { return "last good snapshot: " + (job.last_good ? rfc3339(*job.last_good) : "never"); }

}  // namespace

// What one look finds, and what then counts as told.
struct Alarms::Found {
  bool may_overdue, may_recovered, may_double;
  std::map<std::string, std::string> accounts;  // names
  std::map<std::string, std::size_t> registered;  // how many agents bear a name
  std::vector<AlarmedAgent> overdue, recovered, doubled;
  std::vector<vault::pb::Alarm> told;
};

std::vector<Notice> Alarms::look(bool anybody) {
  auto const now = clock_.wall();
  auto const steady = clock_.steady();
  bool const is_quiet = quiet(now);
  if (!anybody) return {};
  bool const away = partner_is_away(now);
  if (!away && !is_primary_()) return {};
  Found found{!is_quiet && steady >= overdue_again_, steady >= recovered_again_, steady >= doubled_again_, {}, {}, {}, {}, {}, {}};
  for (auto const& account : registry_.accounts()) found.accounts[account.id()] = account.name();
  auto const agents = registry_.agents();
  for (auto const& agent : agents) ++found.registered[agent.name()];
  for (auto const& agent : agents) look_at(agent, now, found);
  if (!found.told.empty()) registry_.set_alarms(found.told);
  for (auto* some : {&found.overdue, &found.recovered, &found.doubled}) put_in_order(*some);

  std::string remark;
  if (away) remark = "the partner has not answered for " + std::to_string(kPartnerAway / std::chrono::minutes{1}) + " minutes or more, so this server may not know all";
  std::vector<Notice> out;
  if (!found.overdue.empty()) {
    overdue_again_ = steady + kPause;
    out.push_back(alarm_notice(Notice::Event::overdue, found.overdue, remark));
  }
  if (!found.recovered.empty()) {
    recovered_again_ = steady + kPause;
    out.push_back(alarm_notice(Notice::Event::recovered, found.recovered, {}));
  }
  if (!found.doubled.empty()) {
    doubled_again_ = steady + kPause;
    out.push_back(doubled_notice(found.doubled));
  }
  return out;
}

// Whether it is too early, after an outage, to say that somebody is late.  Notes that there was a look.
bool Alarms::quiet(WallTime now) {
  auto const watch = registry_.alarm_watch().value_or(vault::pb::AlarmWatch{});
  auto const before = watch.looked_ns() > 0 ? wall(watch.looked_ns()) : now;
  auto until = std::min(wall(watch.quiet_until_ns()), now + kMostQuiet);  // later ones are of a clock that was wrong
  if (watch.looked_ns() == 0 || now - before > kOutage) until = std::max(until, now + std::clamp<std::chrono::nanoseconds>(now - before, kLeastQuiet, kMostQuiet));
  registry_.change_alarm_watch([&](vault::pb::AlarmWatch& told) {
    told.set_looked_ns(ns(now));
    told.set_quiet_until_ns(ns(until));
  });
  return now < until;
}

bool Alarms::partner_is_away(WallTime now) {
  if (!registry_.partner()) return false;
  auto const mirror = registry_.mirror_state();
  return mirror && !mirror->problem().empty() && now - wall(mirror->contact_ns()) >= kPartnerAway;
}

void Alarms::look_at(const vault::pb::Agent& agent, WallTime now, Found& found) {
  auto const id = AgentId::from(agent.id()).value_or(AgentId{});
  auto alarm = registry_.alarm(id).value_or(vault::pb::Alarm{});
  auto const told = registry_.told(id);
  std::set<std::string> const known(alarm.job().begin(), alarm.job().end());
  if (known.empty() && !alarm.two_machines() && (!told || agent.revoked())) return;
  auto const standing = told && !agent.revoked() ? standing_of(*told, now) : AgentStanding{};

  AlarmedAgent one;
  auto const& called = name_of(agent, standing);
  one.name = called.empty() ? id.brief() : called;
  // What an agent says of itself is no other one's name.
  if (!called.empty() && (called != agent.name() || found.registered[agent.name()] > 1)) one.name += " (" + id.brief() + ")";
  one.account = found.accounts[agent.account()];
  one.told = rfc3339(standing.told);
  one.before_ns = alarm.changed_ns();
  AlarmedAgent fresh = one, well = one;
  // By name: an agent may have told two jobs of one name, and is overdue with it while one of them is.
  std::map<std::string, const AgentStanding::Job*> jobs;
  for (auto const& job : standing.jobs) {
    auto const at = jobs.try_emplace(job.name, &job).first;
    if (job.overdue) at->second = &job;
  }
  auto next = known;
  for (auto const& [name, job] : jobs) {
    if (!job->overdue || known.contains(name) || !found.may_overdue || next.size() == kMostJobs) continue;
    fresh.jobs.push_back({name, last_good(*job)});
    next.insert(name);
  }
  for (auto const& name : known) {
    auto const at = jobs.find(name);
    if (at != jobs.end() && at->second->overdue) continue;
    if (!found.may_recovered && !agent.revoked()) continue;
    well.jobs.push_back({name, at == jobs.end() ? "no job of it any more" : last_good(*at->second)});
    next.erase(name);
  }
  bool const is_double = found.may_double ? standing.other_machine > 0 : alarm.two_machines();
  if (next == known && is_double == alarm.two_machines()) return;
  if (is_double && !alarm.two_machines()) found.doubled.push_back(one);
  alarm.set_two_machines(is_double);
  if (!fresh.jobs.empty()) found.overdue.push_back(std::move(fresh));
  if (!well.jobs.empty() && !agent.revoked()) found.recovered.push_back(std::move(well));
  alarm.set_id(agent.id());
  alarm.set_changed_ns(std::max(ns(now), alarm.changed_ns() + 1));
  *alarm.mutable_job() = {next.begin(), next.end()};
  found.told.push_back(std::move(alarm));
}

}  // namespace farkeep
