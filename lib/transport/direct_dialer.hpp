#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "async/timers.hpp"
#include "base/limits.hpp"
#include "config/connection_config.hpp"
#include "transport/line.hpp"

namespace farkeep {

struct DirectDialerOptions {
  DirectDialerOptions() = default;
  std::chrono::nanoseconds connect_timeout = limits::kConnectTimeout;
  std::optional<PortRange> source_ports;  ///< for packet filters that know a connection by its source port
  std::optional<int> hops;         ///< how many routers may pass the packets on (TTL): to see how far they get
  std::optional<int> receive_buffer;  ///< bytes, set before connecting: it bounds the window that is offered
  std::optional<int> max_segment;  ///< bytes, for a way that swallows large packets (RFC 2923 §2.1, MTU black hole)
};

/// What the settings say about it.
DirectDialerOptions direct_options(const ConnectionConfig& settings);

/// TCP straight to the destination.
class DirectDialer final : public Line {
 public:
  /// `timers` outlives the dialer.
  DirectDialer(Executor executor, Timers& timers, DirectDialerOptions options = DirectDialerOptions{});
  task<std::unique_ptr<Stream>> dial(Endpoint destination) override;
  void set_max_segment(std::optional<int> bytes) override { options_.max_segment = bytes; }
  /// For what is dialled from now on: what the system takes in ahead of us, in bytes; nothing: as the system has it.
  void set_receive_buffer(std::optional<int> bytes) { options_.receive_buffer = bytes; }
  LineSymptom symptom() const override { return *symptom_; }
  std::string network(const Endpoint& destination) const override;

 private:
  task<std::unique_ptr<Stream>> connect(Endpoint destination);

  Executor executor_;
  Timers& timers_;
  DirectDialerOptions options_;
  std::shared_ptr<LineSymptom> symptom_ = std::make_shared<LineSymptom>(LineSymptom::none);  // streams may outlive the dialer
  std::uint32_t next_port_ = 0;  // counts dials, so that a port just used is not tried first
};

}  // namespace farkeep
