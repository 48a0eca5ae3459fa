#include "transport/text_endpoint.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "async/race.hpp"
#include "async/scope.hpp"
#include "async/waiters.hpp"
#include "base/log.hpp"
#include "transport/crowd.hpp"

namespace farkeep {
namespace {

namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using HttpAnswer = http::response<http::string_body>;
constexpr std::size_t kMostHead = 8 * 1024;

// Whoever asks, or says nothing: hung up on when his place is needed.
struct Guest {
  Guest(Tcp::socket s, const Tcp::endpoint& from)
      : socket(std::move(s)), place(Network::of(from.address()), [this] {
          boost::system::error_code gone;
          socket.close(gone);
        }) {}
  Tcp::socket socket;
  Crowd::Member place;
};

}  // namespace

struct TextEndpoint::State {
  State(Executor executor, Timers& t, Endpoint at, std::string p, Text text_of)
      : timers(t), acceptor(executor), path(std::move(p)), make(std::move(text_of)), scope(std::move(executor)) {
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

  task<std::string> fresh();
  task<void> answer(Guest& guest);
  task<void> serve(std::unique_ptr<Guest> guest);
  task<void> accept();

  Timers& timers;
  Tcp::acceptor acceptor;
  const std::string path;
  Text make;
  std::string text;
  std::optional<SteadyTime> made_at;
  bool making = false;
  Waiters made;
  Crowd silent{kMostSilent}, asking{kMostAsking};
  Scope scope;
};

TextEndpoint::TextEndpoint(Executor executor, Timers& timers, Endpoint at, std::string path, Text text)
    : state_(std::make_unique<State>(std::move(executor), timers, std::move(at), std::move(path), std::move(text))) {}
TextEndpoint::~TextEndpoint() = default;

task<std::string> TextEndpoint::State::fresh() {
  struct Making {
    explicit Making(State& s) : state(s) { state.making = true; }
    ~Making() {
      state.making = false;
      state.made.wake_all();
    }
    State& state;
  };
  while (making) co_await made.wait();
  if (made_at && timers.now() - *made_at < kFresh) co_return text;
  Making alone{*this};
  std::string fresh_text = co_await make();
  text = std::move(fresh_text);
  made_at = timers.now();
  co_return text;
}

task<void> TextEndpoint::State::answer(Guest& guest) {
  Tcp::socket& socket = guest.socket;
  boost::beast::flat_buffer buffer(kMostHead);
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kMostHead);
  co_await http::async_read_header(socket, buffer, parser, asio::use_awaitable);
  asking.enter(guest.place);
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

// The fence of one connection: nothing leaves it, not even what goes wrong while all of them end.
task<void> TextEndpoint::State::serve(std::unique_ptr<Guest> guest) {
  try {
    co_await with_timeout(timers, kPatience, answer(*guest), "answering who asks for metrics");
  } catch (const std::exception& e) {
    if (!scope.cancelled()) log_debug("metrics: {}", e.what());
  }
}

task<void> TextEndpoint::State::accept() {
  for (;;) {
    Tcp::endpoint from;
    boost::system::error_code error;
    Tcp::socket socket = co_await acceptor.async_accept(from, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) throw failure(error, "accepting who asks for metrics");
    if (error) {  // out of descriptors, most likely
      co_await timers.sleep(std::chrono::seconds(1));
      continue;
    }
    try {
      auto guest = std::make_unique<Guest>(std::move(socket), from);
      silent.enter(guest->place);
      scope.spawn(serve(std::move(guest)), "answering who asks for metrics");
    } catch (const std::bad_alloc&) {
      log_debug("metrics: a connection is closed: out of memory");
    }
  }
}

task<void> TextEndpoint::run() {
  state_->scope.spawn(state_->accept(), "the metrics endpoint");
  co_await state_->scope.join();
}

}  // namespace farkeep
