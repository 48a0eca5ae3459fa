#include "sim/faults.hpp"

namespace farkeep::sim {
namespace {

using namespace std::chrono_literals;

Lines lines(Dice& dice) {
  Lines out;
  out.latency = std::chrono::milliseconds{dice.between(1, dice.chance(0.5) ? 20 : 300)};
  return out;
}

}  // namespace

Faults::Faults(Earth& earth, ServerMachine& east, ServerMachine& west, AgentMachine& agent)
    : earth_(earth), machines_{&east, &west, &agent}, dice_(earth.next_seed()), between_(std::chrono::seconds{dice_.between(3, 25)}), good_(lines(dice_)) {
  earth_.net.set_lines(good_);
}

task<void> Faults::run() {
  for (;;) {
    co_await earth_.timers.sleep(dice_.around(between_));
    ++count_;
    strike();
  }
}

void Faults::strike() {
  switch (dice_.below(8)) {
    case 0:
    case 1: return cut_a_line();
    case 2:
    case 3:
    case 4: return stop(any());
    case 5:
    case 6: return harm_disk(any());
    default: return spoil_lines();
  }
}

void Faults::cut_a_line() {
  auto const first = dice_.below(machines_.size());
  auto& a = *machines_[first];
  auto& b = *machines_[(first + 1) % machines_.size()];
  bool const loud = dice_.chance(0.3);
  if (loud) earth_.net.reset(a.address(), b.address());
  if (loud && dice_.chance(0.5)) return earth_.trace.add("connections between {} and {} are reset", a.name(), b.name());
  auto const time = dice_.around(60s);
  earth_.trace.add("{} and {} are parted for {} s", a.name(), b.name(), std::chrono::duration_cast<std::chrono::seconds>(time).count());
  earth_.net.partition(a.address(), b.address());
  earth_.timers.after(time, [this, &a, &b] { earth_.net.heal(a.address(), b.address()); });
}

void Faults::stop(Machine& machine) {
  auto const pause = dice_.around(15s);
  auto const cut = static_cast<Cut>(dice_.below(3));
  if (machine.disk().without_power()) return;
  if (dice_.chance(0.2)) return machine.restart(pause);
  if (dice_.chance(0.3)) return machine.crash(cut, pause);
  auto const n = dice_.below(dice_.chance(0.5) ? 12 : 80);
  earth_.trace.add("{} will lose its power at disk operation {}", machine.name(), machine.disk().operations() + n);
  machine.crash_after(n, cut, pause);
}

void Faults::harm_disk(Machine& machine) {
  auto& disk = machine.disk();
  auto const time = dice_.around(30s);
  if (dice_.chance(0.6)) {
    earth_.trace.add("{}: the disk is full", machine.name());
    disk.set_full(true);
    earth_.timers.after(time, [&disk] { disk.set_full(false); });
    return;
  }
  // A store that met a failed sync of a folder asks for a restart: somebody comes, after a while.
  auto const n = dice_.below(40);
  earth_.trace.add("{}: disk operation {} will fail", machine.name(), disk.operations() + n);
  disk.fail_after(n, Errc::io, false);
  harmed_.insert(&machine);
  earth_.timers.after(time, [this, &machine] {
    if (harmed_.contains(&machine) && !machine.disk().without_power()) machine.restart(1s);
  });
}

void Faults::spoil_lines() {
  Lines bad = good_;
  (dice_.chance(0.5) ? bad.bytes_to_reset : bad.bytes_to_silence) = static_cast<double>(dice_.between(2'000, 200'000));
  earth_.trace.add("lines are bad");
  earth_.net.set_lines(bad);
  earth_.timers.after(dice_.around(40s), [this] { earth_.net.set_lines(good_); });
}

void Faults::heal() {
  earth_.net.set_lines(good_);
  for (auto* a : machines_) {
    a->disk().disarm();
    for (auto* b : machines_)
      if (a != b) earth_.net.heal(a->address(), b->address());
  }
  // Once more: the failure may have come after the first time.
  for (auto* machine : machines_)
    if (harmed_.erase(machine) && !machine->disk().without_power()) machine->restart(1s);
}

}  // namespace farkeep::sim
