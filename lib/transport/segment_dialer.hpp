#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "async/timers.hpp"
#include "base/error.hpp"
#include "transport/line.hpp"
#include "transport/secure_dialer.hpp"

namespace farkeep {

/// Which ways need small segments: what was learnt outlives the process.
class SegmentMemory {
 public:
  virtual ~SegmentMemory() = default;
  virtual std::optional<int> segment(const std::string& network, const std::string& address) const = 0;
  virtual void learn(const std::string& network, const std::string& address, int segment) = 0;
};

/// Connections that are known to carry large messages both ways.
///
/// In some networks a link takes only smaller packets than the ends believe, and the ICMP messages that say so are dropped (RFC 2923 §2.1,
/// "path MTU black hole"): connections are made, small messages pass, and then nothing moves.  So 4 KiB go there and back before a
/// connection is used; when they, or TLS, stall and the line shows that sign, it is dialled again with segments of 1220 bytes, which fit
/// into what IPv6 guarantees, then 536, which fit into what IPv4 does.  What helps is remembered for the network and the address; and what would
/// have been tried next, where the caller gave up while the line showed that sign.
///
/// Servers that accept and stay silent look like it, as ports of a firewall do that lead nowhere: for them small segments are tried at most
/// once an hour, and only the first size.
class SegmentDialer final : public SecureDialer {
 public:
  /// `dialer` connects through `line`, and nobody else does meanwhile.  All outlive it.
  SegmentDialer(SecureDialer& dialer, Line& line, Timers& timers, SegmentMemory& memory) : dialer_(dialer), line_(line), timers_(timers), memory_(memory) {}
  task<std::unique_ptr<SecureStream>> connect(Endpoint destination, ExpectedServer expected) override;

 private:
  task<std::unique_ptr<SecureStream>> proved(Endpoint destination, ExpectedServer expected);
  bool worth_smaller(const failure& f, const std::string& address);
  void given_up(const std::string& network, const std::string& address, std::optional<int> segment);

  SecureDialer& dialer_;
  Line& line_;
  Timers& timers_;
  SegmentMemory& memory_;
  std::map<std::string, SteadyTime> silent_;  // address: when small segments were last tried on one that is silent
};

}  // namespace farkeep
