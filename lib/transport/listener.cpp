#include "transport/listener.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>

#include "async/race.hpp"
#include "async/scope.hpp"
#include "async/waiters.hpp"
#include "base/check.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "transport/socket_options.hpp"
#include "transport/socket_stream.hpp"

namespace farkeep {
namespace {

using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto kPause = 1s;  // when descriptors or memory have run out

tcp::acceptor listen_at(const Executor& executor, const Endpoint& at) {
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
  acceptor.listen(tcp::acceptor::max_listen_connections, code);
  must();
  return acceptor;
}

bool is_exhaustion(const boost::system::error_code& code) {
  namespace e = boost::system::errc;
  return code == e::too_many_files_open || code == e::too_many_files_open_in_system || code == e::no_buffer_space ||
         code == e::not_enough_memory;
}

}  // namespace

struct Listener::State {
  State(const Executor& executor, Timers& t, TlsContext context, ListenerOptions o, PeerHandler h)
      : timers(t), tls(std::move(context)), options(std::move(o)), handler(std::move(h)), scope(executor) {
    FARKEEP_CHECK(!options.endpoints.empty() && options.max_connections > 0 && options.max_handshakes > 0);
    for (const Endpoint& at : options.endpoints) acceptors.push_back(listen_at(executor, at));
  }

  task<void> accept_from(tcp::acceptor& acceptor);
  void make_room_for_a_handshake();
  task<void> serve(std::unique_ptr<Stream> stream);
  task<std::unique_ptr<SecureStream>> shake_hands(std::unique_ptr<Stream> stream);
  task<void> handle(std::unique_ptr<SecureStream> stream);

  Timers& timers;
  TlsContext tls;
  ListenerOptions options;
  PeerHandler handler;
  std::list<tcp::acceptor> acceptors;
  std::list<Stream*> shaking;  // streams in their handshake, oldest first
  std::size_t connected = 0;
  Waiters room;  // acceptors wait here while the house is full
  Scope scope;
};

Listener::Listener(Executor executor, Timers& timers, TlsContext tls, ListenerOptions options, PeerHandler handler)
    : state_(std::make_unique<State>(executor, timers, std::move(tls), std::move(options), std::move(handler))) {}
Listener::~Listener() = default;

task<void> Listener::run() {
  State& s = *state_;
  for (tcp::acceptor& acceptor : s.acceptors) s.scope.spawn(s.accept_from(acceptor), "accepting");
  co_await s.scope.join();
}

void Listener::use(TlsContext tls) { state_->tls = std::move(tls); }
void Listener::limit(std::size_t max_connections) {
  FARKEEP_CHECK(max_connections > 0);
  state_->options.max_connections = max_connections;
  state_->room.wake_all();
}
std::size_t Listener::connections() const noexcept { return state_->connected; }
std::size_t Listener::handshakes() const noexcept { return state_->shaking.size(); }

task<void> Listener::State::accept_from(tcp::acceptor& acceptor) {
  for (;;) {
    while (connected >= options.max_connections) co_await room.wait();
    tcp::endpoint from;
    boost::system::error_code code;
    tcp::socket socket = co_await acceptor.async_accept(from, asio::redirect_error(asio::use_awaitable, code));
    if (code == asio::error::operation_aborted) throw boost::system::system_error(code, "accepting");
    if (is_exhaustion(code)) {
      log_warning("cannot accept connections, trying again in a second: {}", code.message());
      co_await timers.sleep(kPause);
      continue;
    }
    if (code) continue;  // the client gave up before we got to it
    set_tcp_options(socket.native_handle());
    const Endpoint peer{from.address(), from.port()};
    make_room_for_a_handshake();
    scope.spawn(serve(std::make_unique<SocketStream>(StreamSocket{std::move(socket)}, peer.text())), "connection");
  }
}

void Listener::State::make_room_for_a_handshake() {
  if (shaking.size() < options.max_handshakes) return;
  log_info("{} gives way: too many connections have not finished TLS", shaking.front()->describe());
  shaking.front()->close();
  shaking.pop_front();
}

// The fence of one connection: nothing but cancellation leaves it.
task<void> Listener::State::serve(std::unique_ptr<Stream> stream) {
  const std::string from = stream->describe();
  std::exception_ptr ended;
  try {
    std::unique_ptr<SecureStream> secure = co_await shake_hands(std::move(stream));
    if (connected < options.max_connections) {
      co_await handle(std::move(secure));
    } else {
      log_warning("{} turned away: {} connections are the limit", from, options.max_connections);
    }
  } catch (const std::exception& e) {
    ended = std::current_exception();
    if (!scope.cancelled()) log_info("connection from {} ended: {}", from, e.what());
  }
  if (ended && scope.cancelled()) std::rethrow_exception(ended);
}

task<std::unique_ptr<SecureStream>> Listener::State::shake_hands(std::unique_ptr<Stream> stream) {
  struct Place {
    Place(std::list<Stream*>& l, Stream* s) : list(l), mine(s) { list.push_back(s); }
    ~Place() { list.remove(mine); }
    std::list<Stream*>& list;
    Stream* mine;
  };
  Place place{shaking, stream.get()};
  std::string doing = "starting TLS with " + stream->describe();
  co_return co_await with_timeout(timers, options.tls_timeout, tls.accept(std::move(stream)), std::move(doing));
}

task<void> Listener::State::handle(std::unique_ptr<SecureStream> stream) {
  struct Guest {
    explicit Guest(State& s) : state(s) { ++state.connected; }
    ~Guest() {
      --state.connected;
      state.room.wake_all();
    }
    State& state;
  };
  Guest guest{*this};
  co_await handler(std::move(stream));
}

}  // namespace farkeep
