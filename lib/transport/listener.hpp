#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "async/timers.hpp"
#include "base/limits.hpp"
#include "transport/endpoint.hpp"
#include "transport/tls.hpp"

namespace farkeep {

struct ListenerOptions {
  ListenerOptions() = default;
  std::vector<Endpoint> endpoints;
  std::size_t max_connections = 1024;  ///< with a handler; further ones wait in the kernel's queue
  std::size_t max_handshakes = 64;     ///< at once; when one more comes, the oldest gives way
  std::chrono::nanoseconds tls_timeout = limits::kTlsTimeout;
};

/// Accepts TCP on several endpoints, does the TLS handshake of each connection in a task of its own, and runs a handler
/// for each peer.
///
/// A peer that stalls in its handshake costs one of max_handshakes places until its time is up or somebody newer needs
/// the place: it holds nobody up.  Out of file descriptors, accepting pauses for a second instead of spinning. What a
/// handler throws ends its connection and is logged; it does not end the listener.
class Listener {
 public:
  /// Handles one peer until the conversation is over; the connection is closed when the stream is destroyed.
  using PeerHandler = std::function<task<void>(std::unique_ptr<SecureStream>)>;

  /// Binds and listens at once: throws failure naming the endpoint that cannot be had.  `timers` outlives it.
  Listener(Executor executor, Timers& timers, TlsContext tls, ListenerOptions options, PeerHandler handler);
  ~Listener();

  /// Until cancelled; then every handler is cancelled and awaited.
  task<void> run();
  /// For connections from now on (a renewed certificate).
  void use(TlsContext tls);

  /// At most so many connections from now on; those that are served are kept.
  void limit(std::size_t max_connections);

  std::size_t connections() const noexcept;
  std::size_t handshakes() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace farkeep
