#pragma once

#include <boost/asio/ip/address.hpp>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace farkeep {

namespace asio = boost::asio;

inline constexpr std::uint16_t kDefaultPort = 16384;

/// Where a server listens: an IP address, never a name (DESIGN §3), and a port.
struct Endpoint {
  Endpoint() = default;
  explicit Endpoint(asio::ip::address a, std::uint16_t p = kDefaultPort) : address(std::move(a)), port(p) {}

  asio::ip::address address;
  std::uint16_t port = kDefaultPort;

  /// `10.0.0.1`, `10.0.0.1:16384`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:16384`; port 1 to 65535.
  /// One spelling of four decimal numbers only: no leading zeros, no octal or hex, no short forms.  No zone (%eth0) and
  /// no IPv4 address in IPv6 clothes (::ffff:10.0.0.1), which would make one place have two names. Errc::configuration
  /// when it looks like a name, Errc::malformed for anything else.
  static result<Endpoint> parse(std::string_view text);

  /// With the port, always; IPv6 in brackets.  parse() reads it back.
  std::string text() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  friend std::strong_ordering operator<=>(const Endpoint& a, const Endpoint& b) {
    if (a.address != b.address)
      return a.address < b.address ? std::strong_ordering::less : std::strong_ordering::greater;
    return a.port <=> b.port;
  }
};

}  // namespace farkeep
