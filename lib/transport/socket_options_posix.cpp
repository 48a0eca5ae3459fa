// Systems other than Linux: what POSIX has.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "transport/socket_options.hpp"

namespace farkeep {

void set_tcp_options(int handle) noexcept {
  const int on = 1;
  static_cast<void>(::setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  static_cast<void>(::setsockopt(handle, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on));
}

void hand_over_with_first_bytes(int, std::chrono::seconds) noexcept {}

void set_max_segment(int handle, int bytes) noexcept { static_cast<void>(::setsockopt(handle, IPPROTO_TCP, TCP_MAXSEG, &bytes, sizeof bytes)); }

}  // namespace farkeep
