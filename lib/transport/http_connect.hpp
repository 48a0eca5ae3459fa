#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/secret.hpp"
#include "transport/handshake.hpp"
#include "transport/socks.hpp"

namespace farkeep {

/// One way to log in at an HTTP proxy (RFC 9110 §11).
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// The credentials to send next ("Basic dXNlcjpwYXNz"), or nothing when this has no answer.  `challenges`: the proxy's
  /// Proxy-Authenticate fields as they stand; none: the first request.  Called again for each refusal on the same connection, so
  /// that schemes of several rounds have a place.
  virtual std::optional<SecretText> next(const std::vector<std::string>& challenges) = 0;
};

/// User and password in the clear (RFC 7617), with the first request already: for a trusted LAN.  `login` outlives it.
std::unique_ptr<Authenticator> basic_authenticator(const ProxyLogin& login);
/// No login.
std::unique_ptr<Authenticator> no_authenticator();

/// HTTP CONNECT (RFC 9110 §9.3.6) to a literal address.
///
/// The answer's head is read to its last byte and not beyond; at most 16 KiB of it.  Any 2xx is the tunnel, whatever
/// its fields say of a length.
std::unique_ptr<Handshake> http_connect(ProxyPlace place, std::unique_ptr<Authenticator> authenticator, ProxyPatience patience);

}  // namespace farkeep
