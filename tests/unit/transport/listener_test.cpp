#include "transport/listener.hpp"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <algorithm>
#include <deque>
#include <optional>

#include "real_world.hpp"
#include "transport/secure_dialer.hpp"

namespace farkeep::test {
namespace {

const Endpoint kPlace = *Endpoint::parse("127.77.1.1:16384"), kOther = *Endpoint::parse("127.77.1.2:16384");

task<void> echo(std::unique_ptr<SecureStream> stream) {
  Buffer space(1000);
  for (;;) {
    const std::size_t n = co_await stream->read_some(space);
    if (n == 0) break;
    if (space[0] == '!') throw failure(Errc::protocol, "handling a peer that says '!'");
    co_await stream->write(ByteView{space}.first(n));
  }
}

/// A listener that runs for as long as this lives.
struct Served : RealWorld {
  explicit Served(ListenerOptions options, Listener::PeerHandler handler = &echo)
      : tls(pki.server(kServerA, {"127.77.1.1", "127.77.1.2"}), clock),
        listener(io.get_executor(), timers, tls, with_places(std::move(options)), std::move(handler)) {
    asio::co_spawn(io, listener.run(), asio::bind_cancellation_slot(stop.slot(), [this](const std::exception_ptr& e) {
                     ended = true;
                     end = e;
                   }));
  }
  ~Served() {
    stop.emit(asio::cancellation_type::terminal);
    until([this] { return ended; });
  }
  static ListenerOptions with_places(ListenerOptions o) {
    if (o.endpoints.empty()) o.endpoints = {kPlace};
    return o;
  }
  std::unique_ptr<SecureStream> client(const Endpoint& to = kPlace) {
    return run(
        TlsDialer{dialer, timers, TlsContext{pki.agent(kAccount, kAgent, kServerA), clock}}.connect(to, kServerA));
  }
  std::string ask(SecureStream& stream, std::string_view question) {
    run(stream.write(as_bytes(question)));
    return to_string(run(read_all(stream, question.size())));
  }

  TlsContext tls;
  Listener listener;
  asio::cancellation_signal stop;
  bool ended = false;
  std::exception_ptr end;
};

// Of this process.
int listening_socket(const Endpoint& at) {
  for (int fd = 0; fd < 1024; ++fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    sockaddr_in name{};
    socklen_t length = sizeof name;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) continue;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length) != 0) continue;
    if (name.sin_addr.s_addr == htonl(at.address.to_v4().to_uint()) && name.sin_port == htons(at.port)) return fd;
  }
  return -1;
}

TEST_CASE("listener: serves several peers at several endpoints") {
  ListenerOptions o;
  o.endpoints = {kPlace, kOther};
  Served w{o};
  auto a = w.client(kPlace), b = w.client(kOther), c = w.client(kPlace);
  CHECK(w.ask(*a, "one") == "one");
  CHECK(w.ask(*b, "two") == "two");
  CHECK(w.ask(*c, "three") == "three");
  CHECK(w.listener.connections() == 3);
  a->close();
  w.until([&] { return w.listener.connections() == 2; });
}

TEST_CASE("listener: a handshake that stalls holds nobody up, and ends when its time is up") {
  Served w{ListenerOptions{}};
  auto silent = w.run(w.dialer.dial(kPlace));
  w.until([&] { return w.listener.handshakes() == 1; });
  auto good = w.client();
  CHECK(w.ask(*good, "hello") == "hello");
  CHECK(w.listener.handshakes() == 1);
  while (w.listener.handshakes() == 1) {
    REQUIRE(w.timers.advance());
    w.io.restart();
    w.io.poll();
  }
  CHECK(w.run(read_all(*silent, 1)).empty());
  CHECK(w.ask(*good, "still here") == "still here");
}

TEST_CASE("listener: when too many say nothing, one of them gives way to the newest") {
  ListenerOptions o;
  o.max_silent = 2;
  Served w{o};
  auto first = w.run(w.dialer.dial(kPlace));
  w.until([&] { return w.listener.handshakes() == 1; });
  auto second = w.run(w.dialer.dial(kPlace));
  w.until([&] { return w.listener.handshakes() == 2; });
  auto good = w.client();
  CHECK(w.ask(*good, "hello") == "hello");
  w.until([&] { return w.listener.handshakes() == 1; });
  CHECK(w.listener.turned_away().silent == 1);
  CHECK(w.listener.turned_away().handshakes == 0);
}

