#pragma once

#include "agent/keys.hpp"
#include "sim/agent_machine.hpp"
#include "sim/server_machine.hpp"
#include "transport/peer.hpp"

namespace farkeep::sim {

/// Who has stolen keys, and comes over the network like anybody: with the agent's certificate and key, but not its root key; or with those of
/// a server of the pair.  And who can set a server's disk back to what it held before.
///
/// In half of their lives they have the agent's key only, and use it to be first as well: what one server has got and the other one has not, they read there
/// and put junk under its ids here.  (Who has both keys at once is promised less.)
///
/// What thieves do is no excuse: every promise holds all the same.  Only alarms are (AgentMachine::excuse_alarms), and a run that meets junk where the mirror
/// has not been yet (AgentMachine::expect_junk).
class Thieves {
 public:
  Thieves(Earth& earth, ServerMachine& east, ServerMachine& west, AgentMachine& agent);

  /// Strikes now and then until it is cancelled.
  task<void> run();
  unsigned count() const { return count_; }
  /// Objects that a server got as junk before it got them.
  unsigned junk_first() const { return junk_first_; }

 private:
  struct Loot;
  task<void> strike();
  task<void> raid(ServerMachine& victim, PeerIdentity disguise);
  task<void> rob(Peer& peer, bool as_server);
  task<void> ambush();
  task<void> be_first(ServerMachine& there, ServerMachine& here);
  using Work = std::function<task<void>(Peer&)>;
  task<void> visit(ServerMachine& server, PeerIdentity disguise, Work work);
  static task<void> greet(Peer& peer);
  task<void> enter(Peer& peer, bool as_server);
  task<void> put_first(Peer& peer, Loot& loot);
  task<void> look_around(Peer& peer, Loot& loot);
  task<void> speak_ill(Peer& peer, Loot& loot);
  task<void> put_junk(Peer& peer, Loot& loot);
  task<void> bend_registry(Peer& peer);
  void set_back(ServerMachine& victim, ServerMachine& other);

  Earth& earth_;
  ServerMachine& east_;
  ServerMachine& west_;
  AgentMachine& agent_;
  Dice dice_;
  SimRandom random_;
  const std::chrono::nanoseconds between_;
  std::shared_ptr<const SimDisk::Image> images_[2];  // of east and west, of an earlier time
  unsigned count_ = 0, junk_first_ = 0;
  const bool may_be_first_;
};

}  // namespace farkeep::sim
