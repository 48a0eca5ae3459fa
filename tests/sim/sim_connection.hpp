#pragma once

#include <deque>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "async/waiters.hpp"
#include "sim/sim_net.hpp"

/// The insides of sim_net: one connection, and what the net knows.
namespace farkeep::sim {

inline constexpr std::size_t kWindow = 256 * 1024;

/// One way of a connection.  Side i writes into way i and reads from way 1 - i.
struct Way {
  struct Segment {
    SteadyTime arrives;
    Buffer bytes;
    bool end = false;
  };
  std::deque<Segment> under_way;
  std::size_t under_way_bytes = 0;
  Buffer arrived;
  std::size_t read = 0;  // of arrived
  bool ended = false;    // the end has arrived
  Waiters readable, writable;

  std::size_t unread() const { return arrived.size() - read; }
};

struct Connection : std::enable_shared_from_this<Connection> {
  Connection(std::shared_ptr<SimNet::State> n, const Lines& l, const Endpoint& from, const Endpoint& to);

  task<std::size_t> read_some(std::size_t side, MutableByteView into);
  task<void> write(std::size_t side, std::span<const ByteView> parts);
  void close(std::size_t side);
  void reset();
  void send(std::size_t side, ByteView bytes, bool end);
  void deliver(std::size_t side);
  bool between(const Address& a, const Address& b) const;
  bool touches(const Address& a) const { return places[0].address == a || places[1].address == a; }
  void throw_if_dead(std::size_t side, const char* doing) const;

  std::shared_ptr<SimNet::State> net;
  Lines lines;
  Endpoint places[2];
  Way ways[2];
  bool closed[2] = {false, false};
  bool was_reset = false, silent = false;
  std::uint64_t to_reset, to_silence;  // bytes left
};

struct SimNet::State : std::enable_shared_from_this<State> {
  State(SimTimers& t, std::uint64_t seed) : timers(t), random(seed) {}
  bool parted(const Address& a, const Address& b) const { return partitions.contains(std::minmax(a, b)); }
  /// Exponential with this mean, at least 1; never for 0.
  std::uint64_t draw(double mean);
  bool toss() { return (random() & 1U) != 0; }
  std::vector<std::shared_ptr<Connection>> living();

  SimTimers& timers;
  std::mt19937_64 random;
  Lines lines;
  std::set<std::pair<Address, Address>> partitions;
  std::map<Endpoint, std::shared_ptr<SimListener::State>> listeners;
  std::vector<std::weak_ptr<Connection>> connections;
  std::uint16_t next_port = 40000;
  std::size_t made = 0;  // connections
};

struct SimListener::State {
  Endpoint at;
  PeerIdentity self;
  std::shared_ptr<SimNet::State> net;
  std::deque<std::unique_ptr<SecureStream>> waiting;
  Waiters came;
  bool gone = false;
};

/// Both ends of a new connection.
std::pair<std::unique_ptr<SecureStream>, std::unique_ptr<SecureStream>> join(
    const std::shared_ptr<Connection>& connection, const PeerIdentity& client, const PeerIdentity& server);

}  // namespace farkeep::sim
