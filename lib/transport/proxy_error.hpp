#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "transport/endpoint.hpp"

namespace farkeep {

/// What broke on the way through a proxy: one value for each thing that an administrator would do something else about.
enum class ProxyTrouble : std::uint8_t {
  // Up to the proxy.
  name_unknown,    ///< its name cannot be resolved
  refused,         ///< nothing listens there
  no_answer,       ///< connecting to it takes too long
  no_way,          ///< this computer has no route to it
  // Talking to it.
  silent,          ///< it took the connection and says nothing
  closed_at_once,  ///< it closed before it had said anything
  other_protocol,  ///< it speaks, but something else
  malformed,       ///< it breaks its own protocol
  login_demanded,  ///< none is configured
  login_kind,      ///< it wants a kind of login that this program does not do
  login_refused,   ///< wrong user or password
  login_closed,    ///< it closed instead of an answer to the login: a wrong one, or the proxy was stopped just then
  ident_demanded,  ///< SOCKS4 that asks this computer who the user is
  no_connect,      ///< it does not make TCP connections
  // Behind it, as it says itself.
  general,         ///< it failed and does not say why
  forbidden,       ///< its own rules do not permit the destination
  behind_no_way,   ///< it has no route to the destination, or a filter behind it says so
  behind_refused,  ///< the destination refused it
  behind_silent,   ///< the destination does not answer it
  address_kind,    ///< it cannot reach this family of addresses
  closed,          ///< it closed without a reason when it was asked for the destination
  // A mapped proxy.
  not_mapped,      ///< no firewall port leads to the destination
};

/// "no answer from the destination behind the proxy": a stable word for JSON and logs, such as `behind_silent`.
const char* name_of(ProxyTrouble trouble) noexcept;

/// Whose failure it is, which decides whether another server is worth a try (reference: network practice of failover).
enum class ProxyBlame : std::uint8_t {
  path,         ///< every server behind this proxy is as unreachable: trying another one cannot help, and no server is to blame
  destination,  ///< another server may be reachable
  mapping,      ///< this destination waits for its mapping: another one may have it, and no server is to blame
};

enum class ProxyKind : std::uint8_t { socks5, socks4, http, mapped };
/// "SOCKS proxy", "mapped port".
const char* name_of(ProxyKind kind) noexcept;

/// Where it happened.
struct ProxyPlace {
  ProxyKind kind = ProxyKind::socks5;
  std::string proxy;  ///< "fw.example.net:1080", as configured
  Endpoint destination;
  std::string user;   ///< empty: none is configured
};

/// A proxy stood in the way.  The text is whole sentences for an administrator: what was seen, who must do what.  Codes:
/// proxy_login for logins; proxy for the rest of what blames the path, and for a missing mapping; unreachable or timed_out for the destination.
class proxy_error : public failure {
 public:
  /// `seen`: what the proxy said, quoted, or empty.  A mapped port is a path of its own: there nothing but a missing
  /// mapping blames more than the destination.
  proxy_error(ProxyTrouble trouble, const ProxyPlace& place, const std::string& seen = {});

  ProxyTrouble trouble() const noexcept { return trouble_; }
  ProxyBlame blame() const noexcept { return blame_; }

 private:
  ProxyTrouble trouble_;
  ProxyBlame blame_;
};

}  // namespace farkeep
