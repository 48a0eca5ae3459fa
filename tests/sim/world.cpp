#include "sim/world.hpp"

#include <ostream>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "async/scope.hpp"
#include "sim/faults.hpp"
#include "sim/thieves.hpp"
#include "vault/small_object.hpp"

namespace farkeep::sim {
namespace {

using namespace std::chrono_literals;
constexpr auto kLongest = 6h;                     // of virtual time: most lives take less than half of one
constexpr std::uint64_t kMostTurns = 20'000'000;  // of the loop: a hundred times the longest seen
constexpr auto kCatchUp = 30min;                  // after the last fault, until both servers are equal
constexpr auto kGoDown = 10min;                   // at the end

class World {
 public:
  World(std::uint64_t seed, Sabotage sabotage, std::ostream* live) : earth_(seed, live), sabotage_(sabotage) {
    agent_.registered(install(earth_, east_, west_, agent_.disk(), AgentMachine::kState).authority);
    for (auto* server : {&east_, &west_}) server->disk().lie_about_sync(sabotage == Sabotage::lying_disks);
  }

  Life live() {
    auto const machines = {static_cast<Machine*>(&east_), static_cast<Machine*>(&west_), static_cast<Machine*>(&agent_)};
    for (auto* machine : machines) {
      ++running_;
      asio::co_spawn(earth_.io, machine->run(), [this](const std::exception_ptr& e) { ended(e); });
    }
    auto const told = [this](const std::exception_ptr& e) {
      over_ = true;
      note(e);
    };
    asio::co_spawn(earth_.io, story(), asio::bind_cancellation_slot(stop_.slot(), told));
    drive(kLongest, [this] { return over_ || !earth_.violated.empty(); });
    if (!over_) stop_.emit(asio::cancellation_type::terminal);
    for (auto* machine : machines) machine->finish();
    drive(kGoDown, [this] { return has_ended(); });
    return result();
  }
  /// Nothing of it runs any more: it may be destroyed.
  bool has_ended() const { return running_ == 0 && over_; }

 private:
  // 1. all is well  2. backups among faults  3. the faults end, one more backup  4. the servers become equal  5. everything is looked at
  task<void> story() {
    co_await earth_.timers.sleep(5s);
    earth_.trace.add("faults begin");
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(back_up(scope), "backups");
    scope.spawn(faults_.run(), "faults");
    if (with_thieves_) scope.spawn(thieves_.run(), "thieves");
    try {
      co_await scope.join();
    } catch (const boost::system::system_error&) {
      if (!enough_) throw;  // otherwise it is only the faults, which were stopped
    }
    faults_.heal();
    earth_.trace.add("faults end");
    sabotage();
    co_await agent_.back_up(1);
    co_await catch_up();
    std::set<Digest> found[2];
    auto const pair = agent_.pair();
    for (std::size_t i = 0; i < 2; ++i) found[i] = co_await agent_.examine(pair[i], AgentMachine::Depth::all);
    if (found[0] != found[1]) earth_.violate("the servers show different snapshots");
    for (auto const& [digest, snapshot] : promises_.snapshots())
      if (!snapshot.acknowledged.empty() && !found[0].contains(digest)) earth_.violate("snapshot " + digest.brief() + " was acknowledged and is gone");
    earth_.trace.add("all is well: {} snapshots", found[0].size());
  }

  task<void> back_up(Scope& scope) {
    co_await agent_.back_up(static_cast<unsigned>(earth_.dice.between(2, 6)));
    enough_ = true;
    scope.cancel();
  }

  void sabotage() {
    if (sabotage_ == Sabotage::lasting_partition) earth_.net.partition(east_.address(), west_.address());
    if (sabotage_ == Sabotage::endless_outage)
      for (auto* server : {&east_, &west_}) earth_.net.partition(agent_.address(), server->address());
  }

  // Equal sets, and every snapshot of them known to be on both sides.
  task<void> catch_up() {
    auto const until = earth_.timers.now() + kCatchUp;
    for (;;) {
      if (are_equal()) co_return;
      if (earth_.timers.now() > until) {
        for (auto* server : {&east_, &west_}) earth_.trace.add("{} has {}", server->name(), kept_by(*server).text());
        earth_.violate("the servers have not become equal");
      }
      co_await earth_.timers.sleep(3s);
    }
  }

