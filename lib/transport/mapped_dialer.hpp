#pragma once

#include <vector>

#include "transport/proxy_route.hpp"

namespace farkeep {

/// A link through a firewall that has a port for each destination.
///
/// That such a port takes a connection proves nothing: many connect further only afterwards, or not at all.  TLS with the right
/// server does.
class MappedDialer final : public Dialer {
 public:
  MappedDialer(Dialer& direct, Resolver& resolver, std::vector<Mapping> mappings) : route_(direct, resolver), mappings_(std::move(mappings)) {}
  /// Throws proxy_error: not_mapped, and what lies before the firewall.
  task<std::unique_ptr<Stream>> dial(Endpoint destination) override;

 private:
  ProxyRoute route_;
  std::vector<Mapping> mappings_;
};

}  // namespace farkeep
