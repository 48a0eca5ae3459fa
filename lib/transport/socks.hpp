#pragma once

#include <chrono>
#include <memory>

#include "crypto/secret.hpp"
#include "transport/handshake.hpp"

namespace farkeep {

struct ProxyLogin {
  ProxyLogin() = default;
  std::string user;  ///< empty: no login
  SecretText password;
};

/// How long a proxy may take.
struct ProxyPatience {
  ProxyPatience() = default;
  std::chrono::nanoseconds greeting = std::chrono::seconds{10};  ///< for each answer that it can give by itself
  std::chrono::nanoseconds reply = std::chrono::seconds{30};     ///< for the one for which it must reach the destination
};

/// SOCKS 5 (RFC 1928) with no login or user and password (RFC 1929), CONNECT to a literal address.
///
/// The greeting offers just what is configured; GSSAPI never.  Nothing is sent ahead of an answer: some proxies lose it.  The
/// address that the proxy says it uses is read and ignored.  `login` outlives the machine; user and password are 1 to 255 bytes.
std::unique_ptr<Handshake> socks5(ProxyPlace place, const ProxyLogin& login, ProxyPatience patience);

/// SOCKS 4 (Koblas 1992): IPv4 destinations, a user's name that nobody checks, no password.
std::unique_ptr<Handshake> socks4(ProxyPlace place, const ProxyLogin& login, ProxyPatience patience);

}  // namespace farkeep
