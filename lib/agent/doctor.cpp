#include "agent/doctor.hpp"

#include "agent/tls_servers.hpp"
#include "agent/vault_client.hpp"
#include "async/race.hpp"
#include "transport/direct_dialer.hpp"
#include "transport/echo.hpp"
#include "transport/http_connect.hpp"
#include "transport/peer.hpp"
#include "transport/proxy_route.hpp"
#include "transport/shake_hands.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr auto kBulkStep = 20s;          // for 64 KiB on a line of 32 kbit/s
constexpr int kSmallSegment = 1220;      // fits what IPv6 guarantees
constexpr std::uint16_t kUnusedPort = 16385;  // beside ours: nobody listens, and no rule of ours permits it
constexpr std::chrono::nanoseconds kLatest = std::chrono::days{365 * 200};
constexpr int kMostHops = 30, kQuietHops = 2;  // two routers in a row that say nothing are the end
constexpr auto kHopWait = 2s;
constexpr std::chrono::seconds kSilences[] = {10s, 20s, 28s};  // up to what a session is ever silent
constexpr std::size_t kBulk[] = {64, 1 * limits::kKiB, 4 * limits::kKiB, 64 * limits::kKiB};

void keep(const boost::system::system_error& e, Examination& out) {
  out.code = classify(e.code());
  out.text = e.what();
  if (e.code().category() == boost::system::system_category()) out.raw = e.code();
}

}  // namespace

Doctor::Doctor(Executor executor, Timers& timers, const Clock& clock, Resolver& resolver, Random& random, const ConnectionConfig& connection, const SecretText& password,
               RootTrust& trust, const AgentCredentials* keys, LoginMemory& logins)
    : executor_(std::move(executor)),
      timers_(timers),
      clock_(clock),
      resolver_(resolver),
      random_(random),
      connection_(connection),
      password_(password),
      trust_(trust),
      keys_(keys),
      logins_(logins) {}

// 1. the way there  2. TLS, and who it is  3. as much as a real session sends  4. hello
task<Examination> Doctor::examine(NeededServer server, std::optional<int> max_segment) {
  Examination out;
  out.server = std::move(server);
  const SteadyTime begin = timers_.now();
  Chain chain(executor_, timers_, resolver_, connection_, SecretText(password_.text()), &logins_);
  try {
    chain.set_max_segment(max_segment);
    const Endpoint destination = value_or_throw(Endpoint::parse(out.server.address.to_string()), "reading an address");
    std::unique_ptr<Stream> stream = co_await chain.dial(destination);
    out.reached = Stage::tls;
    std::unique_ptr<SecureStream> proved = co_await secure(std::move(stream), out.server);
    out.answered = proved->peer().server;
    co_await send_bulk(*proved, out);
    out.reached = Stage::hello;
    co_await greet(std::move(proved), out);
    out.reached = Stage::done;
    out.text = "server " + out.answered->brief() + " answers";
  } catch (const wrong_server& e) {
    out.answered = e.found();
    keep(e, out);
  } catch (const untrusted_peer& e) {
    out.doubt = e.why();
    keep(e, out);
  } catch (const proxy_error& e) {
    out.trouble = e.trouble();
    keep(e, out);
  } catch (const failure& e) {
    keep(e, out);
  }
  out.symptom = chain.symptom();
  // A server that asks to come back later is reached; an agent that it has not heard of yet is no trouble of the way.
  if (out.reached == Stage::hello && out.code == Errc::busy) out.reached = Stage::done;
  out.took = std::chrono::duration_cast<std::chrono::milliseconds>(timers_.now() - begin);
  co_return out;
}

task<std::unique_ptr<SecureStream>> Doctor::secure(std::unique_ptr<Stream> stream, const NeededServer& server) {
  const TlsContext tls = context_of(keys_, trust_, clock_);
  ExpectedServer expected = asio::ip::make_address(server.address.ip);
  if (server.id) expected = *server.id;
  std::string doing = "starting TLS with " + stream->describe();
  co_return co_await with_timeout(timers_, limits::kTlsTimeout, tls.connect(std::move(stream), std::move(expected)), std::move(doing));
}