  // From the disks, whatever the programs think: the same numbers, and each protected.
  bool are_equal() {
    auto const east = kept_by(east_), west = kept_by(west_);
    return east.snapshots == west.snapshots && east.receipts == east.snapshots && west.receipts == west.snapshots;
  }
  struct Kept {
    std::set<std::string> snapshots, receipts;
    std::string text() const {
      std::string out = "snapshots";
      for (auto const& name : snapshots) out += ' ' + name;
      out += ", receipts";
      for (auto const& name : receipts) out += ' ' + name;
      return out;
    }
  };
  static Kept kept_by(ServerMachine& server) {
    Kept kept;
    if (server.disk().without_power()) return {{"unknown"}, {}};
    for (auto const& file : server.disk().files()) {
      auto const name = file.substr(file.size() - 8);
      if (file.find("/snap/") != std::string::npos) kept.snapshots.insert(name);
      if (file.find("/partner/") == std::string::npos) continue;
      auto const partner = parse_partner_object(server.disk().content(file));
      if (partner && partner->protects) kept.receipts.insert(name);
    }
    return kept;
  }

  void note(const std::exception_ptr& error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::exception& e) {
      if (earth_.violated.empty()) earth_.violated = e.what();
    }
  }
  void ended(const std::exception_ptr& error) {
    --running_;
    note(error);
  }

  void drive(std::chrono::nanoseconds longest, const std::function<bool()>& done) {
    auto const end = earth_.timers.now() + longest;
    while (!done()) {
      earth_.io.restart();
      if (earth_.io.poll_one() != 0) {
        if (++turns_ > kMostTurns) return hangs("it takes more turns than any life should");
      } else if (!earth_.timers.advance()) {
        return hangs("nothing is ready and no timer is set");
      } else if (earth_.timers.now() > end) {
        return hangs("it does not end");
      }
    }
  }
  void hangs(const char* what) {
    earth_.trace.add("HANGS: {}", what);
    if (earth_.violated.empty()) earth_.violated = what;
  }

  Life result() {
    Life life;
    life.problem = earth_.violated;
    life.faults = faults_.count();
    life.crimes = thieves_.count();
    life.junk_first = thieves_.junk_first();
    for (Machine* machine : {static_cast<Machine*>(&east_), static_cast<Machine*>(&west_), static_cast<Machine*>(&agent_)}) {
      life.interruptions += machine->interruptions();
      earth_.trace.add("{}: {} disk operations, {} files", machine->name(), machine->disk().operations(), machine->disk().files().size());
    }
    life.snapshots = promises_.acknowledgements();
    life.seconds = earth_.trace.seconds();
    life.turns = turns_;
    earth_.trace.add("{} turns, {} faults", turns_, life.faults);
    life.digest = earth_.trace.digest();
    life.trace = earth_.trace.lines();
    return life;
  }

  Earth earth_;
  const Sabotage sabotage_;
  Promises promises_{earth_};
  ServerMachine east_{earth_, "east", "10.0.0.2"}, west_{earth_, "west", "10.0.0.3"};
  AgentMachine agent_{earth_, "10.1.0.1", promises_};
  Faults faults_{earth_, east_, west_, agent_};
  Thieves thieves_{earth_, east_, west_, agent_};
  const bool with_thieves_ = earth_.dice.chance(0.5);
  unsigned running_ = 0;
  bool over_ = false, enough_ = false;
  asio::cancellation_signal stop_;
  std::uint64_t turns_ = 0;
};

}  // namespace

Life live_through(std::uint64_t seed, Sabotage sabotage, std::ostream* live) {
  auto world = std::make_unique<World>(seed, sabotage, live);
  Life life = world->live();
  // What cannot even be taken down is left as it is: its problem has been noted.
  if (!world->has_ended()) static_cast<void>(world.release());
  return life;
}

}  // namespace farkeep::sim
