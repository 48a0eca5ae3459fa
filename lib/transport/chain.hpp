#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "config/connection_config.hpp"
#include "transport/dialer.hpp"
#include "transport/resolver.hpp"
#include "transport/socks.hpp"

namespace farkeep {

/// The way out that the settings describe: links put together, the last one outermost.
class Chain final : public Dialer {
 public:
  /// `password`: that of the proxy in use, read from where the settings say; empty without a login.  `max_segment`: see DirectDialerOptions.  `timers` and `resolver` outlive it.
  Chain(Executor executor, Timers& timers, Resolver& resolver, const ConnectionConfig& settings, SecretText password,
        std::optional<int> max_segment = std::nullopt);
  task<std::unique_ptr<Stream>> dial(Endpoint destination) override { return links_.back()->dial(std::move(destination)); }

 private:
  ProxyLogin login_;
  std::vector<std::unique_ptr<Dialer>> links_;
};

}  // namespace farkeep
