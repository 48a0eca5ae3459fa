#pragma once

#include <chrono>
#include <string>

#include "async/timers.hpp"
#include "async/workers.hpp"
#include "base/clock.hpp"
#include "platform/disk.hpp"
#include "vault/server.hpp"

namespace farkeep::server {

/// What the root says of whom to trust, to be compared: what it took back, and the roots.
std::string trust_in(const std::string& root_word, const Identity& identity);

/// Whether a server has to begin anew, with other keys or another word of the root: what is open was judged by the old ones.
class RenewalWatch {
 public:
  /// What the server began with.
  struct Began {
    Digest state;       ///< Identity::state_on_disk() from before the identity was read: what changed meanwhile is met
    std::string trust;  ///< trust_in() the word that it heard
    bool operator==(const Began&) const = default;
  };
  /// The references outlive it.
  RenewalWatch(Disk& disk, const Clock& clock, Timers& timers, Workers& workers, std::string data, Began began)
      : disk_(disk), clock_(clock), timers_(timers), workers_(workers), data_(std::move(data)), began_(std::move(began)) {}

  /// Returns when a certificate is due, an operator's command changed keys, or the root took back a server or key or is followed by another one.  What cannot
  /// be read is looked at again.  `look`: how often certificate and clock are looked at.
  task<void> wait(Server& server, const Identity& identity, std::chrono::nanoseconds look);

 private:
  task<bool> keys_changed(Server& server, const Identity& identity);
  task<bool> renewal_due(Server& server, const Identity& identity);

  Disk& disk_;
  const Clock& clock_;
  Timers& timers_;
  Workers& workers_;
  const std::string data_;
  const Began began_;
  bool in_doubt_ = false;  // the clock is far ahead
  std::string same_word_;  // the last one that says the same as at the start
};

}  // namespace farkeep::server
