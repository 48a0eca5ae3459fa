#include "transport/web.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include "base/error.hpp"

using namespace farkeep;
using Catch::Contains;
using namespace std::chrono_literals;

namespace {

// A web server that answers one call with a status.
struct Server {
  explicit Server(std::string address, std::chrono::milliseconds within = CurlWeb::kWithin) : address_(std::move(address)), acceptor_(io, {asio::ip::make_address(address_), 16384}), web(workers, within) {}

  task<void> serve(std::string answer) {
    asio::ip::tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
    auto to_end_of_head = asio::dynamic_buffer(request);
    const std::size_t head = co_await asio::async_read_until(socket, to_end_of_head, "\r\n\r\n", asio::use_awaitable);
    const std::size_t at = request.find("Content-Length: ");
    const std::size_t body = at == request.npos ? 0 : std::stoul(request.substr(at + 16));
    while (request.size() < head + body) {
      char piece[100];
      const auto into = asio::buffer(piece);
      const std::size_t n = co_await socket.async_read_some(into, asio::use_awaitable);
      request.append(piece, n);
    }
    if (asked) {  // and never answered
      asked();
      char piece[100];
      const auto into = asio::buffer(piece);
      boost::system::error_code hung_up;
      auto token = asio::redirect_error(asio::use_awaitable, hung_up);
      co_await socket.async_read_some(into, token);
      co_return;
    }
    const auto out = asio::buffer(answer);
    co_await asio::async_write(socket, out, asio::use_awaitable);
    const std::string piece = more;
    const auto on = asio::buffer(piece);
    while (!piece.empty() && sent < kMostSent) {
      sent += co_await asio::async_write(socket, on, asio::use_awaitable);
      if (every == every.zero()) continue;
      asio::steady_timer pause(io, every);
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
  // The call's error; empty: none.
  std::string call(WebCall order, const std::string& status) {
    std::string problem;
    asio::co_spawn(io, serve("HTTP/1.1 " + status + (more.empty() ? "\r\nContent-Length: 2\r\n\r\nok" : "\r\n")), [](std::exception_ptr) {});
    asio::co_spawn(io, web.call(std::move(order)), [&](std::exception_ptr e) {
      acceptor_.close();
      if (!e) return;
      try {
        std::rethrow_exception(e);
      } catch (const std::exception& f) {
        problem = f.what();
      }
    });
    io.run();
    return problem;
  }

  std::string address_;
  asio::io_context io{1};
  asio::ip::tcp::acceptor acceptor_;
  ThreadWorkers workers{1};
  CurlWeb web;
  std::string request;
  std::function<void()> asked;
  static constexpr std::size_t kMostSent = 64 * 1024 * 1024;
  std::string more;  // said again and again behind the first line
  std::chrono::milliseconds every{0};
  std::size_t sent = 0;
};

}  // namespace

TEST_CASE("web: a call posts its body with its type") {
  Server s("127.120.0.1");
  CHECK(s.call({"http://127.120.0.1:16384/hook?x=1", "{\"a\":1}", "application/json", ""}, "200 OK").empty());
  CHECK_THAT(s.request, Catch::StartsWith("POST /hook?x=1 HTTP/1.1\r\n") && Contains("Content-Type: application/json\r\n") && Catch::EndsWith("\r\n\r\n{\"a\":1}"));
}

TEST_CASE("web: any other status is an error that names the host and not the secret path") {
  Server s("127.120.0.2");
  CHECK_THAT(s.call({"http://127.120.0.2:16384/secret", "x", "text/plain", ""}, "404 Not Found"), Contains("calling 127.120.0.2:16384: it answers with status 404") && !Contains("secret"));
}

TEST_CASE("web: a redirection is not followed, for it would carry the notice elsewhere") {
  Server s("127.120.0.3");
  CHECK_THAT(s.call({"http://127.120.0.3:16384/", "x", "text/plain", ""}, "302 Found\r\nLocation: http://127.120.0.9:16384/"), Contains("status 302"));
}

TEST_CASE("web: nobody there is unreachable") {
  Server s("127.120.0.4");
  CHECK_THAT(s.call({"http://127.120.0.5:16384/secret", "x", "text/plain", ""}, "200 OK"), Contains("calling 127.120.0.5:16384: ") && !Contains("secret"));
}

TEST_CASE("web: through a proxy the proxy is asked, and the environment is not") {
  ::setenv("http_proxy", "http://127.120.0.99:1", 1);
  Server direct("127.120.0.6");
  CHECK(direct.call({"http://127.120.0.6:16384/", "x", "text/plain", ""}, "200 OK").empty());
  Server proxy("127.120.0.7");
  CHECK(proxy.call({"http://chat.invalid/hook", "x", "text/plain", "http://127.120.0.7:16384"}, "200 OK").empty());
  ::unsetenv("http_proxy");
  CHECK_THAT(proxy.request, Catch::StartsWith("POST http://chat.invalid/hook HTTP/1.1\r\n"));
}

TEST_CASE("web: a call that nobody answers ends when it is stopped, and no further one is made") {
  Server s("127.120.0.8");
  s.asked = [&] { s.web.stop(); };
  CHECK_THAT(s.call({"http://127.120.0.8:16384/secret", "x", "text/plain", ""}, "200 OK"), Contains("calling 127.120.0.8:16384: ") && !Contains("secret"));
  CHECK_FALSE(s.request.empty());
  Server later("127.120.0.9");
  later.web.stop();
  CHECK_THAT(later.call({"http://127.120.0.9:16384/", "x", "text/plain", ""}, "200 OK"), Contains("calling 127.120.0.9:16384: "));
  CHECK(later.request.empty());
}

TEST_CASE("web: a page without an end is not read to its end, and its status counts") {
  Server s("127.120.0.10");
  s.more = "\r\n" + std::string(100'000, 'x');
  CHECK(s.call({"http://127.120.0.10:16384/", "x", "text/plain", ""}, "200 OK").empty());
  CHECK(s.sent < Server::kMostSent / 2);  // what lies in sockets included
  Server fails("127.120.0.11");
  fails.more = s.more;
  CHECK_THAT(fails.call({"http://127.120.0.11:16384/", "x", "text/plain", ""}, "500 Oh"), Contains("status 500"));
}

TEST_CASE("web: fields without an end are no answer") {
  Server s("127.120.0.12");
  s.more = "X-More: " + std::string(50'000, 'x') + "\r\n";
  CHECK_THAT(s.call({"http://127.120.0.12:16384/secret", "x", "text/plain", ""}, "200 OK"), Contains("calling 127.120.0.12:16384: ") && !Contains("secret"));
  CHECK(s.sent < Server::kMostSent / 2);
  Server interim("127.120.0.13");
  interim.more = "\r\nHTTP/1.1 100 Continue\r\n";
  CHECK_FALSE(interim.call({"http://127.120.0.13:16384/", "x", "text/plain", ""}, "100 Continue").empty());
  CHECK(interim.sent < Server::kMostSent / 2);
}

TEST_CASE("web: an answer that comes a byte at a time is waited for in all, not byte by byte") {
  Server s("127.120.0.14", 300ms);
  s.more = "X";
  s.every = 10ms;
  CHECK_THAT(s.call({"http://127.120.0.14:16384/", "x", "text/plain", ""}, "200 OK"), Contains("calling 127.120.0.14:16384: "));
  CHECK(s.sent < 1000);
  Server page("127.120.0.15", 300ms);
  page.more = "\r\n";
  page.every = 10ms;
  CHECK_THAT(page.call({"http://127.120.0.15:16384/", "x", "text/plain", ""}, "200 OK"), Contains("calling 127.120.0.15:16384: "));
  CHECK(page.sent < 1000);
}
