#include "vault/alarm_text.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

namespace farkeep {
namespace {

constexpr std::size_t kMostText = 2000;     // of a list; names are of agents' own choice
constexpr std::size_t kMostJobsOfMany = 3;  // of one agent among several

// The first `most` of `count` things, and how many there are beside them.
std::string listed(std::size_t count, std::size_t most, const std::function<std::string(std::size_t)>& one) {
  std::string out;
  std::size_t i = 0;
  for (; i < count && i < most && out.size() < kMostText; ++i) out += (out.empty() ? "" : ", ") + one(i);
  return i == count ? out : out + " and " + std::to_string(count - i) + " more";
}

std::string among_many(const AlarmedAgent& agent) {
  return agent.name + " (" + listed(agent.jobs.size(), kMostJobsOfMany, [&](std::size_t i) { return agent.jobs[i].name; }) + ")";
}

}  // namespace

void put_in_order(std::vector<AlarmedAgent>& agents) {
  std::stable_sort(agents.begin(), agents.end(), [](const AlarmedAgent& a, const AlarmedAgent& b) { return a.before_ns < b.before_ns; });
  std::map<std::string, std::size_t> seen;  // of each account
  std::vector<std::pair<std::size_t, AlarmedAgent>> turns;
  turns.reserve(agents.size());
  for (auto& agent : agents) {
    auto const turn = seen[agent.account]++;
    turns.emplace_back(turn, std::move(agent));
  }
  std::stable_sort(turns.begin(), turns.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::transform(turns.begin(), turns.end(), agents.begin(), [](auto& turn) { return std::move(turn.second); });
}

Notice alarm_notice(Notice::Event event, const std::vector<AlarmedAgent>& agents, const std::string& remark) {
  bool const overdue = event == Notice::Event::overdue;
  auto const& first = agents.front();
  std::string text;
  if (agents.size() == 1) {
    text = "agent " + first.name + " (account " + first.account + ") is " + (overdue ? "overdue" : "well again") + " with ";
    text += listed(first.jobs.size(), kMostNamed, [&](std::size_t i) { return first.jobs[i].name + " (" + first.jobs[i].detail + ")"; });
    if (overdue) text += "; it last told of its jobs at " + first.told;
  } else {
    text = std::to_string(agents.size()) + " agents are " + (overdue ? "overdue: " : "well again: ");
    text += listed(agents.size(), kMostNamed, [&](std::size_t i) { return among_many(agents[i]); });
  }
  if (!remark.empty()) text += "; " + remark;
  if (overdue) text += " (see: farkeep-server agents --overdue)";
  Notice out{event, agents.size() == 1 && first.jobs.size() == 1 ? first.jobs.front().name : "", std::move(text), true};
  for (std::size_t i = 0; i < agents.size() && i < kMostNamed; ++i) out.agents.push_back(agents[i].name);
  return out;
}

Notice doubled_notice(const std::vector<AlarmedAgent>& agents) {
  std::string text = "ALARM: under the identity of " + std::string(agents.size() == 1 ? "agent " : "agents ");
  text += listed(agents.size(), kMostNamed, [&](std::size_t i) { return agents[i].name + " (account " + agents[i].account + ")"; });
  text += " a machine found snapshots that it did not make: two machines work with copies of one state folder (a clone), or the folder was set back. "
          "The machine itself says what to do: farkeep status";
  Notice out{Notice::Event::failed, "", std::move(text), true};
  for (std::size_t i = 0; i < agents.size() && i < kMostNamed; ++i) out.agents.push_back(agents[i].name);
  return out;
}

Notice fork_notice(const std::string& partner, const std::vector<std::string>& agents) {
  std::string text = "ALARM: the partner " + partner + " has other snapshots than this server under the same numbers of " + (agents.size() == 1 ? "agent " : "agents ");
  text += listed(agents.size(), kMostNamed, [&](std::size_t i) { return agents[i]; });
  text += ": somebody has the agent's key, or two machines work as one agent. See on its machine which snapshots are its own (farkeep snapshots), and set the other ones aside where they are "
          "(farkeep-server pair names all of these agents; farkeep-server snapshots set-aside)";
  Notice out{Notice::Event::failed, "", std::move(text), true};
  for (std::size_t i = 0; i < agents.size() && i < kMostNamed; ++i) out.agents.push_back(agents[i]);
  return out;
}

}  // namespace farkeep
