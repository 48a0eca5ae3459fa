#include "sim/sim_connection.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.hpp"
#include "base/error.hpp"

namespace farkeep::sim {
namespace {

class SimStream final : public SecureStream {
 public:
  SimStream(std::shared_ptr<Connection> connection, std::size_t side, PeerIdentity peer)
      : connection_(std::move(connection)), side_(side), peer_(std::move(peer)) {}
  ~SimStream() override { SimStream::close(); }

  task<std::size_t> read_some(MutableByteView into) override { return connection_->read_some(side_, into); }
  task<void> write(std::span<const ByteView> parts) override { return connection_->write(side_, parts); }
  using Stream::write;
  void close() noexcept override { connection_->close(side_); }
  std::string describe() const override { return connection_->places[1 - side_].text(); }
  const PeerIdentity& peer() const override { return peer_; }

 private:
  std::shared_ptr<Connection> connection_;
  std::size_t side_;
  PeerIdentity peer_;
};

}  // namespace

std::pair<std::unique_ptr<SecureStream>, std::unique_ptr<SecureStream>> join(
    const std::shared_ptr<Connection>& connection, const PeerIdentity& client, const PeerIdentity& server) {
  return {std::make_unique<SimStream>(connection, 0, server), std::make_unique<SimStream>(connection, 1, client)};
}

Connection::Connection(std::shared_ptr<SimNet::State> n, const Lines& l, const Endpoint& from, const Endpoint& to)
    : net(std::move(n)),
      lines(l),
      places{from, to},
      to_reset(net->draw(l.bytes_to_reset)),
      to_silence(net->draw(l.bytes_to_silence)) {}

task<std::size_t> Connection::read_some(std::size_t side, MutableByteView into) {
  auto alive = shared_from_this();
  FARKEEP_CHECK(!into.empty());
  Way& way = ways[1 - side];
  for (;;) {
    if (closed[side]) throw_if_dead(side, "reading from ");
    if (way.unread() > 0) break;
    throw_if_dead(side, "reading from ");
    if (way.ended) co_return 0;
    co_await way.readable.wait();
  }
  const std::size_t n = std::min(into.size(), way.unread());
  std::memcpy(into.data(), way.arrived.data() + way.read, n);
  way.read += n;
  if (way.unread() == 0) {
    way.arrived.clear();
    way.read = 0;
  }
  way.writable.wake_one();
  co_return n;
}

task<void> Connection::write(std::size_t side, std::span<const ByteView> parts) {
  auto alive = shared_from_this();
  Way& way = ways[side];
  throw_if_dead(side, "writing to ");
  for (ByteView part : parts) {
    while (!part.empty()) {
      const std::size_t full = way.under_way_bytes + way.unread();
      if (full >= kWindow) {
        co_await way.writable.wait();
      } else {
        const std::size_t n = std::min(part.size(), kWindow - full);
        send(side, part.first(n), false);
        part = part.subspan(n);
      }
      throw_if_dead(side, "writing to ");
    }
  }
}

// Bytes leave, up to the byte at which a fault strikes.
void Connection::send(std::size_t side, ByteView bytes, bool end) {
  Way& way = ways[side];
  if (silent) {
    way.under_way_bytes += bytes.size();
    return;
  }
  const std::uint64_t until_fault = std::min(to_reset, to_silence);
  const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), until_fault));
  to_reset -= n;
  to_silence -= n;
  way.under_way.push_back({net->timers.now() + lines.latency, to_buffer(bytes.first(n)), end});
  way.under_way_bytes += n;
  net->timers.after(lines.latency, [self = shared_from_this(), side] { self->deliver(side); });
  if (to_silence == 0) {
    silent = true;
    way.under_way_bytes += bytes.size() - n;
  } else if (to_reset == 0) {
    // Either at once, and what was under way is lost, or behind it.
    if (net->toss()) return reset();
    net->timers.after(lines.latency, [self = shared_from_this()] { self->reset(); });
  }
}

void Connection::deliver(std::size_t side) {
  if (was_reset || net->parted(places[0].address, places[1].address)) return;
  Way& way = ways[side];
  while (!way.under_way.empty() && way.under_way.front().arrives <= net->timers.now()) {
    Way::Segment segment = std::move(way.under_way.front());
    way.under_way.pop_front();
    way.under_way_bytes -= segment.bytes.size();
    if (closed[1 - side] && !segment.bytes.empty()) return reset();
    append(way.arrived, segment.bytes);
    way.ended = way.ended || segment.end;
    way.readable.wake_one();
  }
}

void Connection::close(std::size_t side) {
  if (closed[side]) return;
  closed[side] = true;
  ways[0].readable.wake_all();
  ways[1].readable.wake_all();
  ways[0].writable.wake_all();
  ways[1].writable.wake_all();
  if (was_reset) return;
  if (ways[1 - side].unread() > 0) {
    net->timers.after(lines.latency, [self = shared_from_this()] { self->reset(); });
  } else {
    send(side, {}, true);
  }
}

void Connection::reset() {
  if (was_reset) return;
  was_reset = true;
  for (Way& way : ways) {
    way.under_way.clear();
    way.under_way_bytes = 0;
    way.readable.wake_all();
    way.writable.wake_all();
  }
}

bool Connection::between(const Address& a, const Address& b) const {
  return (places[0].address == a && places[1].address == b) || (places[0].address == b && places[1].address == a);
}

void Connection::throw_if_dead(std::size_t side, const char* doing) const {
  const std::string what = doing + places[1 - side].text();
  if (closed[side]) throw failure(Errc::disconnected, what + ", closed on our side");
  if (was_reset) throw failure(asio::error::connection_reset, what);
}

std::uint64_t SimNet::State::draw(double mean) {
  if (mean <= 0) return UINT64_MAX;
  const double u = static_cast<double>(random() >> 11U) * 0x1p-53;
  return 1 + static_cast<std::uint64_t>(-mean * std::log1p(-u));
}

std::vector<std::shared_ptr<Connection>> SimNet::State::living() {
  std::vector<std::shared_ptr<Connection>> out;
  std::erase_if(connections, [&](const std::weak_ptr<Connection>& weak) {
    auto c = weak.lock();
    if (!c || c->was_reset || (c->closed[0] && c->closed[1])) return true;
    out.push_back(std::move(c));
    return false;
  });
  return out;
}

}  // namespace farkeep::sim
