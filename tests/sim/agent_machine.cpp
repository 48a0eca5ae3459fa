#include "sim/agent_machine.hpp"

#include "agent/runner.hpp"
#include "agent/tls_servers.hpp"
#include "archive/manifest.hpp"
#include "sim/scratch_folder.hpp"

namespace farkeep::sim {
namespace {

constexpr auto kAfterFailure = std::chrono::seconds{20};  // a scheduler would wait for the job's next turn

class Notes final : public Reporter {
 public:
  explicit Notes(Earth& earth) : earth_(earth) {}
  void progress(const Progress&) override {}
  void problem(std::string_view path, std::string_view text) override { earth_.violate(fmt::format("{} cannot be backed up: {}", path, text)); }
  void note(std::string_view text) override { earth_.trace.add("agent notes: {}", text); }

 private:
  Earth& earth_;
};

PeerIdentity shown(const AgentKeys& keys) {
  auto who = PeerIdentity::of_agent(keys.account, keys.agent);
  who.certificate = keys.chain.front().der();
  return who;
}

}  // namespace

// All of it is gone when the process is.
struct AgentMachine::Program {
  explicit Program(AgentMachine& machine)
      : state(machine.disk(), kState),
        lock(state.lock()),
        keys(AgentKeys::load(state)),
        choice(state, machine.clock_, machine.random_),
        dialer(machine.earth_.net, machine.address(), shown(keys)),
        direct(state, *machine.authority_, dialer, machine.earth_.timers, machine.clock_),
        servers(direct, machine.promises_),
        notes(machine.earth_) {}

