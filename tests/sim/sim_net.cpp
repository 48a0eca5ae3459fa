#include "sim/sim_net.hpp"

#include "base/check.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "sim/sim_connection.hpp"

namespace farkeep::sim {

SimNet::SimNet(SimTimers& timers, std::uint64_t seed) : state_(std::make_shared<State>(timers, seed)) {}

// The streams hold the state, the state the listeners: cut here.
SimNet::~SimNet() { state_->listeners.clear(); }

void SimNet::set_lines(const Lines& lines) { state_->lines = lines; }

void SimNet::partition(const Address& a, const Address& b) { state_->partitions.insert(std::minmax(a, b)); }

void SimNet::heal(const Address& a, const Address& b) {
  state_->partitions.erase(std::minmax(a, b));
  for (const auto& c : state_->living()) {
    if (!c->between(a, b)) continue;
    c->deliver(0);
    c->deliver(1);
  }
}

void SimNet::crash(const Address& machine) {
  for (auto it = state_->listeners.begin(); it != state_->listeners.end();) {
    if (it->first.address == machine) {
      it->second->gone = true;
      it->second->came.wake_all();
      it = state_->listeners.erase(it);
    } else {
      ++it;
    }
  }
  for (const auto& c : state_->living())
    if (c->touches(machine)) c->reset();
}

void SimNet::reset(const Address& a, const Address& b) {
  for (const auto& c : state_->living())
    if (c->between(a, b)) c->reset();
}

std::size_t SimNet::connections() const {
  std::size_t n = 0;
  for (const auto& c : state_->living())
    if (!c->closed[0] && !c->closed[1]) ++n;
  return n;
}

std::size_t SimNet::made() const { return state_->made; }

SimListener::SimListener(SimNet& net, Endpoint at, PeerIdentity self) : state_(std::make_shared<State>()) {
  state_->at = at;
  state_->self = std::move(self);
  state_->net = net.state_;
  const bool first = net.state_->listeners.emplace(at, state_).second;
  if (!first) throw failure(asio::error::address_in_use, "listening at " + at.text());
}

SimListener::~SimListener() {
  auto it = state_->net->listeners.find(state_->at);
  if (it != state_->net->listeners.end() && it->second == state_) state_->net->listeners.erase(it);
  state_->gone = true;
  state_->came.wake_all();
}

task<std::unique_ptr<SecureStream>> SimListener::accept() {
  auto state = state_;
  while (state->waiting.empty() && !state->gone) co_await state->came.wait();
  if (state->gone) throw failure(Errc::disconnected, "accepting at " + state->at.text() + ", which is gone");
  std::unique_ptr<SecureStream> stream = std::move(state->waiting.front());
  state->waiting.pop_front();
  co_return stream;
}

SimDialer::SimDialer(SimNet& net, Address own, PeerIdentity self)
    : net_(net.state_), own_(std::move(own)), self_(std::move(self)) {}

task<std::unique_ptr<Stream>> SimDialer::dial(Endpoint destination) {
  std::unique_ptr<SecureStream> stream = co_await open(destination);
  co_return std::unique_ptr<Stream>{std::move(stream)};
}

task<std::unique_ptr<SecureStream>> SimDialer::connect(Endpoint destination, ExpectedServer expected) {
  std::unique_ptr<SecureStream> stream = co_await open(destination);
  const auto* id = std::get_if<ServerId>(&expected);
  if (id != nullptr && stream->peer().server != *id)
    throw wrong_server(stream->peer().server, "connecting to server " + id->brief() + " at " + destination.text());
  co_return stream;
}

task<std::unique_ptr<SecureStream>> SimDialer::open(Endpoint destination) {
  const std::string doing = "connecting to " + destination.text();
  auto net = net_;
  const Lines lines = net->lines;
  co_await net->timers.sleep(2 * lines.latency);
  if (net->parted(own_, destination.address)) {
    co_await net->timers.sleep(limits::kConnectTimeout);
    throw failure(Errc::timed_out, doing);
  }
  auto it = net->listeners.find(destination);
  if (it == net->listeners.end()) throw failure(asio::error::connection_refused, doing);
  const Endpoint from{own_, net->next_port++};
  ++net->made;
  auto connection = std::make_shared<Connection>(net, lines, from, destination);
  net->connections.push_back(connection);
  auto [mine, theirs] = join(connection, self_, it->second->self);
  it->second->waiting.push_back(std::move(theirs));
  it->second->came.wake_one();
  co_return std::move(mine);
}

}  // namespace farkeep::sim
