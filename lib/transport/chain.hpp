#pragma once

#include <memory>

#include "config/connection_config.hpp"
#include "transport/direct_dialer.hpp"
#include "transport/resolver.hpp"
#include "transport/socks.hpp"

namespace farkeep {

/// The way out that the settings describe: TCP, and the proxy around it if there is one.
class Chain final : public Line {
 public:
  /// `password`: that of the proxy in use, read from where the settings say; empty without a login.  `timers` and `resolver` outlive it.
  Chain(Executor executor, Timers& timers, Resolver& resolver, const ConnectionConfig& settings, SecretText password);
  task<std::unique_ptr<Stream>> dial(Endpoint destination) override { return proxy_ ? proxy_->dial(std::move(destination)) : direct_.dial(std::move(destination)); }
  void set_max_segment(std::optional<int> bytes) override { direct_.set_max_segment(bytes); }
  void set_receive_buffer(std::optional<int> bytes) { direct_.set_receive_buffer(bytes); }
  LineSymptom symptom() const override { return direct_.symptom(); }
  std::string network(const Endpoint& destination) const override { return direct_.network(destination); }

 private:
  ProxyLogin login_;
  DirectDialer direct_;
  std::unique_ptr<Dialer> proxy_;  // around it; null: there is none
};

}  // namespace farkeep