// What grows from one that fits into any packet to more than what is on its way at once.
task<void> Doctor::send_bulk(SecureStream& stream, Examination& out) {
  for (const std::size_t bytes : kBulk) {
    out.reached = bytes == kBulk[0] ? Stage::hello : Stage::bulk;
    std::string doing = "sending " + std::to_string(bytes) + " bytes there and back to " + stream.describe();
    co_await with_timeout(timers_, kBulkStep, echo(stream, bytes), std::move(doing));
  }
}

task<void> Doctor::greet(std::unique_ptr<SecureStream> stream, Examination& out) {
  std::function<task<void>(Peer&)> work = [&](Peer& peer) -> task<void> {
    const auto reply = co_await VaultClient::hello(peer, clock_);
    // A time that is no time would overflow.
    if (reply.time_ns() > 0 && reply.time_ns() < kLatest.count())
      out.skew = std::chrono::duration_cast<std::chrono::seconds>(WallTime{std::chrono::nanoseconds(reply.time_ns())} - clock_.wall());
  };
  co_await with_peer(std::move(stream), timers_, std::move(work));
}

task<Extras> Doctor::probe_further(const std::vector<Examination>& seen, Idle idle) {
  Extras out;
  bool all_silent = true;
  const Examination* first = nullptr;  // of those that are needed now
  const Examination* stalled = nullptr;
  const Examination* silent = nullptr;
  const Examination* working = nullptr;
  bool odd_proxy = false;
  for (auto& e : seen) {
    if (e.server.from || e.server.until) continue;
    if (!first) first = &e;
    all_silent = all_silent && unanswered(e);
    if (stalls(e) && !stalled) stalled = &e;
    if (e.works() && !working) working = &e;
    if (unanswered(e) && !silent) silent = &e;
    if (e.trouble)
      odd_proxy = odd_proxy || *e.trouble == ProxyTrouble::silent || *e.trouble == ProxyTrouble::closed_at_once || *e.trouble == ProxyTrouble::other_protocol ||
                  *e.trouble == ProxyTrouble::malformed || (connection_.mode == ConnectionMode::http && *e.trouble == ProxyTrouble::behind_silent);
  }
  if (odd_proxy && !working && connection_.proxy()) {
    const ConnectionMode other = connection_.mode == ConnectionMode::socks ? ConnectionMode::http : ConnectionMode::socks;
    const bool yes = co_await speaks(other, connection_.proxy()->proxy);
    if (yes) out.proxy_speaks = other;
  }
  if (first && all_silent && connection_.mode == ConnectionMode::direct) {
    const auto address = Endpoint::parse(first->server.address.to_string());
    if (address) out.host_refuses_other_port = co_await refuses(Endpoint{address->address, kUnusedPort});
  }
  if (stalled) {
    NeededServer again = stalled->server;
    const Examination smaller = co_await examine(std::move(again), kSmallSegment);
    out.small_segments_pass = smaller.works();
  }
  if (silent && connection_.mode == ConnectionMode::direct) {
    const Endpoint there = value_or_throw(Endpoint::parse(silent->server.address.to_string()), "reading an address");
    out.hops = co_await count_hops(there);
  }
  if (working && idle == Idle::probe) {
    NeededServer server = working->server;
    out.idle_cut = co_await find_idle_limit(std::move(server));
  }
  co_return out;
}

