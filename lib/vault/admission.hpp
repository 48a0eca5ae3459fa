#pragma once

#include <cstdint>

#include "async/timers.hpp"
#include "async/workers.hpp"
#include "transport/identity.hpp"
#include "vault/registry.hpp"

namespace farkeep {

/// Whether a peer whose certificate holds is welcome here: the registry's word, not the certificate's, for another server's stolen
/// issuing key could have made that.
///
/// A peer is judged at hello, and again before the next request whenever the registry has changed since (PROTOCOL.md §3): so what a
/// command, the partner or another session revokes ends what is open.  Asking costs nothing while nothing changed but one look at
/// a small file in kLook, for all sessions together.
class Admission {
 public:
  Admission(Registry& registry, Workers& workers, Timers& timers) : registry_(registry), workers_(workers), timers_(timers) {}

  /// Counts the registry's changes; at most kLook old.
  task<std::uint64_t> generation();
  /// Throws HangUp (peer.hpp), with a text for the peer, unless this agent may act with this key here and now.  Blocking.
  void judge_agent(const PeerIdentity& who, const std::string& key) const;
  /// The same for a server: only the partner may.  Blocking.
  void judge_server(const PeerIdentity& who) const;

 private:
  Registry& registry_;
  Workers& workers_;
  Timers& timers_;
  std::uint64_t generation_ = 0;
  std::optional<SteadyTime> looked_;
};

}  // namespace farkeep
