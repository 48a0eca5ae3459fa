#pragma once

#include <boost/asio/ip/address.hpp>
#include <compare>
#include <cstdint>

namespace farkeep {

/// Whose addresses an address is probably one of: a /24 of IPv4, a /64 of IPv6.  Whoever has one of them has them all, as a rule;
/// so fairness between strangers counts networks, not addresses.
struct Network {
  Network() = default;
  static Network of(const boost::asio::ip::address& address) noexcept;

  std::uint64_t prefix = 0;
  bool is_v6 = false;
  auto operator<=>(const Network&) const = default;
};

}  // namespace farkeep
