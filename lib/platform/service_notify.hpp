#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace farkeep {

/// What the service manager should know, over the datagram socket that $NOTIFY_SOCKET names (sd_notify(3) describes the
/// protocol).  Without that variable, or when nobody listens, nothing happens.
void service_ready();
void service_reloading();
void service_stopping();
/// One line for `systemctl status`.
void service_status(std::string_view text);
void service_watchdog();

/// How often service_watchdog() is expected at least ($WATCHDOG_USEC); nothing when no watchdog is set for this
/// process.
std::optional<std::chrono::microseconds> service_watchdog_interval();

}  // namespace farkeep
