#pragma once

#include <chrono>

namespace farkeep {

/// How a long-lived TCP connection notices that the other side is gone (network practice: most firewalls forget idle
/// connections after minutes, some after 90 s; the application's own ping at 30 s is the first line, this the second).
inline constexpr std::chrono::seconds kKeepaliveIdle{60}, kKeepaliveInterval{15}, kTcpUserTimeout{60};
inline constexpr int kKeepaliveProbes = 4;
/// What the kernel takes beyond what it has sent: a slow line then shows as slow writes, not as answers that do not come, and a
/// ping does not wait behind megabytes.  With a quarter of this a restore over loopback took a seventh longer; with it, a line of
/// 70 kbit/s still empties it within the progress timeout.
inline constexpr int kUnsentInKernel = 512 * 1024;

/// No delay, keepalive, and a limit on unacknowledged data where the system has one.  Best effort: a system without an
/// option goes without.  `handle` is a TCP socket's; call it before connect, so that the first data is already covered.
void set_tcp_options(int handle) noexcept;
/// For a listening socket: a connection is not handed over before its first bytes are there, if the system can do that.  One that says
/// nothing then costs the kernel a few hundred bytes and this process nothing.  Best effort.
void hand_over_with_first_bytes(int handle, std::chrono::seconds at_most) noexcept;
/// The largest segment to send, before connect.  Best effort, too.
void set_max_segment(int handle, int bytes) noexcept;

}  // namespace farkeep
