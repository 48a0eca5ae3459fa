#pragma once

#include <functional>
#include <memory>

#include "transport/handshake.hpp"
#include "transport/proxy_route.hpp"

namespace farkeep {

/// A link through a proxy that is asked for the destination: SOCKS, HTTP CONNECT, and whatever speaks before it is a tunnel.
/// A new kind of proxy is a new Handshake.
class ProxyDialer final : public Dialer {
 public:
  using Handshakes = std::function<std::unique_ptr<Handshake>(ProxyPlace)>;

  /// `kind` and `user` are for messages (ProxyPlace).  Collaborators outlive it.
  ProxyDialer(Dialer& direct, Resolver& resolver, Timers& timers, HostAddress proxy, ProxyKind kind, std::string user, Handshakes handshakes);
  /// Throws proxy_error.
  task<std::unique_ptr<Stream>> dial(Endpoint destination) override;

 private:
  ProxyRoute route_;
  Timers& timers_;
  HostAddress proxy_;
  const ProxyKind kind_;
  const std::string user_;
  Handshakes handshakes_;
};

}  // namespace farkeep
