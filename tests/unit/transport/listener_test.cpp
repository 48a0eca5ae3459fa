#include "transport/listener.hpp"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>

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

TEST_CASE("listener: when too many handshakes stall, the oldest gives way to the newest") {
  ListenerOptions o;
  o.max_handshakes = 2;
  Served w{o};
  auto first = w.run(w.dialer.dial(kPlace));
  w.until([&] { return w.listener.handshakes() == 1; });
  auto second = w.run(w.dialer.dial(kPlace));
  w.until([&] { return w.listener.handshakes() == 2; });
  auto good = w.client();
  CHECK(w.ask(*good, "hello") == "hello");
  CHECK(w.run(read_all(*first, 1)).empty());
  CHECK(w.listener.handshakes() == 1);
}

task<void> note_connection(TlsDialer& dialer, std::unique_ptr<SecureStream>& stream) {
  stream = co_await dialer.connect(kPlace, kServerA);
}

TEST_CASE("listener: full means that newcomers wait, not that they are refused") {
  ListenerOptions o;
  o.max_connections = 1;
  Served w{o};
  auto first = w.client();
  CHECK(w.ask(*first, "one") == "one");
  TlsDialer dialer{w.dialer, w.timers, TlsContext{w.pki.unregistered(), w.clock}};
  // One more may have been accepted before the house was full; it is turned away.  So take the third.
  std::unique_ptr<SecureStream> second, third;
  bool second_ended = false, third_ended = false;
  asio::co_spawn(w.io, note_connection(dialer, second), [&](const std::exception_ptr&) { second_ended = true; });
  w.until([&] { return second_ended; });
  asio::co_spawn(w.io, note_connection(dialer, third), [&](const std::exception_ptr&) { third_ended = true; });
  for (int i = 0; i < 50; ++i) {
    w.io.restart();
    w.io.poll();
  }
  CHECK_FALSE(third_ended);
  CHECK(w.listener.connections() == 1);
  first->close();
  w.until([&] { return third_ended; });
  REQUIRE(third);
  CHECK(w.ask(*third, "three") == "three");
}

TEST_CASE("listener: a higher limit lets those in who wait, beside those who are served") {
  ListenerOptions o;
  o.max_connections = 1;
  Served w{o};
  auto first = w.client();
  CHECK(w.ask(*first, "one") == "one");
  TlsDialer dialer{w.dialer, w.timers, TlsContext{w.pki.unregistered(), w.clock}};
  std::unique_ptr<SecureStream> second, third;
  bool second_ended = false, third_ended = false;
  asio::co_spawn(w.io, note_connection(dialer, second), [&](const std::exception_ptr&) { second_ended = true; });
  w.until([&] { return second_ended; });  // turned away, as above, or served as soon as there is room
  asio::co_spawn(w.io, note_connection(dialer, third), [&](const std::exception_ptr&) { third_ended = true; });
  w.listener.limit(3);
  w.until([&] { return third_ended; });
  REQUIRE(third);
  CHECK(w.ask(*third, "three") == "three");
  CHECK(w.ask(*first, "again") == "again");
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
  w.until([&] { return w.listener.handshakes() == 1; });
  const std::size_t shaking = w.timers.pending();
  CHECK(shaking == before + 1);
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
