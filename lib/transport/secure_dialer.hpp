#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "async/timers.hpp"
#include "transport/dialer.hpp"
#include "transport/tls.hpp"

namespace farkeep {

/// How agents and mirroring servers reach a server: the seam at which simulations replace the network.
class SecureDialer {
 public:
  virtual ~SecureDialer() = default;
  /// A connection to `expected`, which is said to be at `destination`.  Throws what the dialer and TlsContext throw.
  virtual task<std::unique_ptr<SecureStream>> connect(Endpoint destination, ExpectedServer expected) = 0;
};

/// TLS over whatever the dialer gives, the handshake within limits::kTlsTimeout.
class TlsDialer final : public SecureDialer {
 public:
  /// What is shown and trusted at a handshake: asked for before each.  May throw.
  using Current = std::function<TlsContext()>;
  /// `dialer` and `timers` outlive it, and so does what `current` refers to.
  TlsDialer(Dialer& dialer, Timers& timers, Current current) : dialer_(dialer), timers_(timers), current_(std::move(current)) {}
  TlsDialer(Dialer& dialer, Timers& timers, TlsContext always) : TlsDialer(dialer, timers, Current([tls = std::move(always)] { return tls; })) {}
  task<std::unique_ptr<SecureStream>> connect(Endpoint destination, ExpectedServer expected) override;

 private:
  Dialer& dialer_;
  Timers& timers_;
  Current current_;
};

}  // namespace farkeep
