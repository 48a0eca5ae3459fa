#include "agent/tls_servers.hpp"

#include "agent/vault_client.hpp"
#include "async/scope.hpp"
#include "transport/peer.hpp"
#include "wire/message.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {

TlsServers::TlsServers(AgentState& state, const AgentKeys& keys, const Certificate& authority, Dialer& dialer, Timers& timers, const Clock& clock,
                       std::chrono::nanoseconds progress_timeout)
    : dialer_(dialer, timers, TlsContext(credentials_of(&keys, authority), clock)), servers_(state, authority, dialer_, timers, clock, progress_timeout) {}

std::vector<ServerTarget> pair_of(const wire::pb::Directory& directory) {
  std::vector<ServerTarget> line;
  if (directory.pair_size() == 0) return line;
  const auto add = [&line](const wire::pb::DataCentre& d, const char* role) {
    const auto id = ServerId::from(d.server_id());
    if (!id) return;
    for (auto& address : d.address()) line.push_back(ServerTarget{*id, d.name() + " (" + role + ", " + address + ")", address});
  };
  add(directory.pair(0).primary(), "primary");
  add(directory.pair(0).alternate(), "alternate");
  return line;
}

std::vector<ServerTarget> PeerServers::pair() const {
  const auto document = value_or_throw(wire::parse_message<wire::pb::SignedDirectory>(as_text(state_.directory())), "reading the address directory in " + state_.folder());
  // It was verified when it came; the certificate that signed it may have expired since.
  return pair_of(value_or_throw(wire::parse_message<wire::pb::Directory>(document.directory()), "reading the address directory in " + state_.folder()));
}

TlsCredentials credentials_of(const AgentKeys* keys, const Certificate& authority) {
  TlsCredentials c;
  c.authority_pem = authority.pem();
  if (keys) {
    c.certificate_pem = to_pem(keys->chain);
    c.key_pem = keys->signing.to_pem();
  }
  return c;
}

task<void> with_peer(SecureDialer& dialer, Timers& timers, Endpoint destination, ExpectedServer expected, std::function<task<void>(Peer&)> work,
                     std::chrono::nanoseconds progress_timeout) {
  std::unique_ptr<SecureStream> stream = co_await dialer.connect(std::move(destination), std::move(expected));
  Peer peer(timers, std::move(stream), progress_timeout);
  Scope scope(co_await asio::this_coro::executor);
  std::exception_ptr refusal;
  auto talk = [](Peer* p, const std::function<task<void>(Peer&)>* w, std::exception_ptr* why) -> task<void> {
    try {
      co_await (*w)(*p);
    } catch (const failure& f) {
      if (classify(f.code()) != Errc::disconnected) *why = std::current_exception();
      throw;
    }
    co_await p->bye();
  };
  scope.spawn(peer.run(), "connection to " + peer.describe());
  scope.spawn(talk(&peer, &work, &refusal), "work on " + peer.describe());
  try {
    co_await scope.join();
  } catch (const boost::system::system_error&) {
    // A server that refuses may hang up at once: what it said weighs more than that it is gone.
    if (refusal) std::rethrow_exception(refusal);
    throw;
  }
}

task<void> PeerServers::use(ServerTarget target, Work work) {
  const Endpoint destination = value_or_throw(Endpoint::parse(target.address), "reading the address " + target.address);
  std::function<task<void>(Peer&)> talk = [&](Peer& peer) -> task<void> {
    co_await VaultClient::hello(peer, clock_);
    VaultClient vault(peer, authority_, target.name);
    co_await vault.open();
    co_await work(vault);
  };
  ExpectedServer expected = target.id;
  co_await with_peer(dialer_, timers_, destination, std::move(expected), std::move(talk), progress_timeout_);
}

}  // namespace farkeep
