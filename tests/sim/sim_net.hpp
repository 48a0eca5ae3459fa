#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "sim/sim_timers.hpp"
#include "transport/dialer.hpp"
#include "transport/secure_dialer.hpp"

namespace farkeep::sim {

using Address = asio::ip::address;

/// What the lines of a network are like.
struct Lines {
  Lines() = default;
  std::chrono::nanoseconds latency = std::chrono::milliseconds{1};  ///< one way
  double bytes_to_reset = 0;    ///< mean number of bytes, both ways counted, until a connection is reset; 0: never
  double bytes_to_silence = 0;  ///< …until its bytes begin to vanish and nobody is told; 0: never
};

/// A network in memory, on virtual time, with TCP's habits:
/// bytes arrive in order after the latency; a writer waits while 256 KiB are under way or unread; after close() the
/// peer reads what was sent, then the end; closing with unread bytes, or sending to somebody who has closed, resets; on
/// a reset what was under way may be lost, what had arrived can still be read.  Faults strike at any byte, drawn from
/// the seed: the same seed and the same program give the same run.  Who is at the other end is simply told: there is no
/// TLS.
class SimNet {
 public:
  SimNet(SimTimers& timers, std::uint64_t seed);
  ~SimNet();
  SimNet(const SimNet&) = delete;
  SimNet& operator=(const SimNet&) = delete;

  /// For connections made from now on.
  void set_lines(const Lines& lines);
  /// Between two machines nothing arrives any more; what is under way waits.  New connections time out.
  void partition(const Address& a, const Address& b);
  /// What waited goes on.
  void heal(const Address& a, const Address& b);
  /// The machine's connections are reset and its listeners gone, as when its process dies.
  void crash(const Address& machine);
  /// Resets every connection between the two.
  void reset(const Address& a, const Address& b);
  /// How many connections are open at both ends.
  std::size_t connections() const;
  /// How many were made since the beginning.
  std::size_t made() const;

  struct State;

 private:
  friend class SimListener;
  friend class SimDialer;
  std::shared_ptr<State> state_;
};

/// Listens at one endpoint until it is destroyed or its machine crashes.
class SimListener {
 public:
  /// `self` is whom clients meet there.
  SimListener(SimNet& net, Endpoint at, PeerIdentity self);
  ~SimListener();
  SimListener(const SimListener&) = delete;
  SimListener& operator=(const SimListener&) = delete;

  task<std::unique_ptr<SecureStream>> accept();

  struct State;

 private:
  std::shared_ptr<State> state_;
};

/// A machine's way out: refused when nobody listens there, timed_out behind a partition, wrong_server by the identity
/// told.
class SimDialer final : public Dialer, public SecureDialer {
 public:
  SimDialer(SimNet& net, Address own, PeerIdentity self);
  task<std::unique_ptr<Stream>> dial(Endpoint destination) override;
  task<std::unique_ptr<SecureStream>> connect(Endpoint destination, ExpectedServer expected) override;

 private:
  task<std::unique_ptr<SecureStream>> open(Endpoint destination);

  std::shared_ptr<SimNet::State> net_;
  Address own_;
  PeerIdentity self_;
};

}  // namespace farkeep::sim
