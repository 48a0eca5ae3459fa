#pragma once

#include <memory>

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
  /// `dialer` and `timers` outlive it.
  TlsDialer(Dialer& dialer, Timers& timers, TlsContext tls) : dialer_(dialer), timers_(timers), tls_(std::move(tls)) {}
  task<std::unique_ptr<SecureStream>> connect(Endpoint destination, ExpectedServer expected) override;

 private:
  Dialer& dialer_;
  Timers& timers_;
  TlsContext tls_;
};

}  // namespace farkeep
