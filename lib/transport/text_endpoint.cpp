#include "transport/text_endpoint.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "async/budget.hpp"
#include "async/race.hpp"
#include "async/scope.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using HttpAnswer = http::response<http::string_body>;
constexpr std::size_t kMostHead = 8 * 1024;

}  // namespace

struct TextEndpoint::State {
  State(Executor executor, Timers& t, Endpoint at, std::string p, Text made) : timers(t), acceptor(std::move(executor)), path(std::move(p)), make(std::move(made)) {
    const Tcp::endpoint where(at.address, at.port);
    try {
      acceptor.open(where.protocol());
      acceptor.set_option(Tcp::acceptor::reuse_address(true));
      acceptor.bind(where);
      acceptor.listen();
    } catch (const boost::system::system_error& e) {
      throw failure(e.code(), "listening on " + at.text() + " for metrics");
    }
  }

  task<std::string> fresh() {
    if (made_at && timers.now() - *made_at < kFresh) co_return text;
    text = co_await make();
    made_at = timers.now();
    co_return text;
  }
  task<void> answer(Tcp::socket& socket);
  task<void> serve(Tcp::socket socket, Budget::Lease place);

  Timers& timers;
  Tcp::acceptor acceptor;
  const std::string path;
  Text make;
  std::string text;
  std::optional<SteadyTime> made_at;
  Budget places{kMostAsking};
};

TextEndpoint::TextEndpoint(Executor executor, Timers& timers, Endpoint at, std::string path, Text text)
    : state_(std::make_unique<State>(std::move(executor), timers, std::move(at), std::move(path), std::move(text))) {}
TextEndpoint::~TextEndpoint() = default;

task<void> TextEndpoint::State::answer(Tcp::socket& socket) {
  boost::beast::flat_buffer buffer(kMostHead);
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kMostHead);
  co_await http::async_read_header(socket, buffer, parser, asio::use_awaitable);
  const auto& asked = parser.get();
  HttpAnswer out(http::status::ok, 11);
  out.keep_alive(false);
  out.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
  const bool reads = asked.method() == http::verb::get || asked.method() == http::verb::head;
  if (!reads) {
    out.result(http::status::method_not_allowed);
    out.set(http::field::allow, "GET, HEAD");
  } else if (asked.target() != path) {
    out.result(http::status::not_found);
    out.body() = "there is only " + path + "\n";
  } else {
    out.body() = co_await fresh();
  }
  out.prepare_payload();
  if (asked.method() == http::verb::head) out.body().clear();
  http::response_serializer<http::string_body> whole(out);
  whole.split(false);
  co_await http::async_write(socket, whole, asio::use_awaitable);
  boost::system::error_code gone;
  socket.shutdown(Tcp::socket::shutdown_send, gone);
}

task<void> TextEndpoint::State::serve(Tcp::socket socket, Budget::Lease) {
  try {
    co_await with_timeout(timers, kPatience, answer(socket), "answering who asks for metrics");
  } catch (const boost::system::system_error& e) {
    if (classify(e.code()) == Errc::cancelled) throw;
    log_debug("metrics: {}", e.what());
  }
}

task<void> TextEndpoint::run() {
  Scope scope(co_await asio::this_coro::executor);
  auto accept = [](State& s, Scope& all) -> task<void> {
    for (;;) {
      Budget::Lease place = co_await s.places.take(1);
      boost::system::error_code error;
      auto token = asio::redirect_error(asio::use_awaitable, error);
      Tcp::socket socket = co_await s.acceptor.async_accept(token);
      if (error == asio::error::operation_aborted) throw failure(error, "accepting who asks for metrics");
      if (error) {  // out of descriptors, most likely
        co_await s.timers.sleep(std::chrono::seconds(1));
        continue;
      }
      all.spawn(s.serve(std::move(socket), std::move(place)), "answering who asks for metrics");
    }
  };
  scope.spawn(accept(*state_, scope), "the metrics endpoint");
  co_await scope.join();
}

}  // namespace farkeep
