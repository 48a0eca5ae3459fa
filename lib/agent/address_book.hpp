#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/server_choice.hpp"
#include "agent/state.hpp"
#include "base/clock.hpp"
#include "crypto/certificate.hpp"
#include "wire/wire.pb.h"

namespace farkeep {

/// What keeps a directory from being taken, whoever signed it: addresses that could only be this machine, or nobody; more names, addresses or networks than data
/// centres have, or longer ones.  Nothing: it makes sense.
std::optional<std::string> nonsense_in(const wire::pb::Directory& directory, bool loopback_is_fine);

/// The servers of the pair that is in force, as this machine's directory names them; empty: none can be read.
std::vector<ServerId> servers_in_force(const AgentState& state);
/// Whether a directory can be read there, whatever it says.
bool has_directory(const AgentState& state);

/// Where the assigned pair is, as signed address directories tell: the one whose addresses have worked, and a newer one that has
/// been heard of and has not (PROTOCOL.md §3, Addresses).
///
/// A value of no state: everything lies in the agent's folder, so each reader sees what the others wrote.
class AddressBook {
 public:
  AddressBook(AgentState& state, const Certificate& authority, const Clock& clock) : state_(state), authority_(authority), clock_(clock) {}

  /// The addresses to try now, most wanted first, none twice: the destinations that are not only announced.  Throws failure: the folder
  /// holds no readable directory.
  std::vector<ServerTarget> pair() const;

  /// An address that a firewall must let through: now, or from some time on.
  struct Destination {
    std::string address;  ///< ip:port
    ServerId id;
    std::string name;     ///< of the data centre
    std::string role;     ///< "primary" or "alternate"
    std::string subnet;   ///< of the directory that contains it; empty: none is known
    std::optional<WallTime> from;   ///< announced: not used before
    std::optional<WallTime> until;  ///< on its way out
    std::optional<WallTime> tried;  ///< announced: when it was last tried…
    std::string problem;            ///< …and what was in the way; empty: nothing
  };
  std::vector<Destination> destinations() const;

  /// Of the directory whose addresses have worked; 0: none.
  std::uint64_t serial() const;
  /// Of the newer one, or nothing.
  std::optional<std::uint64_t> announced() const;

  enum class Heard { known, taken, refused };
  /// What a server, or the registration, says, and the root's word that comes with it.  Refused and logged: who signed it may not say it
  /// (wire/directory_rule.hpp), a serial below the newest one that is here, two with one serial, addresses that make no sense.
  Heard hear(const wire::pb::SignedDirectory& directory);
  /// A server has proved itself at this address: the newer directory, if it is time for it and the address is one of its, replaces the older one.
  void worked(const std::string& address);
  /// An announced address was tried ahead of time.  `problem`: empty when it was reached.
  void tried(const std::string& address, const std::string& problem);

 private:
  bool holds(const Buffer& document, const TrustedRoots& roots) const;
  std::int64_t now() const { return clock_.wall().time_since_epoch().count(); }

  AgentState& state_;
  const Certificate& authority_;
  const Clock& clock_;
};

}  // namespace farkeep
