#include "transport/text_endpoint.hpp"

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
    asio::co_spawn(io, all(scope, endpoint), [](std::exception_ptr) {});
    thread = std::thread([this] { io.run(); });
  }
  ~Served() {
    asio::post(io, [this] { scope.cancel(); });
    thread.join();
  }
  task<std::string> made() {
    ++times;
    co_return "a 1\n";
  }
  Tcp::socket connect() {
    Tcp::socket socket(outside);
    socket.connect({at.address, at.port});
    return socket;
  }
  std::string ask(const std::string& request) {
    Tcp::socket socket = connect();
    asio::write(socket, asio::buffer(request));
    std::string out;
    boost::system::error_code error;
    asio::read(socket, asio::dynamic_buffer(out), error);
    return out;
  }

  asio::io_context io{1}, outside{1};
  AsioTimers timers;
  Endpoint at;
  std::atomic<int> times = 0;
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

TEST_CASE("metrics endpoint: who says nothing keeps nobody else from asking") {
  Served s("127.79.0.3");
  std::vector<Tcp::socket> silent;
  for (std::size_t i = 0; i + 1 < TextEndpoint::kMostAsking; ++i) silent.push_back(s.connect());
  CHECK_THAT(s.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("metrics endpoint: an address that is taken is named") {
  Served s("127.79.0.4");
  asio::io_context io;
  AsioTimers timers;
  CHECK_THROWS_WITH(TextEndpoint(io.get_executor(), timers, s.at, "/metrics", {}), Contains("listening on 127.79.0.4:16384 for metrics"));
}
