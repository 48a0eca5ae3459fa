// The way out as the settings describe it, over real sockets and with a resolver that is ours.
#include "transport/chain.hpp"

#include <boost/asio/ip/tcp.hpp>

#include "real_world.hpp"
#include "transport/proxy_error.hpp"
#include "transport/socket_stream.hpp"

namespace farkeep::test {
namespace {

using asio::ip::tcp;
using Catch::Contains;

struct FakeResolver final : Resolver {
  task<std::vector<asio::ip::address>> resolve(std::string name) override {
    asked.push_back(name);
    if (known.empty()) throw failure(Errc::not_found, "looking up the name " + name);
    co_return known;
  }
  std::vector<std::string> asked;
  std::vector<asio::ip::address> known;
};

struct Listening {
  Listening(RealWorld& w, const char* at) : acceptor(w.io) {
    const Endpoint place = *Endpoint::parse(at);
    acceptor.open(tcp::v4());
    acceptor.set_option(tcp::acceptor::reuse_address{true});
    acceptor.bind(tcp::endpoint{place.address, place.port});
    acceptor.listen();
  }
  tcp::acceptor acceptor;
};

ConnectionConfig settings(ConnectionMode mode) {
  ConnectionConfig c;
  c.mode = mode;
  c.connect_timeout = std::chrono::seconds{10};
  c.socks.reply_timeout = c.http.reply_timeout = std::chrono::seconds{30};
  return c;
}

const Endpoint kServer = *Endpoint::parse("127.78.9.9:16384");  // nobody is there

// Accepts one connection, expects `ask`, answers `reply`.
task<void> serve(tcp::acceptor& acceptor, std::string ask, std::string reply, std::unique_ptr<SocketStream>& stream) {
  boost::system::error_code code;
  tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  stream = std::make_unique<SocketStream>(StreamSocket{std::move(socket)}, "proxy");
  Buffer got(ask.size());
  co_await read_exactly(*stream, got);
  if (as_text(got) == ask) co_await stream->write(as_bytes(reply));
  else stream->close();
}

struct Dialled {
  std::unique_ptr<Stream> stream;
  std::unique_ptr<SocketStream> proxy;
};

task<void> dial_and_serve(RealWorld& w, Dialer& chain, tcp::acceptor& acceptor, std::string ask, std::string reply, Dialled& out) {
  Scope scope{w.io.get_executor()};
  auto dial = [](Dialer& d, std::unique_ptr<Stream>& to) -> task<void> { to = co_await d.dial(kServer); };
  scope.spawn(dial(chain, out.stream), "dial");
  scope.spawn(serve(acceptor, std::move(ask), std::move(reply), out.proxy), "proxy");
  co_await scope.join();
}

proxy_error error_of(RealWorld& w, Dialer& chain, const Endpoint& to = kServer) {
  try {
    static_cast<void>(w.run(chain.dial(to)));
  } catch (const proxy_error& e) {
    return e;
  }
  throw std::logic_error("it is no proxy_error");
}

TEST_CASE("chain: SOCKS with a login, to a proxy that has a name; the server's address is never looked up") {
  RealWorld w;
  Listening proxy{w, "127.78.1.1:1080"};
  FakeResolver resolver;
  resolver.known = {asio::ip::make_address("127.78.1.99"), asio::ip::make_address("127.78.1.1")};  // the first does not listen
  ConnectionConfig c = settings(ConnectionMode::socks);
  c.socks.proxy = HostAddress{"fw.example.net", 1080};
  c.socks.user.assign(1, 'u');
  Chain chain{w.io.get_executor(), w.timers, resolver, c, SecretText("p")};
  Dialled d;
  // the greeting, and at once all the rest of what is expected would hang: so step by step, in the handshake's own tests
  auto talk = [&]() -> task<void> {
    Scope scope{w.io.get_executor()};
    auto dial = [&]() -> task<void> { d.stream = co_await chain.dial(kServer); };
    auto play = [&]() -> task<void> {
      tcp::socket socket = co_await proxy.acceptor.async_accept(asio::use_awaitable);
      d.proxy = std::make_unique<SocketStream>(StreamSocket{std::move(socket)}, "proxy");
      Buffer greeting(4), login(5), request(10);
      co_await read_exactly(*d.proxy, greeting);
      co_await d.proxy->write(as_bytes(std::string_view("\x05\x02", 2)));
      co_await read_exactly(*d.proxy, login);
      CHECK(as_text(login) == std::string_view("\x01\x01u\x01p", 5));
      co_await d.proxy->write(as_bytes(std::string_view("\x01\x00", 2)));
      co_await read_exactly(*d.proxy, request);
      co_await d.proxy->write(as_bytes(std::string_view("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00tunnel", 16)));
    };
    scope.spawn(dial(), "dial");
    scope.spawn(play(), "proxy");
    co_await scope.join();
  };
  w.run(talk());
  Buffer six(6);
  auto read = [&]() -> task<bool> { co_return co_await read_exactly(*d.stream, six); };
  CHECK(w.run(read()));
  CHECK(as_text(six) == "tunnel");
  CHECK(d.stream->describe() == "127.78.9.9:16384 through SOCKS proxy fw.example.net:1080");
  CHECK(resolver.asked == std::vector<std::string>{"fw.example.net"});
}

TEST_CASE("chain: HTTP, by address: nothing is looked up") {
  RealWorld w;
  Listening proxy{w, "127.78.1.2:3128"};
  FakeResolver resolver;
  ConnectionConfig c = settings(ConnectionMode::http);
  c.http.proxy = HostAddress{"127.78.1.2", 3128};
  Chain chain{w.io.get_executor(), w.timers, resolver, c, SecretText{}};
  Dialled d;
  w.run(dial_and_serve(w, chain, proxy.acceptor, "CONNECT 127.78.9.9:16384 HTTP/1.1\r\nHost: 127.78.9.9:16384\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", d));
  CHECK(d.stream->describe() == "127.78.9.9:16384 through HTTP proxy 127.78.1.2:3128");
  CHECK(resolver.asked.empty());
}

struct FakeLogins final : LoginMemory {
  std::optional<std::string> objection(const std::string&, const ProxyLogin&) override { return refusals > 0 ? std::optional<std::string>("it was refused") : std::nullopt; }
  void refused(const std::string& proxy, const ProxyLogin& login) override {
    CHECK(proxy == "127.78.1.4:3128");
    CHECK(login.user == "u");
    ++refusals;
  }
  void accepted(const std::string&, const ProxyLogin&) override { ++acceptances; }
  int refusals = 0, acceptances = 0;
};

TEST_CASE("chain: many that want to connect tell a proxy a wrong password once") {
  RealWorld w;
  Listening proxy{w, "127.78.1.4:3128"};
  FakeResolver resolver;
  FakeLogins logins;
  ConnectionConfig c = settings(ConnectionMode::http);
  c.http.proxy = HostAddress{"127.78.1.4", 3128};
  c.http.user = "u";
  Chain chain{w.io.get_executor(), w.timers, resolver, c, SecretText("old"), &logins};
  int asked = 0, refused = 0;
  std::string answer = "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
  auto play = [&](int times) -> task<void> {
    const std::string ask = "CONNECT 127.78.9.9:16384 HTTP/1.1\r\nHost: 127.78.9.9:16384\r\nProxy-Authorization: Basic dTpvbGQ=\r\n\r\n";
    for (int i = 0; i < times; ++i) {
      std::unique_ptr<SocketStream> stream;
      std::string reply = answer;
      co_await serve(proxy.acceptor, ask, std::move(reply), stream);
      ++asked;
    }
  };
  auto dial = [&]() -> task<void> {
    try {
      const auto stream = co_await chain.dial(kServer);
    } catch (const proxy_error& e) {
      CHECK(e.trouble() == ProxyTrouble::login_refused);
      CHECK(classify(e.code()) == Errc::proxy_login);
      ++refused;
    }
  };
  auto all = [&](int plays, int dials) -> task<void> {
    Scope scope{w.io.get_executor()};
    scope.spawn(play(plays), "proxy");
    for (int i = 0; i < dials; ++i) scope.spawn(dial(), "dial");
    co_await scope.join();
  };
  w.run(all(1, 5));
  CHECK(asked == 1);
  CHECK(refused == 5);
  CHECK(logins.refusals == 1);
  logins.refusals = 0;  // long ago now
  answer = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";  // it has let us in, and does not get on
  w.run([&]() -> task<void> {
    Scope scope{w.io.get_executor()};
    auto lost = [&]() -> task<void> {
      try {
        const auto stream = co_await chain.dial(kServer);
      } catch (const proxy_error& e) {
        CHECK(e.blame() == ProxyBlame::destination);
      }
    };
    scope.spawn(play(1), "proxy");
    scope.spawn(lost(), "dial");
    co_await scope.join();
  }());
  CHECK(logins.acceptances == 1);
  CHECK(logins.refusals == 0);
}

TEST_CASE("chain: a mapped port, and a destination that has none") {
  RealWorld w;
  Listening firewall{w, "127.78.1.3:40001"};
  FakeResolver resolver;
  ConnectionConfig c = settings(ConnectionMode::mapped);
  c.mapped = {Mapping{ServerAddress{"127.78.9.9", 16384}, HostAddress{"127.78.1.3", 40001}}};
  Chain chain{w.io.get_executor(), w.timers, resolver, c, SecretText{}};
  const auto stream = w.run(chain.dial(kServer));
  CHECK(stream->describe() == "127.78.9.9:16384 through mapped port 127.78.1.3:40001");
  const proxy_error e = error_of(w, chain, *Endpoint::parse("127.78.9.8"));
  CHECK(e.trouble() == ProxyTrouble::not_mapped);
  CHECK(e.blame() == ProxyBlame::mapping);
  CHECK_THAT(e.what(), Contains("destination = 127.78.9.8:16384 via FIREWALL:PORT"));
}

TEST_CASE("chain: a proxy's name that is unknown, and a proxy that does not listen") {
  RealWorld w;
  FakeResolver resolver;
  ConnectionConfig c = settings(ConnectionMode::socks);
  c.socks.proxy = HostAddress{"nowhere.example.net", 1080};
  Chain unknown{w.io.get_executor(), w.timers, resolver, c, SecretText{}};
  proxy_error e = error_of(w, unknown);
  CHECK(e.trouble() == ProxyTrouble::name_unknown);
  CHECK(e.blame() == ProxyBlame::path);
  CHECK_THAT(e.what(), Contains("the name nowhere.example.net of the SOCKS proxy cannot be resolved"));
  resolver.known = {asio::ip::make_address("127.78.1.98"), asio::ip::make_address("127.78.1.99")};
  e = error_of(w, unknown);
  CHECK(e.trouble() == ProxyTrouble::refused);
  CHECK_THAT(e.what(), Contains("nothing listens at nowhere.example.net:1080") && Contains("127.78.1.98:1080") && Contains("127.78.1.99:1080"));
}

TEST_CASE("chain: the system's resolver knows localhost, and no name below .invalid") {
  RealWorld w;
  SystemResolver resolver{w.io.get_executor(), w.timers};
  const auto found = w.run(resolver.resolve("localhost"));
  CHECK(std::any_of(found.begin(), found.end(), [](const asio::ip::address& a) { return a.is_loopback(); }));
  const auto code = w.error_of(resolver.resolve("no-such-host.invalid"));
  const Errc kind = classify(code);
  CHECK((kind == Errc::not_found || kind == Errc::unreachable));  // the second where there is no name server at all
}

}  // namespace
}  // namespace farkeep::test
