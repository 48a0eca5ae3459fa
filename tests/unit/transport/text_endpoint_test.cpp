#include "transport/text_endpoint.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <thread>

#include "async/scope.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::StartsWith;
using Tcp = asio::ip::tcp;

namespace {

// An endpoint that serves in a thread of its own, asked by blocking sockets.
struct Served {
  explicit Served(const std::string& address) : at(Endpoint::parse(address).value()), endpoint(io.get_executor(), timers, at, "/metrics", [this] { return made(); }) {
    auto all = [](Scope& s, TextEndpoint& e) -> task<void> {
      s.spawn(e.run(), "endpoint");
      co_await s.join();
    };
    asio::co_spawn(io, all(scope, endpoint), [this](std::exception_ptr e) { end = e; });
    thread = std::thread([this] { io.run(); });
  }
  ~Served() { stop(); }
  void stop() {
    if (!thread.joinable()) return;
    asio::post(io, [this] { scope.cancel(); });
    thread.join();
  }
  task<std::string> made() {
    ++times;
    bool whole = true;
    if (takes.load() > 0ms) whole = co_await slept(takes.load());
    if (!whole) throw std::runtime_error("cut short");
    if (fails) throw std::runtime_error("no metrics today");
    co_return body;
  }
  task<bool> slept(std::chrono::milliseconds time) {
    bool whole = false;
    try {
      co_await timers.sleep(time);
      whole = true;
    } catch (const boost::system::system_error&) {
    }
    co_return whole;
  }
  Tcp::socket connect() {
    Tcp::socket socket(outside);
    socket.connect({at.address, at.port});
    return socket;
  }
  std::string ask(const std::string& request) {
    Tcp::socket socket = connect();
    asio::write(socket, asio::buffer(request));
    return answer(socket);
  }
  // What comes until the end, or until it has been silent for long: for so long nobody who asks waits.
  static std::string answer(Tcp::socket& socket) {
    timeval const patience{5, 0};
    REQUIRE(::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    std::string out;
    char piece[65536];
    for (ssize_t n = 0; (n = ::recv(socket.native_handle(), piece, sizeof piece, 0)) > 0;) out.append(piece, static_cast<std::size_t>(n));
    return out;
  }

  asio::io_context io{1}, outside{1};
  AsioTimers timers;
  Endpoint at;
  std::exception_ptr end;
  std::atomic<int> times = 0;
  std::atomic<bool> fails = false;
  std::atomic<std::chrono::milliseconds> takes{0ms};
  std::string body = "a 1\n";
  TextEndpoint endpoint;
  Scope scope{io.get_executor()};
  std::thread thread;
};

}  // namespace

TEST_CASE("metrics endpoint: its path gives the text, made once for those who ask soon after one another") {
  Served s("127.79.0.1");
  auto const answer = s.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n") && Contains("text/plain; version=0.0.4") && Catch::EndsWith("\r\n\r\na 1\n"));
  CHECK(s.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") == answer);
  CHECK(s.times == 1);
}

TEST_CASE("metrics endpoint: other paths, other verbs, and what is no HTTP") {
  Served s("127.79.0.2");
  CHECK_THAT(s.ask("GET /other HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  CHECK_THAT(s.ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  CHECK_THAT(s.ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n") && Contains("Content-Length: 4\r\n") && Catch::EndsWith("\r\n\r\n"));
  CHECK(s.ask("\x16\x03\x01 not http at all\r\n\r\n").empty());
  CHECK(s.ask("GET /" + std::string(20000, 'x') + " HTTP/1.1\r\n\r\n").empty());
}

namespace {
constexpr const char* kAsk = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::size_t kFlood = 300;  // many times the places; a process has 1,024 descriptors, and both ends are in this one
}  // namespace

TEST_CASE("metrics endpoint: hundreds who say nothing keep nobody from asking, and are hung up on") {
  Served s("127.79.0.3");
  std::vector<Tcp::socket> silent;
  for (std::size_t i = 0; i < kFlood; ++i) silent.push_back(s.connect());
  for (int i = 0; i < 3; ++i) CHECK_THAT(s.ask(kAsk), StartsWith("HTTP/1.1 200 OK\r\n"));
  std::size_t ended = 0;
  for (auto& socket : silent) {
    char byte;
    socket.non_blocking(true);
    ended += ::recv(socket.native_handle(), &byte, 1, 0) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }
  CHECK(ended >= kFlood - TextEndpoint::kMostSilent);
}

TEST_CASE("metrics endpoint: hundreds who ask half a question keep nobody from asking") {
  Served s("127.79.0.5");
  std::vector<Tcp::socket> slow;
  for (std::size_t i = 0; i < kFlood; ++i) {
    slow.push_back(s.connect());
    boost::system::error_code gone;
    asio::write(slow.back(), asio::buffer("GET /metr", 9), gone);
  }
  CHECK_THAT(s.ask(kAsk), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("metrics endpoint: hundreds who ask and take no answer keep nobody from asking") {
  Served s("127.79.0.6");
  s.body.assign(8 << 20, 'x');  // more than sockets hold
  std::vector<Tcp::socket> lazy;
  for (std::size_t i = 0; i < kFlood; ++i) {
    lazy.push_back(s.connect());
    boost::system::error_code gone;
    asio::write(lazy.back(), asio::buffer(std::string_view{kAsk}), gone);
  }
  std::size_t most = 0;  // who gives way is drawn: while the flood is still coming it may be this one, who asks again then
  for (int i = 0; i < 10 && most <= s.body.size(); ++i) most = s.ask(kAsk).size();
  CHECK(most > s.body.size());
}

TEST_CASE("metrics endpoint: those who ask at the same time get one text, made once") {
  Served s("127.79.0.7");
  s.takes = 200ms;
  std::vector<Tcp::socket> all;
  for (std::size_t i = 0; i + 1 < TextEndpoint::kMostAsking; ++i) {
    all.push_back(s.connect());
    asio::write(all.back(), asio::buffer(std::string_view{kAsk}));
  }
  for (auto& socket : all) CHECK_THAT(Served::answer(socket), StartsWith("HTTP/1.1 200 OK\r\n"));
  CHECK(s.times == 1);
}

TEST_CASE("metrics endpoint: a text that cannot be made ends one connection, and not the endpoint") {
  Served s("127.79.0.8");
  s.fails = true;
  CHECK(s.ask(kAsk).empty());
  s.fails = false;
  CHECK_THAT(s.ask(kAsk), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("metrics endpoint: an answer that fails otherwise while all end fails itself only") {
  Served s("127.79.0.9");
  s.takes = 60s;
  Tcp::socket asking = s.connect();
  asio::write(asking, asio::buffer(std::string_view{kAsk}));
  while (s.times == 0) std::this_thread::yield();
  s.stop();
  CHECK_FALSE(s.end);
}

TEST_CASE("metrics endpoint: an address that is taken is named") {
  Served s("127.79.0.4");
  asio::io_context io;
  AsioTimers timers;
  CHECK_THROWS_WITH(TextEndpoint(io.get_executor(), timers, s.at, "/metrics", {}), Contains("listening on 127.79.0.4:16384 for metrics"));
}
