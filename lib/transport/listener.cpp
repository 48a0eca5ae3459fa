#include "transport/listener.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <algorithm>
#include <list>

#include "async/race.hpp"
#include "async/scope.hpp"
#include "base/check.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/rare_line.hpp"
#include "transport/crowd.hpp"
#include "transport/socket_options.hpp"
#include "transport/socket_stream.hpp"

namespace farkeep {
namespace {

using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto kPause = 1s;  // when accepting fails, as it does where descriptors or memory have run out
constexpr auto kFirstWait = 1s, kLongestWait = 60s;  // for an endpoint that cannot be had: an address may come back at any time

tcp::acceptor listen_at(const Executor& executor, const Endpoint& at, const ListenerOptions& options) {
  boost::system::error_code code;
  const auto must = [&] {
    if (code) throw failure(code, "listening at " + at.text());
  };
  tcp::acceptor acceptor{executor};
  const tcp::endpoint endpoint{at.address, at.port};
  acceptor.open(endpoint.protocol(), code);
  must();
  acceptor.set_option(tcp::acceptor::reuse_address{true}, code);
  // "::" means IPv6 and nothing else, so that "0.0.0.0" beside it is no conflict.
  if (at.address.is_v6()) acceptor.set_option(asio::ip::v6_only{true}, code);
  must();
  acceptor.bind(endpoint, code);
  must();
  if (options.silent == Silent::stay_in_kernel)
    hand_over_with_first_bytes(acceptor.native_handle(), std::chrono::ceil<std::chrono::seconds>(options.first_bytes_timeout));
  acceptor.listen(tcp::acceptor::max_listen_connections, code);
  must();
  return acceptor;
}

/// The stream beneath TLS.  Its place among the strangers is given back when it dies, whoever owns it then: what gives way is
/// closed through the place, and so is alive.
class ArrivedStream final : public Stream {
 public:
  ArrivedStream(StreamSocket socket, const Endpoint& from)
      : under_(std::move(socket), from.text()), place_(std::make_shared<Crowd::Member>(Network::of(from.address), [this] { close(); })) {}
  ~ArrivedStream() override { place_->leave(); }

  const std::shared_ptr<Crowd::Member>& place() const noexcept { return place_; }
  task<bool> speaks() { return under_.speaks(); }
  task<std::size_t> read_some(MutableByteView into) override { return under_.read_some(into); }
  task<void> write(std::span<const ByteView> parts) override { return under_.write(parts); }
  using Stream::write;
  void close() noexcept override { under_.close(); }
  std::string describe() const override { return under_.describe(); }

 private:
  SocketStream under_;
  const std::shared_ptr<Crowd::Member> place_;
};

}  // namespace

struct Listener::State {
  State(const Executor& executor, Timers& t, TlsContext context, ListenerOptions o, PeerHandler h)
      : timers(t), tls(std::move(context)), options(std::move(o)), handler(std::move(h)), silent(options.max_silent), shaking(options.max_handshakes),
        scope(executor) {
    FARKEEP_CHECK(!options.endpoints.empty() && options.max_connections > 0);
    for (const Endpoint& at : options.endpoints)
      if (!listen(executor, at)) missing.push_back(at);
  }

  bool listen(const Executor& executor, const Endpoint& at);
  task<void> accept_later(Endpoint at);
  task<void> accept_from(tcp::acceptor& acceptor);
  task<void> serve(std::unique_ptr<ArrivedStream> stream);
  task<std::unique_ptr<SecureStream>> shake_hands(std::unique_ptr<ArrivedStream> stream);
  task<void> handle(std::unique_ptr<SecureStream> stream);