TEST_CASE("listener: one that has said something does not stand in the way of those who say nothing, nor they in its") {
  ListenerOptions o;
  o.max_silent = 1;
  o.max_handshakes = 1;
  Served w{o};
  auto begun = w.run(w.dialer.dial(kPlace));
  w.run(begun->write(as_bytes("\x16\x03\x01")));  // the beginning of a record
  for (std::uint64_t n = 1; n <= 3; ++n) {
    auto silent = w.run(w.dialer.dial(kPlace));
    w.until([&] { return w.listener.handshakes() == 2; });
    silent->close();
    w.until([&] { return w.listener.turned_away().failed == n; });
  }
  CHECK(w.listener.turned_away().handshakes == 0);
  auto good = w.client();
  CHECK(w.ask(*good, "hello") == "hello");
  CHECK(w.listener.turned_away().handshakes == 1);
  CHECK(w.run(read_all(*begun, 1)).empty());
}

/// A connection that exists on the client's side when the constructor returns, without a turn of the server's loop.
class Knock {
 public:
  explicit Knock(asio::io_context& io, const Endpoint& to) : socket_(io, asio::generic::stream_protocol{AF_INET, IPPROTO_TCP}) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(to.port);
    at.sin_addr.s_addr = htonl(to.address.to_v4().to_uint());
    connected_ = ::connect(socket_.native_handle(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
  }
  bool connected() const { return connected_; }

 private:
  asio::generic::stream_protocol::socket socket_;
  bool connected_ = false;
};

TEST_CASE("listener: the oldest handshake ends in the very turn in which one more connection wants its place") {
  const std::size_t kMost = GENERATE(1, 2, 64);
  ListenerOptions o;
  o.max_silent = kMost;
  Served w{o};
  std::deque<std::unique_ptr<Knock>> silent;
  for (int round = 0; round < 4; ++round) {
    while (w.listener.handshakes() < kMost) {
      const std::size_t before = w.listener.handshakes();
      silent.push_back(std::make_unique<Knock>(w.io, kPlace));
      w.until([&] { return w.listener.handshakes() == before + 1; });
    }
    // The end of the oldest, and behind it one more: the loop meets both before anything that it posts to itself.
    silent.pop_front();
    silent.push_back(std::make_unique<Knock>(w.io, kPlace));
    REQUIRE(silent.back()->connected());
    for (int turn = 0; turn < 20; ++turn) {
      w.io.restart();
      w.io.poll();
    }
  }
  auto good = w.client();
  CHECK(w.ask(*good, "fine") == "fine");
}

TEST_CASE("listener: beyond the limit a connection is closed, not left hanging; a higher limit lets the next ones in") {
  ListenerOptions o;
  o.max_connections = 1;
  Served w{o};
  auto first = w.client();
  CHECK(w.ask(*first, "one") == "one");
  TlsDialer dialer{w.dialer, w.timers, TlsContext{w.pki.unregistered(), w.clock}};
  auto second = w.run(dialer.connect(kPlace, kServerA));
  CHECK(w.run(read_all(*second, 1)).empty());
  CHECK(w.listener.connections() == 1);
  CHECK(w.listener.turned_away().full == 1);
  w.listener.limit(2);
  auto third = w.run(dialer.connect(kPlace, kServerA));
  CHECK(w.ask(*third, "three") == "three");
  CHECK(w.ask(*first, "again") == "again");
  first->close();
  w.until([&] { return w.listener.connections() == 1; });
  auto fourth = w.run(dialer.connect(kPlace, kServerA));
  CHECK(w.ask(*fourth, "four") == "four");
}

TEST_CASE("listener: a handler that throws ends its own connection only") {
  Served w{ListenerOptions{}};
  auto bad = w.client(), good = w.client();
  w.run(bad->write(as_bytes("!")));
  CHECK(w.run(read_all(*bad, 1)).empty());
  CHECK(w.ask(*good, "fine") == "fine");
  CHECK_FALSE(w.ended);
}

TEST_CASE("listener: a peer that is not TLS does not disturb the others") {
  Served w{ListenerOptions{}};
  auto odd = w.run(w.dialer.dial(kPlace));
  w.run(odd->write(as_bytes("GET / HTTP/1.1\r\n\r\n")));
  CHECK_NOTHROW(w.error_of(read_all(*odd, 100)));
  auto good = w.client();
  CHECK(w.ask(*good, "fine") == "fine");
}

TEST_CASE("listener: cancelling ends every handler, then run()") {
  std::unique_ptr<SecureStream> client;
  bool saw_abort = false;
  {
    Served w{ListenerOptions{}};
    client = w.client();
    w.ask(*client, "x");
    w.stop.emit(asio::cancellation_type::terminal);
    w.until([&] { return w.ended; });
    saw_abort = World::code_of(w.end) == aborted();
    CHECK(w.listener.connections() == 0);
    CHECK(w.run(read_all(*client, 1)).empty());
    client.reset();
  }
  CHECK(saw_abort);
}

// As a handshake does, whose other side said something wrong in that very turn.
TEST_CASE("listener: a connection that fails otherwise while all end fails itself only") {
  bool failed = false;
  Served w{ListenerOptions{}, [&failed](std::unique_ptr<SecureStream> stream) -> task<void> {
             try {
               co_await echo(std::move(stream));
             } catch (const boost::system::system_error&) {
               failed = true;
             }
             if (failed) throw failure(Errc::protocol, "speaking to a peer");
           }};
  auto client = w.client();
  w.ask(*client, "x");
  w.stop.emit(asio::cancellation_type::terminal);
  w.until([&] { return w.ended; });
  CHECK(failed);
  CHECK(World::code_of(w.end) == aborted());
}

TEST_CASE("listener: a renewed certificate serves the connections that come after it") {
  Served w{ListenerOptions{}};
  auto before = w.client();
  w.listener.use(TlsContext{w.pki.server(kServerB), w.clock});
  TlsDialer dialer{w.dialer, w.timers, TlsContext{w.pki.unregistered(), w.clock}};
  auto after = w.run(dialer.connect(kPlace, kServerB));
  CHECK(before->peer().server == kServerA);
  CHECK(after->peer().server == kServerB);
  CHECK(w.ask(*before, "x") == "x");
}

TEST_CASE("listener: an endpoint that is taken, or not ours, is named") {
  Served w{ListenerOptions{}};
  for (const char* place : {"127.77.1.1:16384", "192.0.2.1:16384"}) {
    ListenerOptions o;
    o.endpoints = {*Endpoint::parse(place)};
    try {
      Listener another{w.io.get_executor(), w.timers, w.tls, o, &echo};
      FAIL("listens at " << place);
    } catch (const failure& e) {
      CHECK_THAT(e.what(), Catch::Contains(place));
    }
  }
}

TEST_CASE("listener: an endpoint that cannot be had is tried again, while the others are served") {
  std::optional<Served> other{std::in_place, ListenerOptions{}};
  ListenerOptions o;
  o.endpoints = {kPlace, kOther};
  o.unavailable = Unavailable::is_tried_again;
  Served w{o};
  auto at_once = w.client(kOther);
  CHECK(w.ask(*at_once, "one") == "one");
  const std::size_t waiting = w.timers.pending();
  REQUIRE(w.timers.advance());
  w.until([&] { return w.timers.pending() == waiting; });  // once more in vain
  other.reset();
  REQUIRE(w.timers.advance());
  w.until([&] { return w.timers.pending() == waiting - 1; });
  auto later = w.client(kPlace);
  CHECK(w.ask(*later, "two") == "two");
}

TEST_CASE("listener: an accept that fails at once, for whatever reason, is not tried again without a pause") {
  Served w{ListenerOptions{}};
  const std::size_t before = w.timers.pending();
  // A socket that no longer listens: accepting fails at once, and for good.
  REQUIRE(::shutdown(listening_socket(kPlace), SHUT_RD) == 0);
  w.until([&] { return w.timers.pending() == before + 1; });
  std::size_t most = 0;
  for (int i = 0; i < 100; ++i) {
    w.io.restart();
    most = std::max(most, w.io.poll());
  }
  CHECK(most == 0);
}

/// No new descriptor can be had while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("listener: out of descriptors, accepting pauses, and goes on when there are some again") {
  Served w{ListenerOptions{}};
  const std::size_t before = w.timers.pending();
  auto waiting = w.run(w.dialer.dial(kPlace));
  w.until([&] { return w.timers.pending() == before + 1; });
  const std::size_t shaking = before + 1;
  CHECK(w.listener.handshakes() == 1);
  int connected = -1;
  std::size_t pausing = 0, handshakes = 0;
  {
    // Nothing is checked in here: a sanitizer needs descriptors to look at what it is shown.
    // A client whose socket exists already: the other side of it finds no descriptor.
    asio::generic::stream_protocol::socket late{w.io, asio::generic::stream_protocol{AF_INET, IPPROTO_TCP}};
    NoDescriptors none;
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(kPlace.port);
    at.sin_addr.s_addr = htonl(kPlace.address.to_v4().to_uint());
    connected = ::connect(late.native_handle(), reinterpret_cast<sockaddr*>(&at), sizeof at);
    w.until([&] { return w.timers.pending() == shaking + 1; });
    // Pausing: however often the loop turns, it does not try again.
    for (int i = 0; i < 100; ++i) {
      w.io.restart();
      w.io.poll();
    }
    pausing = w.timers.pending();
    handshakes = w.listener.handshakes();
  }
  REQUIRE(connected == 0);
  CHECK(pausing == shaking + 1);
  CHECK(handshakes == 1);
  REQUIRE(w.timers.advance());
  auto good = w.client();
  CHECK(w.ask(*good, "fine") == "fine");
}

}  // namespace
}  // namespace farkeep::test
