#pragma once

#include <memory>
#include <optional>

#include "async/budget.hpp"
#include "config/connection_config.hpp"
#include "transport/direct_dialer.hpp"
#include "transport/login_memory.hpp"
#include "transport/resolver.hpp"

namespace farkeep {

/// The way out that the settings describe: TCP, and the proxy around it if there is one.
///
/// A password is told to a proxy by one connection at a time until one was let through lately, and not while the memory objects: so a wrong one is tried once, however
/// many want to connect.  A proxy that has not judged it after three seconds is asked by the next one, too.
class Chain final : public Line {
 public:
  /// `password`: that of the proxy in use, read from where the settings say; empty without a login.  `timers`, `resolver` and `logins`, which may be null, outlive it.
  Chain(Executor executor, Timers& timers, Resolver& resolver, const ConnectionConfig& settings, SecretText password, LoginMemory* logins = nullptr);
  task<std::unique_ptr<Stream>> dial(Endpoint destination) override;
  void set_max_segment(std::optional<int> bytes) override { direct_.set_max_segment(bytes); }
  void set_receive_buffer(std::optional<int> bytes) { direct_.set_receive_buffer(bytes); }
  LineSymptom symptom() const override { return direct_.symptom(); }
  std::string network(const Endpoint& destination) const override { return direct_.network(destination); }

 private:
  task<std::unique_ptr<Stream>> dial_with_login(Endpoint destination);
  task<Budget::Lease> take_turn();
  bool is_good() const noexcept;

  Timers& timers_;
  LoginMemory* const logins_;
  ProxyPlace place_;  // of the proxy, for who has a password
  ProxyLogin login_;
  Budget alone_{1};
  std::optional<SteadyTime> let_through_;
  bool closed_ = false;  // the last one was closed on instead of an answer to the login
  DirectDialer direct_;
  std::unique_ptr<Dialer> proxy_;  // around it; null: there is none
};

}  // namespace farkeep
