#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "platform/descriptor.hpp"
#include "platform/service_notify.hpp"

namespace farkeep {
namespace {

void notify(std::string_view state) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::size_t const size = std::strlen(path);
  if ((path[0] != '/' && path[0] != '@') || size < 2 || size >= sizeof to.sun_path) return;
  std::memcpy(to.sun_path, path, size);
  if (path[0] == '@') to.sun_path[0] = '\0';  // an abstract name, which has no end but its length
  Descriptor from{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!from) return;
  // Never waits: a service manager that does not read must not hold a backup up.
  ::sendto(from.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size));
}

std::optional<std::int64_t> number_from(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  std::int64_t out = 0;
  const char* const end = text + std::strlen(text);
  auto const r = std::from_chars(text, end, out);
  if (r.ec != std::errc{} || r.ptr != end) return std::nullopt;
  return out;
}

}  // namespace

void service_ready() { notify("READY=1"); }
void service_stopping() { notify("STOPPING=1"); }
void service_watchdog() { notify("WATCHDOG=1"); }

void service_reloading() {
  // Type=notify-reload tells this reload from an earlier one by its time.
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  auto const microseconds = static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
  notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

void service_status(std::string_view text) {
  std::string line = "STATUS=" + std::string{text};
  std::replace(line.begin(), line.end(), '\n', ' ');  // a line of its own would be another message
  notify(line);
}

std::optional<std::chrono::microseconds> service_watchdog_interval() {
  auto const interval = number_from("WATCHDOG_USEC");
  if (!interval || *interval <= 0) return std::nullopt;
  if (auto const whose = number_from("WATCHDOG_PID"); whose && *whose != ::getpid()) return std::nullopt;
  return std::chrono::microseconds{*interval};
}

}  // namespace farkeep
