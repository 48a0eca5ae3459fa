#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "async/budget.hpp"
#include "transport/crowd.hpp"
#include "transport/peer.hpp"
#include "wire/connection_limits.hpp"

namespace farkeep {

/// What the connections of one agent, or of one server, share: so that opening more of them gives nobody more memory.
struct GuestShare {
  GuestShare() = default;
  Budget::Share records, questions, answers;  ///< of the budgets in SessionParts
};

/// Who did not get what was asked for, and why, since the start.
struct TurnedAway {
  std::uint64_t strangers = 0;  ///< without a certificate, or not let in yet: gave way to another one
  std::uint64_t late = 0;       ///< said no hello in time, or stayed for longer than a stranger may
  std::uint64_t full = 0;       ///< agents that were told `busy`, since all places were taken
  std::uint64_t surplus = 0;    ///< connections of an agent or a server that has opened more than it may have
  std::uint64_t breaches = 0;   ///< broke the protocol: a frame larger than its stage and role allow, or none of ours
};

/// The places of those who have finished TLS (PROTOCOL.md §6).
///
/// Strangers have few, of their own, and one gives way when another comes; first those who have not said hello.  Whoever shows a certificate is in a crowd, too, until the
/// registry has let it in, for a lost issuing key certifies agents that nobody knows.  Agents have as many places as the settings say; one more is told `busy`.
/// One agent has four, one server too: when it opens another, the one that has been silent for longest is ended, for an agent whose
/// line broke comes back before its old connections are noticed to be dead.  Servers do not compete with agents for places.  One thread.
class Guests {
 public:
  class Guest {
   public:
    /// `peer` outlives it.
    Guest(const PeerIdentity& who, Network network, Peer& peer);
    ~Guest() { leave(); }
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

   private:
    friend class Guests;
    void leave() noexcept;
    void make_room();

    const PeerIdentity::Role role_;
    const std::string key_;  // of the agent or server
    Peer& peer_;
    Crowd::Member unknown_;
    Guests* guests_ = nullptr;
    bool has_place_ = false;  // among agents
  };

  explicit Guests(std::size_t most_agents) : most_agents_(most_agents) {}

  void enter(Guest& guest);
  /// The registry lets it in: what it shares with the other connections of its machine; outlives them.  Null: there is no place for it, and it
  /// should be told so.
  std::shared_ptr<GuestShare> admit(Guest& guest);
  /// A stranger has said hello.
  void greeted(Guest& guest);
  void limit(std::size_t most_agents) noexcept { most_agents_ = most_agents; }

  std::size_t agents() const noexcept { return agents_; }
  TurnedAway turned_away() const noexcept;
  TurnedAway& counts() noexcept { return counts_; }

 private:
  struct One {
    std::list<Guest*> connections;  // a guest takes itself out
    std::weak_ptr<GuestShare> share;
  };

  std::size_t most_agents_;
  std::size_t agents_ = 0;
  std::map<std::string, One> ones_;
  Crowd before_hello_{limits::kStrangerPlaces}, strangers_{limits::kStrangerPlaces / 2}, certified_{limits::kUnknownPlaces};
  TurnedAway counts_;
};

}  // namespace farkeep
