#include "vault/mirror_watch.hpp"

#include <algorithm>

#include "base/hex.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "vault/alarm_text.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostProblem = 500;

std::string since(std::int64_t ns) { return ns > 0 ? "since " + rfc3339(WallTime{std::chrono::nanoseconds{ns}}) : std::string{"yet"}; }

}  // namespace

MirrorWatch::MirrorWatch(Registry& registry, const Clock& clock, std::function<bool()> talks)
    : registry_(registry), clock_(clock), talks_(std::move(talks)), began_(clock.steady()), moved_(clock.steady()) {}

MirrorWatch::State MirrorWatch::state(const vault::pb::MirrorState& mirror) {
  auto const steady = clock_.steady();
  bool const talks = talks_();
  bool const well = mirror.problem().empty();
  // A broken connection counts none: that is no progress.
  if (well || (mirror.behind() > 0 && mirror.behind() < behind_)) moved_ = steady;
  if (well || mirror.behind() > 0) behind_ = mirror.behind();
  if (well) return State::well;
  auto const away = clock_.wall() - WallTime{std::chrono::nanoseconds{mirror.contact_ns()}};
  if (!talks && away >= kAway) return State::away;
  return steady - moved_ >= kBehind ? State::behind : State::well;
}

// What a state is left for counts when there was a success: a line that comes and goes is not told of all day.
std::optional<Notice> MirrorWatch::look(bool anybody) {
  auto const partner = registry_.partner();
  auto const mirror = partner ? registry_.mirror_state() : std::nullopt;
  if (!mirror || !anybody || clock_.steady() - began_ < kTries) return std::nullopt;
  if (!told_) {
    auto const watch = registry_.alarm_watch();
    told_ = watch && watch->mirror() <= static_cast<std::uint32_t>(State::behind) ? static_cast<State>(watch->mirror()) : State::well;
  }
  if (auto forks = look_for_forks(*mirror, partner->name())) return forks;
  auto const now = state(*mirror);
  if (now == *told_ || (now == State::well && !mirror->problem().empty())) return std::nullopt;
  note(now);
  auto const problem = std::string(whole_characters(mirror->problem(), kMostProblem));
  switch (now) {
    case State::away:
      return Notice{Notice::Event::failed, "",
                    "the partner " + partner->name() + " has not been reached " + since(mirror->contact_ns()) + " (" + problem +
                        "): what agents bring here since has no second copy (see: farkeep-server pair)",
                    true};
    case State::behind:
      return Notice{Notice::Event::failed, "",
                    "the mirror to the partner " + partner->name() + " does not get on: " + (mirror->behind() > 0 ? std::to_string(mirror->behind()) + " vaults differ, and " : std::string{}) + "both were not equal " + since(mirror->equal_ns()) + " (" +
                        problem + "; see: farkeep-server pair)",
                    true};
    case State::well: break;
  }
  return Notice{Notice::Event::recovered, "", "the partner " + partner->name() + " is reached again, and the mirror goes on", true};
}

// One that was told of hides no other.
std::optional<Notice> MirrorWatch::look_for_forks(const vault::pb::MirrorState& mirror, const std::string& partner) {
  if (!told_forks_) {
    told_forks_.emplace();
    if (auto const watch = registry_.alarm_watch()) told_forks_->insert(watch->forked().begin(), watch->forked().end());
  }
  std::set<std::string> const now(mirror.forked().begin(), mirror.forked().end());
  std::vector<std::string> news;
  for (auto const& agent : now)
    if (!told_forks_->contains(agent)) news.push_back(hex(as_bytes(agent)));
  if (!news.empty() && last_forks_ && clock_.steady() - *last_forks_ < kForks) return std::nullopt;
  bool const is_over = now.empty() && !told_forks_->empty();
  if (now != *told_forks_) note_forks(now);
  if (is_over) return Notice{Notice::Event::recovered, "", "the partner " + partner + " has no other snapshots under the same numbers any more", true};
  if (news.empty()) return std::nullopt;
  last_forks_ = clock_.steady();
  return fork_notice(partner, news);
}

void MirrorWatch::note_forks(const std::set<std::string>& told) {
  told_forks_ = told;
  try {
    registry_.change_alarm_watch([&](vault::pb::AlarmWatch& watch) { *watch.mutable_forked() = {told.begin(), told.end()}; });
  } catch (const failure& f) {
    log_warning("noting what was told of the mirror: {}", f.what());
  }
}

// On a disk that is full it counts in memory.
void MirrorWatch::note(State told) {
  told_ = told;
  try {
    registry_.change_alarm_watch([&](vault::pb::AlarmWatch& watch) { watch.set_mirror(static_cast<std::uint32_t>(told)); });
  } catch (const failure& f) {
    log_warning("noting what was told of the mirror: {}", f.what());
  }
}

}  // namespace farkeep
