#include "sim/server_machine.hpp"

#include <boost/asio/this_coro.hpp>

#include "base/error.hpp"

namespace farkeep::sim {
namespace {

PeerIdentity shown(const Identity& identity) {
  auto who = PeerIdentity::of_server(identity.id());
  who.certificate = identity.chain()[0].der();
  return who;
}

ServerSettings settings() {
  ServerSettings s;
  s.data = ServerMachine::kData;
  s.vaults.vault.segment_target = 64 * 1024;           // several segments even for a small tree
  s.vaults.idle = std::chrono::minutes{1};
  s.mirror.interval = std::chrono::seconds{30};
  s.mirror.backoff = std::chrono::minutes{1};
  return s;
}

}  // namespace

ServerMachine::ServerMachine(Earth& earth, std::string name, const char* address)
    : Machine(earth, std::move(name), address),
      clock_(earth.timers, std::chrono::seconds{static_cast<std::int64_t>(earth.dice.below(600))}),
      random_(earth.next_seed()) {}

PeerIdentity ServerMachine::shown_identity() const { return shown(identity_.value()); }

std::set<std::string> ServerMachine::kept() {
  std::set<std::string> names;
  for (auto const& file : disk().lasting_files())
    if (auto const at = file.find("/snap/"); at != std::string::npos) names.insert(file.substr(at));
  return names;
}

task<void> ServerMachine::live() {
  if (!identity_) identity_.emplace(Identity::load(disk(), kData));  // it never changes, and parsing keys is slow
  dialer_ = std::make_unique<SimDialer>(earth_.net, address(), shown(*identity_));
  store_ = co_await DirectoryStore::open(disk(), earth_.workers, random_, std::string{kData} + "/store");
  server_.emplace(co_await asio::this_coro::executor, disk(), *store_, *identity_, clock_, earth_.timers, earth_.workers, random_, *dialer_, settings());
  server_->look_after(*store_);
  SimListener listener{earth_.net, at(), shown(*identity_)};
  Scope scope{co_await asio::this_coro::executor};
  scope.spawn(server_->run(), "server");
  scope.spawn(accept(listener, scope), "accepting");
  try {
    co_await scope.join();
  } catch (const failure& e) {
    if (!stopping()) earth_.violate(fmt::format("the server {} ended by itself: {}", name(), e.what()));
    throw;
  }
}

task<void> ServerMachine::accept(SimListener& listener, Scope& scope) {
  for (;;) {
    auto stream = co_await listener.accept();
    scope.spawn(server_->serve(std::move(stream)), "session");
  }
}

task<void> ServerMachine::clean_up() {
  try {
    if (server_) co_await server_->close();
  } catch (const boost::system::system_error& e) {
    if (!disk().without_power()) earth_.trace.add("{}: closing: {}", name(), e.what());
  }
  server_.reset();
  store_.reset();
  dialer_.reset();
}

}  // namespace farkeep::sim
