#pragma once

#include <memory>
#include <string>

#include "config/address.hpp"
#include "transport/dialer.hpp"
#include "transport/proxy_error.hpp"
#include "transport/resolver.hpp"

namespace farkeep {

/// The first part of every proxied way: its name, if it has one, is looked up here, and its addresses are dialled one after
/// the other.  Collaborators outlive it.
class ProxyRoute {
 public:
  ProxyRoute(Dialer& direct, Resolver& resolver) : direct_(direct), resolver_(resolver) {}

  /// A connection to the proxy itself.  Throws proxy_error, which says `place`.
  task<std::unique_ptr<Stream>> dial(HostAddress proxy, ProxyPlace place);

 private:
  task<std::vector<asio::ip::address>> addresses(std::string host, ProxyPlace place);

  Dialer& direct_;
  Resolver& resolver_;
};

}  // namespace farkeep
