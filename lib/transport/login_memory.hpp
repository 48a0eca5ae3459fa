#pragma once

#include <optional>
#include <string>

#include "transport/socks.hpp"

namespace farkeep {

/// What is remembered of a proxy that refused a user and a password, by all that connects through it: whoever tries a wrong password again and again gets its
/// account locked.
class LoginMemory {
 public:
  virtual ~LoginMemory() = default;
  /// Why this login is not to be tried now, for people; nothing: it may be.
  virtual std::optional<std::string> objection(const std::string& proxy, const ProxyLogin& login) = 0;
  virtual void refused(const std::string& proxy, const ProxyLogin& login) = 0;
  virtual void accepted(const std::string& proxy, const ProxyLogin& login) = 0;
};

}  // namespace farkeep
