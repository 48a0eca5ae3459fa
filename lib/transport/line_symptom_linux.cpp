#include <linux/tcp.h>  // with what the C library's header does not know; the two exclude each other
#include <netinet/in.h>
#include <sys/socket.h>

#include "transport/line_symptom.hpp"

namespace farkeep {

LineSymptom symptom_of(int handle) noexcept {
  tcp_info now{};
  socklen_t size = sizeof now;
  if (::getsockopt(handle, IPPROTO_TCP, TCP_INFO, &now, &size) != 0) return LineSymptom::none;
  const bool heard_us = now.tcpi_bytes_acked > 1;  // the SYN counts as one
  if (heard_us && now.tcpi_unacked > 0 && now.tcpi_retransmits >= 2) return LineSymptom::swallowing;
  if (now.tcpi_rcv_ooopack > 0) return LineSymptom::swallowing;
  return heard_us && now.tcpi_bytes_received == 0 ? LineSymptom::silent : LineSymptom::none;
}

}  // namespace farkeep
