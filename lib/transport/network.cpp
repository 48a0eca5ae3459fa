#include "transport/network.hpp"

namespace farkeep {

Network Network::of(const boost::asio::ip::address& address) noexcept {
  Network out;
  if (address.is_v4()) {
    out.prefix = address.to_v4().to_uint() >> 8;
  } else if (address.to_v6().is_v4_mapped()) {
    auto const bytes = address.to_v6().to_bytes();
    for (std::size_t i = 12; i < 15; ++i) out.prefix = out.prefix << 8 | bytes[i];
  } else {
    out.is_v6 = true;
    auto const bytes = address.to_v6().to_bytes();
    for (std::size_t i = 0; i < 8; ++i) out.prefix = out.prefix << 8 | bytes[i];
  }
  return out;
}

}  // namespace farkeep