// A packet whose time to live ends on the way makes the router there say so, unless a firewall has dropped it before, or keeps routers quiet.
task<int> Doctor::count_hops(Endpoint there) {
  int answered = 0;
  for (int hop = 1; hop <= kMostHops && hop - answered <= kQuietHops; ++hop) {
    DirectDialerOptions options = direct_options(connection_);
    options.connect_timeout = kHopWait;
    options.hops = hop;
    boost::system::error_code code;
    try {
      DirectDialer direct(executor_, timers_, options);
      const auto stream = co_await direct.dial(there);
    } catch (const failure& e) {
      code = e.code();
    }
    if (code == boost::system::errc::host_unreachable) answered = hop;
    else if (classify(code) != Errc::timed_out) break;
  }
  co_return answered;
}

// Both sides of a session ping after 30 s of silence: what forgets connections later than that does no harm.
task<std::optional<std::chrono::seconds>> Doctor::find_idle_limit(NeededServer server) {
  Chain chain(executor_, timers_, resolver_, connection_, SecretText(password_.text()), &logins_);
  const Endpoint there = value_or_throw(Endpoint::parse(server.address.to_string()), "reading an address");
  std::chrono::seconds held{0};
  try {
    std::unique_ptr<Stream> stream = co_await chain.dial(there);
    const std::unique_ptr<SecureStream> proved = co_await secure(std::move(stream), server);
    for (const std::chrono::seconds silence : kSilences) {
      held = silence;
      co_await timers_.sleep(silence);
      co_await with_timeout(timers_, limits::kEchoTimeout, echo(*proved, kBulk[0]), "sending a ping after silence");
    }
    co_return std::nullopt;
  } catch (const failure&) {
  }
  if (held.count() == 0) co_return std::nullopt;  // it was reached a moment ago, and is no more: nothing about silence
  co_return held;
}

// Whether a proxy of that kind is there: whatever it answers in its own protocol is proof, a refusal too.
task<bool> Doctor::speaks(ConnectionMode mode, HostAddress proxy) {
  ProxyPlace place;
  place.kind = mode == ConnectionMode::http ? ProxyKind::http : ProxyKind::socks5;
  place.proxy = proxy.to_string();
  place.destination = Endpoint{asio::ip::make_address("192.0.2.1")};  // RFC 5737: nobody's
  const ProxyLogin nobody;
  const ProxyPatience patience;
  std::optional<ProxyTrouble> trouble;
  bool tunnel = false;
  try {
    DirectDialer direct(executor_, timers_, direct_options(connection_));
    ProxyRoute route(direct, resolver_);
    const std::unique_ptr<Stream> stream = co_await route.dial(std::move(proxy), place);
    const std::unique_ptr<Handshake> handshake = mode == ConnectionMode::http ? http_connect(place, no_authenticator(), patience) : socks5(place, nobody, patience);
    co_await shake_hands(*stream, *handshake, timers_);
    tunnel = true;
  } catch (const proxy_error& e) {
    trouble = e.trouble();
  } catch (const failure&) {
    co_return false;
  }
  if (tunnel) co_return true;
  switch (*trouble) {
    case ProxyTrouble::login_demanded:
    case ProxyTrouble::login_kind:
    case ProxyTrouble::login_refused:
    case ProxyTrouble::login_closed:
    case ProxyTrouble::general:
    case ProxyTrouble::forbidden:
    case ProxyTrouble::behind_no_way:
    case ProxyTrouble::behind_refused:
    case ProxyTrouble::address_kind: co_return true;
    // No answer at all: for HTTP that proves nothing, SOCKS has answered its greeting by then.
    case ProxyTrouble::behind_silent:
    case ProxyTrouble::closed: co_return mode == ConnectionMode::socks;
    default: co_return false;
  }
}

task<bool> Doctor::refuses(Endpoint place) {
  bool yes = false;
  try {
    DirectDialer direct(executor_, timers_, direct_options(connection_));
    const auto stream = co_await direct.dial(place);
    yes = true;  // somebody even listens
  } catch (const failure& e) {
    yes = e.code() == boost::system::errc::connection_refused;
  }
  co_return yes;
}

}  // namespace farkeep
