#include "agent/tls_servers.hpp"

#include <algorithm>
#include <typeinfo>

#include "agent/stored_time.hpp"
#include "agent/vault_client.hpp"
#include "async/scope.hpp"
#include "base/log.hpp"
#include "transport/peer.hpp"
#include "wire/message.hpp"
#include "wire/refusal.hpp"
#include "wire/root_word.hpp"

namespace farkeep {

namespace {
using namespace std::chrono_literals;
constexpr auto kLost = 24h;    // so long without a server, and the registration pair is asked…
constexpr auto kAskAgain = 1h; // …and again after this
constexpr auto kLookAtWord = 1min;  // a small file

void refuse_revoked(RootTrust& trust, const Peer& peer, const std::string& name) {
  if (const std::string why = trust.objection(peer.identity()); !why.empty()) throw failure(Errc::identity, "using " + name + ": " + why);
}

}  // namespace

task<AddressBook::Heard> ask_for_news(Peer& peer, AddressBook& book) {
  wire::pb::GetDirectory ask;
  ask.set_serial(book.serial());
  const auto directory = co_await peer.call<wire::pb::SignedDirectory>(wire::Verb::directory, ask);
  co_return book.hear(directory);
}

TlsServersOptions servers_options(const AgentConfig& config) {
  TlsServersOptions out;
  out.progress_timeout = config.connection.progress_timeout;
  for (auto& s : config.servers) out.registration.push_back(s.to_string());
  return out;
}

TlsServers::TlsServers(AgentState& state, const AgentCredentials& keys, const Certificate& authority, Line& line, Timers& timers, const Clock& clock, TlsServersOptions options)
    : state_(state),
      keys_(keys),
      timers_(timers),
      clock_(clock),
      options_(std::move(options)),
      book_(state, authority, clock),
      dialer_(line, timers, [this] { return context_of(&keys_, servers_.trust(), clock_); }, state, clock),
      servers_(state, authority, dialer_, timers, clock, options_.progress_timeout) {}

// A machine that was off for longer than its certificate lives cannot renew it.  By its clock alone: where that is wrong, servers let it in, and nothing is said.
std::string TlsServers::way_out(const failure& refusal) const {
  const Errc code = classify(refusal.code());
  const WallTime end = keys_.chain.front().not_after();
  const auto* doubt = dynamic_cast<const untrusted_peer*>(&refusal);
  const bool slept_alike = doubt && doubt->why() == untrusted_peer::Why::expired;  // the server was off as long as this machine
  const bool is_about_us = typeid(refusal) == typeid(failure) || typeid(refusal) == typeid(wire::Refusal) || slept_alike;  // and not about who the server is
  if (!is_about_us || (code != Errc::identity && code != Errc::unauthorised && code != Errc::disconnected) || clock_.wall() <= end) return {};
  return "; this machine's own certificate has expired at " + rfc3339(end) + ", by its clock. If that is right, it gets a new one, and keeps all else, by: farkeep recover --agent " + keys_.agent.hex() +
         ", with a token of farkeep-server token create --recover " + keys_.agent.hex();
}

task<void> TlsServers::use(ServerTarget target, Work work) {
  try {
    co_await servers_.use(std::move(target), std::move(work));
  } catch (const failure& f) {
    const std::string out = way_out(f);
    if (out.empty()) throw;
    throw failure::whole(classify(f.code()), f.what() + out);
  }
}

// 1. is it time?  2. whom was nobody's turn yet  3. what they say
task<bool> TlsServers::look_further() {
  auto known = state_.endpoints();
  const WallTime now = clock_.wall();
  const auto within = [&](std::int64_t ns, std::chrono::nanoseconds time) {
    const auto ago = age(ns, now);
    return ago && *ago < time;
  };
  const bool registered_lately = within(keys_.chain.front().not_before().time_since_epoch().count(), kLost);
  const bool reached_lately = std::any_of(known.endpoint().begin(), known.endpoint().end(), [&](const agent::pb::Endpoint& e) { return within(e.last_good_ns(), kLost); });
  if (registered_lately || reached_lately || within(known.asked_registration_ns(), kAskAgain)) co_return false;
  known.set_asked_registration_ns(now.time_since_epoch().count());
  state_.set_endpoints(known);

  const std::vector<ServerTarget> tried = pair();
  for (const std::string& address : options_.registration) {
    if (std::any_of(tried.begin(), tried.end(), [&](const ServerTarget& t) { return t.address == address; })) continue;
    const bool news = co_await ask(address);
    if (news) co_return true;
  }
  co_return false;
}

task<bool> TlsServers::ask(std::string address) {
  bool news = false;
  log_info("no server was reached for a day: asking the registration server {} for newer addresses", address);
  try {
    const Endpoint destination = value_or_throw(Endpoint::parse(address), "reading the address " + address);
    ExpectedServer expected = destination.address;
    std::function<task<void>(Peer&)> talk = [&](Peer& peer) -> task<void> {
      co_await VaultClient::hello(peer, clock_);
      const AddressBook::Heard heard = co_await ask_for_news(peer, book_);
      news = heard == AddressBook::Heard::taken;
    };
    co_await with_peer(dialer_, timers_, destination, std::move(expected), std::move(talk), options_.progress_timeout);
  } catch (const failure& f) {
    log_warning("{}", f.what());
  }
  co_return news;
}

TlsContext context_of(const AgentCredentials* keys, RootTrust& trust, const Clock& clock) {
  TlsCredentials c;
  c.revoked = trust.revoked();
  c.authority_pem = trust.roots().pem();
  if (keys) {
    c.certificate_pem = to_pem(keys->chain);
    c.key_pem = keys->signing.to_pem();
  }
  return TlsContext(c, clock);
}

task<void> with_peer(SecureDialer& dialer, Timers& timers, Endpoint destination, ExpectedServer expected, std::function<task<void>(Peer&)> work,
                     std::chrono::nanoseconds progress_timeout) {
  std::unique_ptr<SecureStream> stream = co_await dialer.connect(std::move(destination), std::move(expected));
  co_await with_peer(std::move(stream), timers, std::move(work), progress_timeout);
}

task<void> with_peer(std::unique_ptr<SecureStream> stream, Timers& timers, std::function<task<void>(Peer&)> work, std::chrono::nanoseconds progress_timeout) {
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

// A refusal is logged, and the session goes on: a backup does not wait for news.
task<void> PeerServers::hear_news(Peer& peer) {
  try {
    co_await ask_for_news(peer, book_);
  } catch (const wire::Refusal& r) {
    log_warning("{}", r.what());
  }
}

task<void> PeerServers::use(ServerTarget target, Work work) {
  const Endpoint destination = value_or_throw(Endpoint::parse(target.address), "reading the address " + target.address);
  std::function<task<void>(Peer&)> all = [&](Peer& peer) -> task<void> { return talk(peer, target, work); };
  ExpectedServer expected = target.id;
  co_await with_peer(dialer_, timers_, destination, std::move(expected), std::move(all), progress_timeout_);
}

task<void> PeerServers::talk(Peer& peer, const ServerTarget& target, const Work& work) {
  co_await VaultClient::hello(peer, clock_);
  VaultClient vault(peer, trust_.roots(), target.name);
  co_await vault.open();
  book_.worked(target.address);
  co_await hear_news(peer);
  refuse_revoked(trust_, peer, target.name);
  vault.trust(trust_.roots());
  Scope scope(co_await asio::this_coro::executor);
  auto work_and_end = [](const Work* w, VaultClient* v, Scope* s) -> task<void> {
    co_await (*w)(*v);
    s->cancel();
  };
  scope.spawn(work_and_end(&work, &vault, &scope), "work in the vault on " + target.name);
  scope.spawn(watch_word(peer, vault, target.name), "watching what the root says of " + target.name);
  co_await scope.join();
}

// Another session, of another process perhaps, hears of it from the other server: a thief does not tell.
task<void> PeerServers::watch_word(Peer& peer, VaultClient& vault, const std::string& name) {
  for (;;) {
    co_await timers_.sleep(kLookAtWord);
    refuse_revoked(trust_, peer, name);
    vault.trust(trust_.roots());
  }
}

}  // namespace farkeep
