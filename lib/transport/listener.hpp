#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "async/timers.hpp"
#include "transport/endpoint.hpp"
#include "transport/tls.hpp"
#include "wire/connection_limits.hpp"

namespace farkeep {

/// Who hands a connection over: the kernel when its first bytes are there, or at once.
enum class Silent : std::uint8_t { stay_in_kernel, are_accepted };

/// What becomes of an endpoint that cannot be had: the listener is not made, or it listens at the others and tries this one again, later and later.
enum class Unavailable : std::uint8_t { fails, is_tried_again };

struct ListenerOptions {
  ListenerOptions() = default;
  std::vector<Endpoint> endpoints;
  Unavailable unavailable = Unavailable::fails;
  std::size_t max_connections = 1024;  ///< with a handler; further ones are closed
  std::size_t max_silent = limits::kSilentPlaces;
  std::size_t max_handshakes = limits::kHandshakePlaces;
  Silent silent = Silent::are_accepted;
  std::chrono::nanoseconds first_bytes_timeout = limits::kFirstBytesTimeout;
  std::chrono::nanoseconds tls_timeout = limits::kTlsTimeout;
};

/// What became of those who were not served, since the start.
struct TurnedAwayEarly {
  std::uint64_t silent = 0;      ///< gave way before they had said anything
  std::uint64_t handshakes = 0;  ///< gave way in their handshake
  std::uint64_t failed = 0;      ///< said nothing in time, or no TLS that is ours
  std::uint64_t full = 0;        ///< finished TLS when there were max_connections
};

/// Accepts TCP on several endpoints, does the TLS handshake of each connection in a task of its own, and runs a handler
/// for each peer.
///
/// A connection costs what it has earned.  One that has said nothing costs a descriptor and a few KiB, and one of max_silent places; with
/// its first bytes it gets a TLS session, which costs twenty times as much, and one of max_handshakes places.  In either somebody
/// gives way when one more comes (crowd.hpp), so nobody waits for strangers. When accepting fails, as it does without file descriptors, it
/// pauses for a second instead of spinning. What a handler throws ends its connection and is logged; it does not end the listener.
class Listener {
 public:
  /// Handles one peer until the conversation is over; the connection is closed when the stream is destroyed.
  using PeerHandler = std::function<task<void>(std::unique_ptr<SecureStream>)>;

  /// Binds and listens at once: throws failure naming the endpoint that cannot be had, unless it is to be tried again.  `timers` outlives it.
  Listener(Executor executor, Timers& timers, TlsContext tls, ListenerOptions options, PeerHandler handler);
  ~Listener();

  /// Where it listens: all but those that are tried again.
  std::vector<Endpoint> endpoints() const;
  /// Until cancelled; then every handler is cancelled and awaited.
  task<void> run();
  /// For connections from now on (a renewed certificate).
  void use(TlsContext tls);

  /// At most so many connections from now on; those that are served are kept.
  void limit(std::size_t max_connections);

  std::size_t connections() const noexcept;
  /// Silent ones, too.
  std::size_t handshakes() const noexcept;
  TurnedAwayEarly turned_away() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace farkeep
