#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "transport/socket_options.hpp"

namespace farkeep {
namespace {
void set(int handle, int level, int option, int value) noexcept {
  static_cast<void>(::setsockopt(handle, level, option, &value, sizeof value));
}
}  // namespace

void set_tcp_options(int handle) noexcept {
  set(handle, IPPROTO_TCP, TCP_NODELAY, 1);
  set(handle, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(handle, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(kKeepaliveIdle.count()));
  set(handle, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(kKeepaliveInterval.count()));
  set(handle, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  set(handle, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentInKernel);
  set(handle, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(std::chrono::milliseconds{kTcpUserTimeout}.count()));
}

void hand_over_with_first_bytes(int handle, std::chrono::seconds at_most) noexcept {
  set(handle, IPPROTO_TCP, TCP_DEFER_ACCEPT, static_cast<int>(at_most.count()));
}

void set_max_segment(int handle, int bytes) noexcept { set(handle, IPPROTO_TCP, TCP_MAXSEG, bytes); }

}  // namespace farkeep