  AgentState state;
  std::unique_ptr<DiskLock> lock;
  AgentKeys keys;
  ServerChoice choice;
  SimDialer dialer;
  PeerServers direct;
  WitnessedServers servers;
  Notes notes;
};

AgentMachine::AgentMachine(Earth& earth, const char* address, Promises& promises)
    : Machine(earth, "agent", address),
      promises_(promises),
      clock_(earth.timers, std::chrono::seconds{static_cast<std::int64_t>(earth.dice.below(600))}),
      random_(earth.next_seed()),
      habits_(earth.next_seed()),
      tree_(earth.next_seed(), ScratchFolder::owner()) {
  job_.name = "main";
  job_.sources = {std::string{"/"} + SimTree::kTop};
  job_.shrunk = Shrunk::accepted;  // no file at all is one of its trees
}

void AgentMachine::registered(const Certificate& authority) {
  authority_.emplace(authority);
  AgentState const state{disk(), kState};
  shown_ = shown(AgentKeys::load(state));
}

task<void> AgentMachine::back_up(unsigned times) {
  wanted_ += times;
  command_.wake_all();
  while (done_ < wanted_) co_await progress_.wait();
}

// 1. what an interrupted run left pending: it is of the tree as it still is  2. a tree that has changed  3. a run, and now and then a look back
task<void> AgentMachine::live() {
  auto const program = std::make_unique<Program>(*this);
  if (!program->lock) earth_.violate("the agent's lock outlived its process");
  for (;;) {
    if (auto const pending = program->state.pending()) promises_.made(pending->manifest);
    while (done_ == wanted_) co_await command_.wait();
    if (!tree_is_new_) {
      tree_.change(clock_.wall());
      promises_.tree(tree_.version());
      tree_is_new_ = true;
      if (habits_.chance(0.8)) co_await earth_.timers.sleep(std::chrono::seconds{1});
    }
    co_await one_backup(*program);
    if (done_ < wanted_ && habits_.chance(0.2)) co_await look_back(*program);
    if (habits_.chance(0.7)) co_await earth_.timers.sleep(habits_.around(std::chrono::seconds{10}));
  }
}

task<void> AgentMachine::clean_up() { co_return; }

task<void> AgentMachine::one_backup(Program& program) {
  BackupParts const parts{program.state, program.keys, earth_.workers, earth_.timers, clock_, random_, program.notes, tree_};
  JobRunner runner{parts, program.servers, program.choice};
  bool done = false;
  try {
    auto const made = co_await runner.run(job_, Patience::until_done);
    auto const& result = made.value();
    earth_.trace.add("backup {} is done: snapshot {}, {} of {} files unchanged, {} bytes sent", done_ + 1, result.snapshot.brief(), result.progress.unchanged,
                     result.progress.files, result.progress.bytes_sent);
    done = true;
  } catch (const boost::system::system_error& e) {
    judge(e);
    earth_.trace.add("backup failed: {}", e.what());
  }
  if (!done) {
    co_await earth_.timers.sleep(kAfterFailure);
    co_return;
  }
  ++done_;
  tree_is_new_ = false;
  progress_.wake_all();
}

task<void> AgentMachine::look_back(Program& program) {
  auto const all = program.direct.pair();
  auto const& target = all[habits_.below(all.size())];
  try {
    std::set<Digest> found;
    co_await examine_with(program.direct, program.keys, target, Depth::sample, found);
    earth_.trace.add("looked back at {}: {} snapshots", target.name, found.size());
  } catch (const boost::system::system_error& e) {
    judge(e);
    earth_.trace.add("looking back at {}: {}", target.name, e.what());
  }
}

// What faults may do to a session.  Anything else is an alarm, and no fault of ours is a reason for one.
void AgentMachine::judge(const boost::system::system_error& error) {
  switch (classify(error.code())) {
    case Errc::cancelled:
      if (stopping()) throw error;
      break;
    case Errc::unreachable:
    case Errc::disconnected:
    case Errc::timed_out:
    case Errc::busy:
    case Errc::no_space:
    case Errc::io: return;
    case Errc::rollback:
      if (alarms_excused_) return;
      break;
    case Errc::missing_object:
    case Errc::damaged:
    case Errc::id_mismatch:
    case Errc::malformed:
    case Errc::bad_secret:
      if (junk_expected_) return;
      break;
    default: break;
  }
  earth_.violate(fmt::format("the agent is told: {}", error.what()));
}

std::vector<ServerTarget> AgentMachine::pair() {
  AgentState state{disk(), kState};
  SimDialer dialer{earth_.net, address(), PeerIdentity{}};
  return PeerServers{state, *authority_, dialer, earth_.timers, clock_}.pair();
}

task<std::set<Digest>> AgentMachine::examine(ServerTarget target, Depth depth) {
  AgentState state{disk(), kState};
  auto const keys = AgentKeys::load(state);
  SimDialer dialer{earth_.net, address(), shown(keys)};
  PeerServers servers{state, *authority_, dialer, earth_.timers, clock_};
  std::set<Digest> found;
  co_await examine_with(servers, keys, std::move(target), depth, found);
  co_return found;
}

task<void> AgentMachine::examine_with(Servers& servers, const AgentKeys& keys, ServerTarget target, Depth depth, std::set<Digest>& found) {
  std::vector<SnapshotInfo> all;
  Servers::Work const look = [&](VaultPort& vault) -> task<void> {
    std::set<Digest> promised;  // by now; more may come while we look
    for (auto const& [digest, snapshot] : promises_.snapshots())
      if (snapshot.acknowledged.contains(target.id)) promised.insert(digest);
    SnapshotTrust const trust{keys, *authority_, ids_of(servers.pair()), 0};
    all = co_await list_snapshots(vault, trust, earth_.workers);
    // In between the mirror may not have come; at the end of a life both have all.
    for (auto const& one : all)
      if (one.missing_from != 0 && depth != Depth::sample) earth_.violate(fmt::format("{} does not show number {}: {}", target.name, one.sequence, one.problem));
    std::erase_if(all, [](const SnapshotInfo& one) { return one.missing_from != 0; });
    bool const in_passing = depth == Depth::sample && junk_expected_;
    std::vector<SnapshotInfo> settled;
    for (auto const& one : all)
      if (!in_passing || is_settled(all, one)) settled.push_back(one);
    for (auto const& one : all) {
      if (!one.problem.empty() && (!in_passing || is_settled(all, one))) earth_.violate(fmt::format("{} shows snapshot {} with a problem: {}", target.name, one.id.brief(), one.problem));
      if (!promises_.snapshots().contains(one.id)) earth_.violate(fmt::format("{} shows snapshot {}, which nobody made", target.name, one.id.brief()));
      found.insert(one.id);
      promised.erase(one.id);
    }
    if (depth == Depth::sample && alarms_excused_) promised.clear();  // set back, and the mirror has not come yet; at the end of a life it has
    for (auto const& lost : promised) earth_.violate(fmt::format("{} acknowledged snapshot {} and has lost it", target.name, lost.brief()));
    all = std::move(settled);
    if (depth == Depth::sample && !all.empty()) all = {all[habits_.below(all.size())]};
    for (auto& one : all) {
      SnapshotInfo info = one;
      co_await restore_and_compare(vault, keys, std::move(info));
    }
  };
  co_await servers.use(target, look);
}

// Protected, and so is all that was made before it: what it has in common with those this server has from the other one, too.
bool AgentMachine::is_settled(const std::vector<SnapshotInfo>& all, const SnapshotInfo& one) const {
  return std::all_of(promises_.snapshots().begin(), promises_.snapshots().end(), [&](auto const& made) {
    if (made.second.sequence > one.sequence) return true;
    return std::any_of(all.begin(), all.end(), [&](const SnapshotInfo& shown) { return shown.id == made.first && shown.is_protected; });
  });
}

task<void> AgentMachine::restore_and_compare(VaultPort& vault, const AgentKeys& keys, SnapshotInfo snapshot) {
  ScratchFolder const folder;
  NoReporter silent;
  Restore restore{vault, keys, earth_.workers, silent};
  RestoreOrder order;
  order.special = Special::restore;
  order.target = folder.path();
  auto const result = co_await restore.run(snapshot, std::move(order));
  std::string what = result.problems.empty() ? "" : result.problems.front();
  if (what.empty()) what = difference(promises_.version_of(promises_.snapshots().at(snapshot.id)), folder.path());
  if (!what.empty()) earth_.violate(fmt::format("snapshot {} restored from {}: {}", snapshot.id.brief(), vault.server(), what));
}

}  // namespace farkeep::sim
