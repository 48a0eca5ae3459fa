#include "vault/server_metrics.hpp"

#include <map>

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

std::vector<Row> rows_of(Registry& registry, WallTime now) {
  std::map<std::string, std::string> accounts;
  for (auto const& account : registry.accounts()) accounts[account.id()] = account.name();
  std::vector<Row> rows;
  for (auto const& agent : registry.agents()) {
    auto const id = AgentId::from(agent.id()).value_or(AgentId{});
    auto const told = registry.told(id);
    rows.push_back({id.brief(), agent.name(), accounts[agent.account()], agent.revoked(), registry.seen(id).value_or(vault::pb::Seen{}), told.has_value(),
                    told ? standing_of(*told, now) : AgentStanding{}});
  }
  return rows;
}

}  // namespace

std::string server_metrics(Registry& registry, const ServerFacts& facts, WallTime now) {
  using enum MetricsText::Type;
  auto const rows = rows_of(registry, now);
  MetricsText out;
  out.family("farkeep_server_info", gauge, "This server.");
  out.sample({{"version", kSoftware}, {"name", facts.name}}, 1);
  out.family("farkeep_server_sessions", gauge, "Connections that are served now.");
  out.sample(static_cast<double>(facts.sessions));
  out.family("farkeep_server_free_bytes", gauge, "Free on the disk of the data folder.");
  out.sample(static_cast<double>(facts.free_bytes));

  if (auto const partner = registry.partner()) {
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
