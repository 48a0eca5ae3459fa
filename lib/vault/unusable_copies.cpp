#include "vault/unusable_copies.hpp"

#include "base/log.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostAgents = 10;                       // agents in a notice
constexpr auto kLogPause = std::chrono::seconds{1};          // an agent may report as often as it likes: the log must not grow by it

}  // namespace

void UnusableCopies::saw(const AgentId& agent, const std::string& who, std::size_t objects, std::size_t without_other) {
  objects_ += objects;
  lost_ += without_other;
  if (agents_.size() < kMostAgents) agents_.insert(agent);
  auto const now = clock_.steady();
  if (now < log_again_) return;
  log_again_ = now + kLogPause;
  log_error("{} could not use copies of {} objects in the vault of agent {}: they do not hold what their ids promise; {} of them have no other copy here", who, objects,
            agent.brief(), without_other);
}

std::optional<Notice> UnusableCopies::look(bool anybody) {
  auto const now = clock_.steady();
  if (!anybody || objects_ == told_ || now < tell_again_) return std::nullopt;
  tell_again_ = now + kPause;
  std::string names;
  for (auto const& agent : agents_) names += (names.empty() ? "" : ", ") + agent.brief();
  Notice out{Notice::Event::unusable, "", "", true};
  out.text = "ALARM: copies of " + std::to_string(objects_ - told_) + " objects do not hold what their ids promise, as their owners report (agents " + names + (agents_.size() == kMostAgents ? " and perhaps more" : "") +
             "); " + std::to_string(lost_) + " times there was no other copy here; somebody may have sent junk with an agent's key (see the log, and: farkeep check --read-data on those machines)";
  told_ = objects_;
  lost_ = 0;
  agents_.clear();
  return out;
}

}  // namespace farkeep
