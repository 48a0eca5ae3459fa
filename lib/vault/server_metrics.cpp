#include "vault/server_metrics.hpp"

#include <map>
#include <set>

#include "base/metrics_text.hpp"
#include "base/software.hpp"
#include "vault/standing.hpp"

namespace farkeep {
namespace {

double seconds(std::int64_t ns) { return static_cast<double>(ns / 1'000'000) / 1000; }
double seconds(WallTime t) { return seconds(t.time_since_epoch().count()); }

struct Row {
  std::string agent, name, account;
  bool revoked;
  vault::pb::Seen seen;
  bool told;
  AgentStanding standing;
};

// One that is damaged is told elsewhere.
std::optional<vault::pb::Partner> partner_of(Registry& registry) {
  try {
    return registry.partner();
  } catch (const failure&) {
    return std::nullopt;
  }
}

std::set<std::string> others_damaged(Registry& registry) {
  auto const names = registry.damaged(Registry::Look::beside_agents);
  return {names.begin(), names.end()};
}

// Of jobs that agents, or the partner in their name, tell of: three of each of 20,000 machines.
constexpr std::size_t kMostJobs = 65'536;

std::vector<Row> rows_of(Registry& registry, WallTime now, std::size_t& jobs_left_out) {
  std::map<std::string, std::string> accounts;
  for (auto const& account : registry.accounts()) accounts[account.id()] = account.name();
  std::vector<Row> rows;
  std::size_t jobs = 0;
  for (auto const& agent : registry.agents()) {
    auto const id = AgentId::from(agent.id()).value_or(AgentId{});
    auto const told = registry.told(id);
    auto standing = told ? standing_of(*told, now) : AgentStanding{};
    auto const room = kMostJobs - jobs;
    if (standing.jobs.size() > room) {
      jobs_left_out += standing.jobs.size() - room;
      standing.jobs.resize(room);
    }
    jobs += standing.jobs.size();
    std::string name = name_of(agent, standing);
    rows.push_back({id.brief(), std::move(name), accounts[agent.account()], agent.revoked(), registry.seen(id).value_or(vault::pb::Seen{}), told.has_value(), std::move(standing)});
  }
  return rows;
}

}  // namespace

std::vector<std::pair<std::string, std::uint64_t>> reasons_of(const vault::pb::TurnedAway& counts) {
  return {{"silent", counts.silent()}, {"handshake", counts.handshakes()}, {"failed", counts.failed()}, {"stranger", counts.strangers()},
          {"late", counts.late()}, {"full", counts.full()}, {"surplus", counts.surplus()}, {"breach", counts.breaches()}};
}

std::string server_metrics(Registry& registry, const ServerFacts& facts, WallTime now) {
  using enum MetricsText::Type;
  std::size_t jobs_left_out = 0;
  auto const rows = rows_of(registry, now, jobs_left_out);
  MetricsText out;
  out.family("farkeep_server_info", gauge, "This server.");
  out.sample({{"version", kSoftware}, {"name", facts.name}}, 1);
  out.family("farkeep_server_sessions", gauge, "Connections that are served now.");
  out.sample(static_cast<double>(facts.sessions));
  out.family("farkeep_server_free_bytes", gauge, "Free on the disk of the data folder.");
  out.sample(static_cast<double>(facts.free_bytes));
  out.family("farkeep_server_takes_data", gauge, "Whether new data is taken: 0 when the store's disk is full or fails.");
  out.sample(facts.takes_data ? 1 : 0);
  if (facts.store.total > 0) {
    out.family("farkeep_server_store_free_bytes", gauge, "Free on the disk of the store.");
    out.sample(static_cast<double>(facts.store.free));
    out.family("farkeep_server_store_total_bytes", gauge, "The size of the disk of the store.");
    out.sample(static_cast<double>(facts.store.total));
    out.family("farkeep_server_store_reserve_bytes", gauge, "New data is refused with less than this free.");
    out.sample(static_cast<double>(facts.store.reserve));
  }

  out.family("farkeep_server_unusable_copies_total", counter, "Objects of which an agent or the partner could not use a copy, since the server began.");
  out.sample(static_cast<double>(facts.unusable_copies));
  out.family("farkeep_server_turned_away_total", counter, "Connections that did not get what they wanted, by reason.");
  for (auto const& [reason, count] : reasons_of(facts.turned_away)) out.sample({{"reason", reason}}, static_cast<double>(count));

  out.family("farkeep_server_registry_damaged_files", gauge, "Files of the registry that cannot be read: accounts, agents, tokens, reports.");
  auto damaged = registry.met_damaged();  // of accounts, agents and reports, which were read for the rows
  damaged.merge(others_damaged(registry));
  out.sample(static_cast<double>(damaged.size()));
  out.family("farkeep_server_registry_refused_total", counter, "Words of the partner on accounts and agents that were not believed.");
  out.sample(static_cast<double>(registry.refused().value_or(vault::pb::Refused{}).count()));

  out.family("farkeep_server_jobs_left_out", gauge, "Jobs that are not among the samples below, because there are too many.");
  out.sample(static_cast<double>(jobs_left_out));

  if (auto const partner = partner_of(registry)) {
    auto const mirror = registry.mirror_state().value_or(vault::pb::MirrorState{});
    out.family("farkeep_mirror_behind_vaults", gauge, "Vaults of which the partner lacks something.");
    out.sample({{"partner", partner->name()}}, static_cast<double>(mirror.behind()));
    out.family("farkeep_mirror_contact_timestamp_seconds", gauge, "When the partner last answered.");
    if (mirror.contact_ns() > 0) out.sample({{"partner", partner->name()}}, seconds(mirror.contact_ns()));
    out.family("farkeep_mirror_equal_timestamp_seconds", gauge, "When both were last found equal.");
    if (mirror.equal_ns() > 0) out.sample({{"partner", partner->name()}}, seconds(mirror.equal_ns()));
  }

  auto each_agent = [&](std::string_view name, std::string_view help, auto value) {
    out.family(name, gauge, help);
    for (auto const& r : rows)
      if (std::optional<double> const v = value(r)) out.sample({{"agent", r.agent}, {"name", r.name}, {"account", r.account}}, *v);
  };
  each_agent("farkeep_agent_revoked", "Whether the agent is not admitted any more.", [](const Row& r) { return std::optional(r.revoked ? 1.0 : 0.0); });
  each_agent("farkeep_agent_last_seen_timestamp_seconds", "When the agent was last here; the partner has its own time.",
             [](const Row& r) { return r.seen.last_ns() > 0 ? std::optional(seconds(r.seen.last_ns())) : std::nullopt; });
  each_agent("farkeep_agent_drifted", "Whether the agent's settings are not those that it was deployed with.",
             [](const Row& r) { return r.standing.deployed_as.empty() ? std::nullopt : std::optional(r.standing.drifted ? 1.0 : 0.0); });

  auto each_job = [&](std::string_view name, std::string_view help, auto value) {
    out.family(name, gauge, help);
    for (auto const& r : rows)
      for (auto const& job : r.standing.jobs)
        if (std::optional<double> const v = r.revoked ? std::nullopt : value(job))
          out.sample({{"agent", r.agent}, {"name", r.name}, {"account", r.account}, {"job", job.name}}, *v);
  };
  using Job = AgentStanding::Job;
  each_job("farkeep_agent_job_last_success_timestamp_seconds", "When the job made its newest snapshot.",
           [](const Job& j) { return j.last_good ? std::optional(seconds(*j.last_good)) : std::nullopt; });
  each_job("farkeep_agent_job_overdue", "Whether the job should have made a snapshot by now, as the agent last told.", [](const Job& j) { return std::optional(j.overdue ? 1.0 : 0.0); });
  each_job("farkeep_agent_job_paused", "Whether an administrator has paused the job.", [](const Job& j) { return std::optional(j.paused ? 1.0 : 0.0); });
  return out.text();
}

}  // namespace farkeep