  Timers& timers;
  TlsContext tls;
  ListenerOptions options;
  PeerHandler handler;
  std::list<tcp::acceptor> acceptors;
  std::vector<Endpoint> missing;  // when it was made
  Crowd silent, shaking;
  std::size_t connected = 0;
  std::uint64_t failed = 0, full = 0;
  RareLine failures{LogLevel::info}, no_room{LogLevel::warning};
  Scope scope;
};

Listener::Listener(Executor executor, Timers& timers, TlsContext tls, ListenerOptions options, PeerHandler handler)
    : state_(std::make_unique<State>(executor, timers, std::move(tls), std::move(options), std::move(handler))) {}
Listener::~Listener() = default;

std::vector<Endpoint> Listener::endpoints() const {
  std::vector<Endpoint> out;
  for (const tcp::acceptor& acceptor : state_->acceptors) {
    const tcp::endpoint at = acceptor.local_endpoint();
    out.push_back(Endpoint{at.address(), at.port()});
  }
  return out;
}

task<void> Listener::run() {
  State& s = *state_;
  for (tcp::acceptor& acceptor : s.acceptors) s.scope.spawn(s.accept_from(acceptor), "accepting");
  for (const Endpoint& at : s.missing) s.scope.spawn(s.accept_later(at), "listening again");
  co_await s.scope.join();
}

void Listener::use(TlsContext tls) { state_->tls = std::move(tls); }
void Listener::limit(std::size_t max_connections) {
  FARKEEP_CHECK(max_connections > 0);
  state_->options.max_connections = max_connections;
}
std::size_t Listener::connections() const noexcept { return state_->connected; }
std::size_t Listener::handshakes() const noexcept { return state_->silent.size() + state_->shaking.size(); }
TurnedAwayEarly Listener::turned_away() const noexcept {
  return {state_->silent.gave_way(), state_->shaking.gave_way(), state_->failed, state_->full};
}

// False: it is to be tried again.
bool Listener::State::listen(const Executor& executor, const Endpoint& at) {
  try {
    acceptors.push_back(listen_at(executor, at, options));
    return true;
  } catch (const failure& f) {
    if (options.unavailable == Unavailable::fails) throw;
    log_error("{}; it is tried again", f.what());
  }
  return false;
}

task<void> Listener::State::accept_later(Endpoint at) {
  auto const executor = co_await asio::this_coro::executor;
  auto wait = kFirstWait;
  for (bool listens = false; !listens; wait = std::min(2 * wait, kLongestWait)) {
    co_await timers.sleep(wait);
    listens = listen(executor, at);
  }
  log_info("listening at {}", at.text());
  co_await accept_from(acceptors.back());
}

// There is no waiting for room in here: whoever comes is told, or gives way.
task<void> Listener::State::accept_from(tcp::acceptor& acceptor) {
  for (;;) {
    tcp::endpoint from;
    boost::system::error_code code;
    tcp::socket socket = co_await acceptor.async_accept(from, asio::redirect_error(asio::use_awaitable, code));
    if (code == asio::error::operation_aborted) throw boost::system::system_error(code, "accepting");
    if (code) {  // out of descriptors or memory, most likely; a client that gave up meanwhile Asio passes over
      no_room.say(timers.now(), "cannot accept connections, trying again in a second: " + code.message());
      co_await timers.sleep(kPause);
      continue;
    }
    try {
      set_tcp_options(socket.native_handle());
      auto stream = std::make_unique<ArrivedStream>(StreamSocket{std::move(socket)}, Endpoint{from.address(), from.port()});
      silent.enter(*stream->place());
      scope.spawn(serve(std::move(stream)), "connection");
    } catch (const std::bad_alloc&) {
      no_room.say(timers.now(), "a connection is closed: out of memory");
    }
  }
}

// The fence of one connection: nothing leaves it, not even what goes wrong while all of them end.
task<void> Listener::State::serve(std::unique_ptr<ArrivedStream> stream) {
  const std::string from = stream->describe();
  bool shook_hands = false;
  try {
    std::unique_ptr<SecureStream> secure = co_await shake_hands(std::move(stream));
    shook_hands = true;
    if (connected < options.max_connections) {
      co_await handle(std::move(secure));
    } else {
      ++full;
      no_room.say(timers.now(), from + " turned away: " + std::to_string(options.max_connections) + " connections are the limit");
    }
  } catch (const std::exception& e) {
    if (!shook_hands) ++failed;
    if (!scope.cancelled()) failures.say(timers.now(), "connection from " + from + " ended: " + e.what());
  }
}

// 1. until it says something  2. TLS, which costs memory and processor time
task<std::unique_ptr<SecureStream>> Listener::State::shake_hands(std::unique_ptr<ArrivedStream> stream) {
  const std::shared_ptr<Crowd::Member> place = stream->place();  // outlives the stream, which TLS takes over
  std::string doing = "waiting for the first bytes of " + stream->describe();
  const bool speaks = co_await with_timeout(timers, options.first_bytes_timeout, stream->speaks(), std::move(doing));
  if (!speaks) throw failure(Errc::unreachable, "the other side closed the connection before it said anything");
  shaking.enter(*place);
  doing = "starting TLS with " + stream->describe();
  std::unique_ptr<SecureStream> secure = co_await with_timeout(timers, options.tls_timeout, tls.accept(std::move(stream)), std::move(doing));
  place->leave();
  co_return secure;
}

task<void> Listener::State::handle(std::unique_ptr<SecureStream> stream) {
  struct Guest {
    explicit Guest(State& s) : state(s) { ++state.connected; }
    ~Guest() { --state.connected; }
    State& state;
  };
  Guest guest{*this};
  co_await handler(std::move(stream));
}

}  // namespace farkeep
