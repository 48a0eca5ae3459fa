#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "agent/heads.hpp"

// Two machines that work as one agent: a clone, or a state folder that was copied.  Nobody but they themselves can see it: each meets snapshots that it did not make.
namespace farkeep {

// What was made here is `given` before any server has it.  A machine that has made none yet was recovered, or is new: all there is was made before it.
bool Heads::is_of_another(const agent::pb::Pins& all, const Head& head) const {
  const auto given = state_.readable_given();
  const auto newest = state_.head();
  if (!given || given->sequence == 0 || all.lost()) return false;
  if (head.sequence < given->sequence || (head.sequence == given->sequence && head.id == given->id)) return false;
  if (newest && newest->sequence() == head.sequence && newest->digest() == head.id.raw()) return false;
  return std::none_of(all.pin().begin(), all.pin().end(), [&](const agent::pb::Pin& p) { return p.sequence() >= head.sequence; });
}

std::string Heads::other_machine() const {
  const auto all = state_.pins();
  if (!all.has_other()) return {};
  return fmt::format("{} shows snapshot {}, made with this machine's identity and not by this machine: another machine works with a copy of this state folder (a clone), and the two mix "
                     "their histories; or this folder was set back. Make the clone an agent of its own (there: farkeep recover --as-new, with a token); then, or if the folder was set back, give here: farkeep history accept",
                     all.other().server(), in_words(newest_of_other(state_)));
}

std::string Heads::news_of_other_machine() {
  auto all = state_.pins();
  if (!all.has_other() || all.other().told()) return {};
  all.mutable_other()->set_told(true);
  state_.set_pins(all);
  return other_machine();
}

bool Heads::works_beside_another() const {
  const auto all = state_.pins();
  const auto given = state_.readable_given();
  return all.has_other() && given && given->sequence > all.other().first();
}

Head Heads::newest_of_other(const AgentState& state) {
  const auto all = state.pins();
  return Head{all.other().last(), Digest::from(all.other().digest()).value_or(Digest{}), WallTime{std::chrono::nanoseconds(all.other().time_ns())}};
}

bool Heads::shows_other_machine(const std::vector<SnapshotInfo>& shown) const {
  const Head newest = newest_of_other(state_);
  return std::any_of(shown.begin(), shown.end(), [&](const SnapshotInfo& s) { return s.missing_from == 0 && s.sequence == newest.sequence && s.id == newest.id; });
}

void Heads::forget_other_machine() {
  auto all = state_.pins();
  if (!all.has_other()) return;
  all.clear_other();
  state_.set_pins(all);
}

}  // namespace farkeep
