#include "transport/peer.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "async/queue.hpp"
#include "sim/sim_timers.hpp"
#include "transport/echo.hpp"
#include "unit/transport/pipe.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using wire::Verb;

namespace {

constexpr int kMost = static_cast<int>(limits::kMaxOutstanding);

/// A handler made of a function.
class FunctionHandler final : public Handler {
 public:
  using Function = std::function<task<Reply>(Request, Replies&)>;
  explicit FunctionHandler(Function f) : f_(std::move(f)) {}
  task<Reply> handle(Request request, Replies& replies) override {
    ++begun;
    now = std::max(now, ++running);
    std::exception_ptr error;
    Reply reply;
    try {
      reply = co_await f_(std::move(request), replies);
    } catch (...) {
      error = std::current_exception();
    }
    --running;
    if (error) std::rethrow_exception(error);
    co_return reply;
  }
  int begun = 0, running = 0, now = 0;

 private:
  Function f_;
};

struct PeerWorld {
  asio::io_context io;
  sim::SimTimers timers;

  template <class T>
  T run(task<T> work) {
    return sim::run(io, timers, std::move(work));
  }
};

Errc code_of(const std::exception_ptr& error) {
  if (!error) return Errc{};
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    return classify(e.code());
  }
}

// Client and server on one pipe; `work` plays the client.  What each side ended with is kept.
struct Pair {
  PeerWorld world;
  std::unique_ptr<SecureStream> client_end, server_end;
  std::optional<Peer> client, server;
  Errc client_ended{}, server_ended{}, work_ended{};

  explicit Pair(std::size_t capacity = std::size_t{1} << 20) {
    auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{}, capacity);
    client.emplace(world.timers, std::move(ends.first));
    server.emplace(world.timers, std::move(ends.second));
  }

  task<void> keep(task<void> work, Errc& ended) {
    try {
      co_await std::move(work);
    } catch (...) {
      ended = code_of(std::current_exception());
    }
  }
  task<void> all(Handler& handler, task<void> work) {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(keep(server->serve(handler), server_ended), "server");
    scope.spawn(keep(client->run(), client_ended), "client");
    scope.spawn(keep(std::move(work), work_ended), "work");
    co_await scope.join();
  }
  void run(Handler& handler, task<void> work) { world.run(all(handler, std::move(work))); }
};

Buffer bytes_of(std::size_t size, std::uint8_t seed) {
  Buffer out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(seed + i * 7 + (i >> 9));
  return out;
}

// Plays a peer that speaks raw frames.
struct RawPeer {
  Stream& stream;
  wire::FrameReader reader;

  task<void> send(Verb verb, std::uint32_t request, bool reply, std::string head = {}) {
    wire::FrameHeader h;
    h.head_size = static_cast<std::uint32_t>(head.size());
    h.request = request;
    h.verb = verb;
    h.reply = reply;
    Buffer frame = to_buffer(h.encode());
    append(frame, as_bytes(head));
    co_await stream.write(ByteView{frame});
  }
  task<std::optional<wire::Frame>> receive() {
    for (;;) {
      auto frame = value_or_throw(reader.next(), "test");
      if (frame) co_return std::move(frame);
      auto const n = co_await stream.read_some(reader.space());
      if (n == 0) co_return std::nullopt;
      reader.filled(n);
    }
  }
};

FunctionHandler echo() {
  return FunctionHandler{[](Request request, Replies&) -> task<Reply> { co_return Reply{std::move(request.head), std::move(request.body)}; }};
}

}  // namespace

TEST_CASE("peer: many requests in flight get their own answers, bodies byte for byte") {
  Pair pair;
  auto handler = echo();
  bool right = true;
  auto work = [&]() -> task<void> {
    std::vector<Answer> answers;
    for (int i = 0; i < 40; ++i) {
      auto body = bytes_of(static_cast<std::size_t>(i) * 30'011, static_cast<std::uint8_t>(i));
      auto answer = co_await pair.client->send(Verb::get, std::to_string(i), std::move(body));
      answers.push_back(std::move(answer));
    }
    for (int i = 39; i >= 0; --i) {
      auto const reply = co_await answers[static_cast<std::size_t>(i)].only();
      right = right && reply.head == std::to_string(i) && reply.body == bytes_of(static_cast<std::size_t>(i) * 30'011, static_cast<std::uint8_t>(i));
    }
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(right);
  CHECK(handler.begun == 40);
  CHECK(pair.work_ended == Errc{});
  CHECK(pair.client_ended == Errc{});
  CHECK(pair.server_ended == Errc{});
}

TEST_CASE("peer: a refusal is the asker's alone, with the other side's words and waiting time") {
  Pair pair;
  FunctionHandler handler{[](Request request, Replies&) -> task<Reply> {
    if (request.head == "no") throw wire::Refusal(Errc::busy, "come back later", 42s);
    co_return Reply{"yes"};
  }};
  Errc code{};
  std::string text;
  std::chrono::seconds after{0};
  auto work = [&]() -> task<void> {
    try {
      co_await pair.client->ask(Verb::have, "no");
    } catch (const wire::Refusal& e) {
      code = classify(e.code());
      text = e.what();
      after = e.retry_after();
    }
    auto const reply = co_await pair.client->ask(Verb::have, "x");
    CHECK(reply.head == "yes");
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(code == Errc::busy);
  CHECK(text.find("come back later") != std::string::npos);
  CHECK(after == 42s);
  CHECK(pair.work_ended == Errc{});
}

TEST_CASE("peer: an answer or a question too large for a frame fails by itself, and the connection goes on") {
  Pair pair;
  FunctionHandler handler{[](Request request, Replies& replies) -> task<Reply> {
    Reply big{std::string(limits::kMaxFrameHead + 1, 'x')};
    if (request.head == "frames") co_await replies.more(std::move(big));
    if (request.head == "big") co_return big;
    co_return Reply{"yes"};
  }};
  std::vector<Errc> codes;
  auto work = [&]() -> task<void> {
    std::vector<std::string> questions{"big", "frames", std::string(limits::kMaxFrameHead + 1, 'q')};
    for (std::string& question : questions) {
      try {
        co_await pair.client->ask(Verb::have, std::move(question));
      } catch (const failure& e) {
        codes.push_back(classify(e.code()));
      }
    }
    auto const reply = co_await pair.client->ask(Verb::have, "x");
    CHECK(reply.head == "yes");
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(codes == std::vector<Errc>{Errc::too_large, Errc::too_large, Errc::too_large});
  CHECK(pair.work_ended == Errc{});
}

TEST_CASE("peer: an answer of several frames comes in order and ends") {
  Pair pair;
  FunctionHandler handler{[](Request, Replies& replies) -> task<Reply> {
    for (int i = 0; i < 20; ++i) {
      Reply frame{std::to_string(i), bytes_of(100'000, static_cast<std::uint8_t>(i))};
      co_await replies.more(std::move(frame));
    }
    co_return Reply{"last"};
  }};
  std::vector<std::string> heads;
  auto work = [&]() -> task<void> {
    auto answer = co_await pair.client->send(Verb::get, "");
    for (;;) {
      auto frame = co_await answer.next();
      if (!frame) break;
      heads.push_back(frame->head);
    }
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  REQUIRE(heads.size() == 21);
  CHECK(heads[7] == "7");
  CHECK(heads[20] == "last");
}

TEST_CASE("peer: an answer that nobody wants any more does not stop the others") {
  Pair pair;
  FunctionHandler handler{[](Request request, Replies& replies) -> task<Reply> {
    if (request.verb == Verb::get) {
      for (int i = 0; i < 20; ++i) {
        Reply frame{"", bytes_of(100'000, 1)};
        co_await replies.more(std::move(frame));
      }
    }
    co_return Reply{"done"};
  }};
  auto work = [&]() -> task<void> {
    {
      auto answer = co_await pair.client->send(Verb::get, "");
      auto const first = co_await answer.next();
      CHECK(first.has_value());
    }
    auto const reply = co_await pair.client->ask(Verb::have, "");
    CHECK(reply.head == "done");
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(pair.work_ended == Errc{});
}

TEST_CASE("peer: no more than kMaxOutstanding requests are served at once, and none is lost") {
  Pair pair;
  Waiters gate;
  bool is_open = false;
  FunctionHandler handler{[&](Request, Replies&) -> task<Reply> {
    while (!is_open) co_await gate.wait();
    co_return Reply{};
  }};
  // Raw, because a Peer would not send so many.
  int replies = 0;
  auto flood = [&](std::unique_ptr<SecureStream> stream) -> task<void> {
    RawPeer raw{*stream, {}};
    for (std::uint32_t i = 1; i <= 3 * kMost; ++i) co_await raw.send(Verb::have, i, false);
    co_await pair.world.timers.sleep(1s);
    CHECK(handler.running == kMost);
    is_open = true;
    gate.wake_all();
    while (replies < 3 * kMost) {
      auto const frame = co_await raw.receive();
      if (!frame) break;
      ++replies;
    }
    co_await raw.send(Verb::bye, 3 * kMost + 1, false);
  };
  auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{});
  Peer server{pair.world.timers, std::move(ends.second)};
  auto both = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(server.serve(handler), "server");
    scope.spawn(flood(std::move(ends.first)), "client");
    co_await scope.join();
  };
  pair.world.run(both());
  CHECK(replies == 3 * kMost);
  CHECK(handler.now == kMost);
}

TEST_CASE("peer: the asking side waits when kMaxOutstanding are in flight") {
  Pair pair;
  Waiters gate;
  bool is_open = false;
  FunctionHandler handler{[&](Request, Replies&) -> task<Reply> {
    while (!is_open) co_await gate.wait();
    co_return Reply{};
  }};
  int sent = 0, answered = 0;
  auto one = [&]() -> task<void> {
    auto answer = co_await pair.client->send(Verb::have, "");
    ++sent;
    co_await answer.only(10min);
    ++answered;
  };
  auto work = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    for (int i = 0; i < kMost + 36; ++i) scope.spawn(one(), "one");
    auto watch = [&]() -> task<void> {
      co_await pair.world.timers.sleep(1s);
      CHECK(sent == kMost);
      is_open = true;
      gate.wake_all();
    };
    scope.spawn(watch(), "watch");
    co_await scope.join();
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(answered == kMost + 36);
}

TEST_CASE("peer: a reply to no request, a second reply, and a reply of another verb break the protocol") {
  for (int kind = 0; kind < 3; ++kind) {
    PeerWorld world;
    auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{});
    Peer client{world.timers, std::move(ends.first)};
    Errc ended{};
    auto server = [&](std::unique_ptr<SecureStream> stream) -> task<void> {
      RawPeer raw{*stream, {}};
      auto const request = co_await raw.receive();
      auto const number = request->header.request;
      if (kind == 0) co_await raw.send(Verb::have, number + 1, true);
      if (kind == 1) {
        co_await raw.send(Verb::have, number, true);
        co_await raw.send(Verb::have, number, true);
      }
      if (kind == 2) co_await raw.send(Verb::put, number, true);
      co_await raw.receive();
    };
    auto work = [&]() -> task<void> {
      auto answer = co_await client.send(Verb::have, "");
      co_await world.timers.sleep(1s);
      try {
        co_await answer.only();
      } catch (const failure&) {
      }
    };
    auto all = [&]() -> task<void> {
      Scope scope{co_await asio::this_coro::executor};
      scope.spawn(client.run(), "client");
      scope.spawn(server(std::move(ends.second)), "server");
      scope.spawn(work(), "work");
      co_await scope.join();
    };
    try {
      world.run(all());
    } catch (const failure& e) {
      ended = classify(e.code());
    }
    CAPTURE(kind);
    CHECK(ended == Errc::protocol);
  }
}

TEST_CASE("peer: a lost connection fails everything that is open, and every later call") {
  PeerWorld world;
  auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{});
  Peer client{world.timers, std::move(ends.first)};
  std::vector<Errc> codes;
  auto one = [&]() -> task<void> {
    try {
      co_await client.ask(Verb::have, "");
    } catch (const failure& e) {
      codes.push_back(classify(e.code()));
    }
  };
  Errc run_ended{};
  auto run = [&]() -> task<void> {
    try {
      co_await client.run();
    } catch (const failure& e) {
      run_ended = classify(e.code());
    }
  };
  auto cut = [&]() -> task<void> {
    co_await world.timers.sleep(5s);
    ends.second->close();
  };
  auto all = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(run(), "run");
    for (int i = 0; i < 3; ++i) scope.spawn(one(), "one");
    scope.spawn(cut(), "cut");
    co_await scope.join();
    co_await one();
  };
  world.run(all());
  CHECK(codes == std::vector<Errc>(4, Errc::disconnected));
  CHECK(run_ended == Errc::disconnected);
}

TEST_CASE("peer: empty frames before an answer are signs of life and no part of it") {
  Pair pair;
  FunctionHandler handler{[&](Request request, Replies& replies) -> task<Reply> {
    for (int i = 0; i < 20; ++i) {
      co_await pair.world.timers.sleep(30s);
      co_await replies.more(Reply{});
    }
    co_return Reply{std::move(request.head)};
  }};
  std::string got;
  auto work = [&]() -> task<void> {
    auto const answer = co_await pair.client->ask(Verb::commit, "asked");
    got = answer.head;
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(got == "asked");
  CHECK(pair.work_ended == Errc{});
}

namespace {

// A server that answers the first request with these bytes, each so long after the one before; the client asks, and is asked how that ended and how long it took.
struct Dribble {
  PeerWorld world;
  Errc ended{};
  std::chrono::nanoseconds waited{};

  void run(Verb verb, std::function<task<void>(Stream&, std::uint32_t)> answer) {
    auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{});
    Peer client{world.timers, std::move(ends.first)};
    auto server = [&](std::unique_ptr<SecureStream> stream) -> task<void> {
      RawPeer raw{*stream, {}};
      const auto asked = co_await raw.receive();
      if (!asked) co_return;
      co_await answer(*stream, asked->header.request);
      while (co_await raw.receive()) {
      }
    };
    auto work = [&]() -> task<void> {
      auto const begin = world.timers.now();
      try {
        Answer got = co_await client.send(verb, "asked");
        while (co_await got.next()) {
        }
      } catch (const failure& f) {
        ended = classify(f.code());
      }
      waited = world.timers.now() - begin;
      co_await client.bye();
    };
    auto quietly = [](task<void> what) -> task<void> {
      try {
        co_await std::move(what);
      } catch (const failure&) {
      }
    };
    auto all = [&]() -> task<void> {
      Scope scope{co_await asio::this_coro::executor};
      scope.spawn(quietly(client.run()), "client");
      scope.spawn(work(), "work");
      scope.spawn(quietly(server(std::move(ends.second))), "server");
      co_await scope.join();
    };
    world.run(all());
  }
};

Buffer frame_of(Verb verb, std::uint32_t request, std::size_t head, bool more = false, std::size_t body = 0) {
  wire::FrameHeader h;
  h.head_size = static_cast<std::uint32_t>(head);
  h.body_size = static_cast<std::uint32_t>(body);
  h.request = request;
  h.verb = verb;
  h.reply = true;
  h.more = more;
  Buffer frame = to_buffer(h.encode());
  frame.resize(frame.size() + head + body);
  return frame;
}

}  // namespace

TEST_CASE("peer: signs of life are for what may take long, and elsewhere break the protocol") {
  for (const Verb verb : {Verb::hello, Verb::have, Verb::put, Verb::report, Verb::directory, Verb::renew}) {
    INFO(wire::name_of(verb));
    Pair pair;
    FunctionHandler handler{[&](Request, Replies& replies) -> task<Reply> {
      for (int i = 0; i < 1000; ++i) {
        co_await replies.more(Reply{});
        co_await pair.world.timers.sleep(10s);
      }
      co_return Reply{"at last"};
    }};
    auto work = [&]() -> task<void> {
      co_await pair.client->ask(verb, "asked");
      co_await pair.client->bye();
    };
    pair.run(handler, work());
    CHECK(pair.client_ended == Errc::protocol);
  }
}

TEST_CASE("peer: signs of life are believed for an hour, and ten minutes where an answer waits for memory") {
  for (const Verb verb : {Verb::open, Verb::commit, Verb::registry, Verb::vaults, Verb::get, Verb::snapshots, Verb::slots}) {
    INFO(wire::name_of(verb));
    std::chrono::nanoseconds const most = verb == Verb::get || verb == Verb::snapshots || verb == Verb::slots ? std::chrono::nanoseconds(10min) : 1h;
    Pair pair;
    FunctionHandler handler{[&](Request, Replies& replies) -> task<Reply> {
      for (int i = 0; i < 1000; ++i) {
        co_await replies.more(Reply{});
        co_await pair.world.timers.sleep(10s);
      }
      co_return Reply{"at last"};
    }};
    Errc code{};
    std::chrono::nanoseconds waited{};
    auto work = [&]() -> task<void> {
      auto const begin = pair.world.timers.now();
      try {
        co_await pair.client->ask(verb, "asked", {}, 5min);
      } catch (const failure& f) {
        code = classify(f.code());
      }
      waited = pair.world.timers.now() - begin;
      co_await pair.client->bye();
    };
    pair.run(handler, work());
    CHECK(code == Errc::timed_out);
    CHECK(waited >= most);
    CHECK(waited < most + 1min);
  }
}

TEST_CASE("peer: that answers wait for memory is believed for ten minutes of a connection, and for longer of one that brings much") {
  for (const bool much : {false, true}) {
    INFO(much);
    Pair pair;
    FunctionHandler handler{[&](Request, Replies& replies) -> task<Reply> {
      for (int i = 0; i < 12; ++i) {
        co_await replies.more(Reply{});
        co_await pair.world.timers.sleep(10s);
      }
      co_return Reply{"at last", Buffer(much ? 1 * limits::kMiB : 0)};
    }};
    int answers = 0;
    std::chrono::nanoseconds waited{};
    auto work = [&]() -> task<void> {
      auto const begin = pair.world.timers.now();
      try {
        for (; answers < 30; ++answers) {
          Answer first = co_await pair.client->send(Verb::get, "asked"), second = co_await pair.client->send(Verb::get, "asked");
          while (co_await first.next()) {
          }
          while (co_await second.next()) {
          }
        }
      } catch (const failure&) {
      }
      waited = pair.world.timers.now() - begin;
      co_await pair.client->bye();
    };
    pair.run(handler, work());
    CHECK(pair.client_ended == (much ? Errc{} : Errc::timed_out));
    CHECK((answers == 30) == much);
    if (!much) CHECK(waited >= 10min);
    if (!much) CHECK(waited < 13min);
  }
}

TEST_CASE("peer: a frame that comes byte by byte is no movement") {
  Dribble d;
  d.run(Verb::report, [&](Stream& stream, std::uint32_t request) -> task<void> {
    const Buffer frame = frame_of(Verb::report, request, 1000);
    for (std::size_t at = 0; at < frame.size(); ++at) {
      co_await stream.write(ByteView{frame}.subspan(at, 1));
      co_await d.world.timers.sleep(20s);
    }
  });
  CHECK(d.ended == Errc::timed_out);
  CHECK(d.waited < 2min);
}

TEST_CASE("peer: pings that are always on their way are no movement either") {
  Dribble d;
  d.run(Verb::report, [&](Stream& stream, std::uint32_t) -> task<void> {
    wire::FrameHeader h;
    h.body_size = 64 * limits::kKiB;
    h.verb = Verb::ping;
    for (std::uint32_t n = 1; n < 1000; ++n) {
      h.request = n;
      Buffer ping = to_buffer(h.encode());
      ping.resize(ping.size() + h.body_size);
      for (std::size_t at = 0; at < ping.size(); at += 8 * limits::kKiB) {
        co_await stream.write(ByteView{ping}.subspan(at, std::min<std::size_t>(8 * limits::kKiB, ping.size() - at)));
        co_await d.world.timers.sleep(1s);
      }
    }
  });
  CHECK(d.ended == Errc::timed_out);
  CHECK(d.waited < 2min);
}

TEST_CASE("peer: an answer of endless small frames ends, and one that is large does not, on a line of 8 KiB/s") {
  Dribble small;
  small.run(Verb::get, [&](Stream& stream, std::uint32_t request) -> task<void> {
    const Buffer frame = frame_of(Verb::get, request, 10, true);
    for (int i = 0; i < 2000; ++i) {
      co_await stream.write(ByteView{frame});
      co_await small.world.timers.sleep(50s);
    }
  });
  CHECK(small.ended == Errc::timed_out);
  CHECK(small.waited < 15min);

  Dribble large;
  large.run(Verb::get, [&](Stream& stream, std::uint32_t request) -> task<void> {
    for (int i = 0; i < 20; ++i) {
      const Buffer frame = frame_of(Verb::get, request, 10, i < 19, 4 * limits::kMiB);
      for (std::size_t at = 0; at < frame.size(); at += 16 * limits::kKiB) {
        co_await stream.write(ByteView{frame}.subspan(at, std::min<std::size_t>(16 * limits::kKiB, frame.size() - at)));
        co_await large.world.timers.sleep(2s);
      }
    }
  });
  CHECK(large.ended == Errc{});
  CHECK(large.waited > 2h);
}

TEST_CASE("peer: whoever takes an answer slowly does not use up the other side's time") {
  Pair pair;
  FunctionHandler handler{[&](Request, Replies& replies) -> task<Reply> {
    for (int i = 0; i < 20; ++i) co_await replies.more(Reply{"some"});
    co_return Reply{"the last"};
  }};
  int frames = 0;
  auto work = [&]() -> task<void> {
    Answer got = co_await pair.client->send(Verb::get, "asked");
    while (co_await got.next()) {
      ++frames;
      co_await pair.world.timers.sleep(10min);
    }
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(frames == 21);
  CHECK(pair.work_ended == Errc{});
}

TEST_CASE("peer: several frames where one belongs break the protocol, unless they are empty") {
  Pair pair;
  FunctionHandler handler{[&](Request, Replies& replies) -> task<Reply> {
    co_await replies.more(Reply{"half"});
    co_return Reply{"the rest"};
  }};
  auto work = [&]() -> task<void> { co_await pair.client->ask(Verb::commit, "asked"); };
  pair.run(handler, work());
  CHECK(pair.client_ended == Errc::protocol);
}

TEST_CASE("peer: a ping's body comes back, and one that is too large ends the connection") {
  PeerWorld world;
  auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{});
  Peer server{world.timers, std::move(ends.second)};
  auto handler = echo();
  bool same = false;
  auto play = [&](std::unique_ptr<SecureStream> stream) -> task<void> {
    co_await farkeep::echo(*stream, limits::kMaxPingBody);
    same = true;
    wire::FrameHeader h;
    h.body_size = limits::kMaxPingBody + 1;
    auto const header = h.encode();
    Buffer const body(h.body_size);
    const ByteView parts[] = {ByteView{header}, ByteView{body}};
    co_await stream->write(std::span<const ByteView>{parts});
  };
  auto all = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(server.serve(handler), "server");
    scope.spawn(play(std::move(ends.first)), "client");
    co_await scope.join();
  };
  CHECK_THROWS_AS(world.run(all()), failure);
  CHECK(same);
}

TEST_CASE("peer: silence is met with three pings and then the end") {
  PeerWorld world;
  auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{});
  Peer client{world.timers, std::move(ends.first)};
  int pings = 0;
  auto const start = world.timers.now();
  auto silent = [&](std::unique_ptr<SecureStream> stream) -> task<void> {
    RawPeer raw{*stream, {}};
    for (;;) {
      auto const frame = co_await raw.receive();
      if (!frame) break;
      if (frame->header.verb == Verb::ping && !frame->header.reply) ++pings;
    }
  };
  auto all = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(client.run(), "client");
    scope.spawn(silent(std::move(ends.second)), "silent");
    co_await scope.join();
  };
  Errc ended{};
  try {
    world.run(all());
  } catch (const failure& e) {
    ended = classify(e.code());
  }
  CHECK(ended == Errc::disconnected);
  CHECK(pings == 3);
  CHECK(world.timers.now() - start == 4 * limits::kPingInterval);
}

TEST_CASE("peer: two idle sides keep each other alive") {
  Pair pair;
  auto handler = echo();
  auto work = [&]() -> task<void> {
    co_await pair.world.timers.sleep(1h);
    auto const reply = co_await pair.client->ask(Verb::have, "still");
    CHECK(reply.head == "still");
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(pair.work_ended == Errc{});
  CHECK(pair.server_ended == Errc{});
}

TEST_CASE("peer: a server that works for long on all requests it takes is not taken for dead") {
  Pair pair;
  FunctionHandler handler{[&](Request, Replies&) -> task<Reply> {
    co_await pair.world.timers.sleep(10min);
    co_return Reply{};
  }};
  int answered = 0;
  auto work = [&]() -> task<void> {
    std::vector<Answer> answers;
    for (int i = 0; i < kMost; ++i) {
      auto answer = co_await pair.client->send(Verb::have, "");
      answers.push_back(std::move(answer));
    }
    for (auto& answer : answers) {
      co_await answer.only(1h);
      ++answered;
    }
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(answered == kMost);
}

TEST_CASE("peer: whoever takes none of our bytes for a minute is gone") {
  PeerWorld world;
  auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{}, 1000);
  Peer client{world.timers, std::move(ends.first)};
  auto chatter = [&](std::unique_ptr<SecureStream> stream) -> task<void> {  // sends, never reads
    RawPeer raw{*stream, {}};
    try {
      for (;;) {
        co_await raw.send(Verb::ping, 1, false);
        co_await world.timers.sleep(10s);
      }
    } catch (const failure&) {
    }
  };
  Errc ended{};
  auto work = [&]() -> task<void> {
    auto body = bytes_of(100'000, 3);
    auto answer = co_await client.send(Verb::put, "", std::move(body));
    co_await answer.only(1h);
  };
  auto all = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(client.run(), "client");
    scope.spawn(work(), "work");
    scope.spawn(chatter(std::move(ends.second)), "chatter");
    co_await scope.join();
  };
  try {
    world.run(all());
  } catch (const failure& e) {
    ended = classify(e.code());
  }
  CHECK(ended == Errc::disconnected);
}

TEST_CASE("peer: a request that takes too long times out; the connection goes on, and its late answer is dropped") {
  Pair pair;
  FunctionHandler handler{[&](Request request, Replies&) -> task<Reply> {
    if (request.head == "slow") co_await pair.world.timers.sleep(2min);
    co_return Reply{request.head};
  }};
  Errc code{};
  auto work = [&]() -> task<void> {
    try {
      co_await pair.client->ask(Verb::have, "slow", {}, 5s);
    } catch (const failure& e) {
      code = classify(e.code());
    }
    auto const quick = co_await pair.client->ask(Verb::have, "quick");
    CHECK(quick.head == "quick");
    co_await pair.world.timers.sleep(5min);
    auto const again = co_await pair.client->ask(Verb::have, "again");
    CHECK(again.head == "again");
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(code == Errc::timed_out);
  CHECK(pair.work_ended == Errc{});
}

TEST_CASE("peer: a server that is alive and does nothing is waited for just as long as the progress timeout") {
  Pair pair;
  FunctionHandler handler{[&](Request, Replies&) -> task<Reply> {
    co_await pair.world.timers.sleep(10min);
    co_return Reply{};
  }};
  std::chrono::nanoseconds waited{};
  auto work = [&]() -> task<void> {
    auto const begin = pair.world.timers.now();
    try {
      co_await pair.client->ask(Verb::have, "");
    } catch (const failure& e) {
      CHECK(classify(e.code()) == Errc::timed_out);
    }
    waited = pair.world.timers.now() - begin;
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(waited == limits::kProgressTimeout);
}

TEST_CASE("peer: on a slow line a request and its answer may take longer than the progress timeout") {
  PeerWorld world;
  auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{}, 64 * limits::kKiB);
  Peer client{world.timers, std::move(ends.first)};
  auto slow_server = [&](std::unique_ptr<SecureStream> stream) -> task<void> {
    Buffer piece(64 * limits::kKiB);
    wire::FrameReader reader;
    std::optional<wire::Frame> asked;
    while (!asked) {
      auto const n = co_await stream->read_some(MutableByteView{piece});
      co_await world.timers.sleep(10s);  // 6.4 KiB/s
      for (std::size_t at = 0; at < n;) {
        auto const space = reader.space();
        auto const some = std::min(space.size(), n - at);
        std::copy_n(piece.begin() + static_cast<std::ptrdiff_t>(at), some, space.begin());
        reader.filled(some);
        at += some;
        auto frame = value_or_throw(reader.next(), "test");
        if (frame && frame->header.verb == Verb::put) asked = std::move(frame);
      }
    }
    CHECK(asked->body.size() == 2 * limits::kMiB);
    wire::FrameHeader h;
    h.head_size = static_cast<std::uint32_t>(1 * limits::kMiB);
    h.request = asked->header.request;
    h.verb = Verb::put;
    h.reply = true;
    Buffer answer = to_buffer(h.encode());
    answer.resize(answer.size() + 1 * limits::kMiB);
    for (std::size_t at = 0; at < answer.size(); at += 10'000) {
      co_await world.timers.sleep(2s);
      co_await stream->write(ByteView{answer}.subspan(at, std::min<std::size_t>(10'000, answer.size() - at)));
    }
    while (co_await stream->read_some(MutableByteView{piece}) > 0) {
    }
  };
  std::chrono::nanoseconds waited{};
  auto work = [&]() -> task<void> {
    auto const begin = world.timers.now();
    auto body = bytes_of(2 * limits::kMiB, 3);
    auto const reply = co_await client.ask(Verb::put, "", std::move(body));
    CHECK(reply.head.size() == 1 * limits::kMiB);
    waited = world.timers.now() - begin;
    co_await client.bye();
  };
  auto all = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(client.run(), "client");
    scope.spawn(work(), "work");
    scope.spawn(slow_server(std::move(ends.second)), "server");
    co_await scope.join();
  };
  world.run(all());
  CHECK(waited > 8min);
}

TEST_CASE("peer: hanging up answers first, then ends the connection") {
  Pair pair;
  FunctionHandler handler{[](Request, Replies&) -> task<Reply> {
    throw HangUp(Errc::unsupported_version, "this server speaks version 1");
    co_return Reply{};
  }};
  Errc code{};
  auto work = [&]() -> task<void> {
    try {
      co_await pair.client->ask(Verb::hello, "");
    } catch (const wire::Refusal& e) {
      code = classify(e.code());
    }
  };
  pair.run(handler, work());
  CHECK(code == Errc::unsupported_version);
  CHECK(pair.server_ended == Errc{});
  CHECK(pair.client_ended == Errc::disconnected);
}

TEST_CASE("peer: bytes that are no frame, and a request where none is served, end the connection") {
  for (int kind = 0; kind < 2; ++kind) {
    PeerWorld world;
    auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{});
    Peer peer{world.timers, std::move(ends.first)};
    auto other = [&](std::unique_ptr<SecureStream> stream) -> task<void> {
      RawPeer raw{*stream, {}};
      Buffer const junk(64, 0xff);
      if (kind == 0) co_await stream->write(ByteView{junk});
      else co_await raw.send(Verb::have, 1, false);
      co_await raw.receive();
    };
    auto all = [&]() -> task<void> {
      Scope scope{co_await asio::this_coro::executor};
      scope.spawn(peer.run(), "peer");
      scope.spawn(other(std::move(ends.second)), "other");
      co_await scope.join();
    };
    Errc ended{};
    try {
      world.run(all());
    } catch (const failure& e) {
      ended = classify(e.code());
    }
    CHECK(ended == Errc::protocol);
  }
}

TEST_CASE("peer: a request that is larger than it may be is refused before its bytes are there, and the connection ends") {
  class Narrow final : public Handler {
   public:
    task<Reply> handle(Request request, Replies&) override { co_return Reply{std::move(request.head)}; }
    wire::FrameSizes most_of(const wire::FrameHeader&) const override { return {100, 0}; }
  };
  PeerWorld world;
  auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{});
  Peer server{world.timers, std::move(ends.second)};
  Narrow handler;
  std::optional<wire::Frame> told;
  bool ended = false;
  auto play = [&](std::unique_ptr<SecureStream> stream) -> task<void> {
    RawPeer raw{*stream, {}};
    wire::FrameHeader h;
    h.head_size = 101;
    h.request = 9;
    h.verb = Verb::commit;
    auto const header = h.encode();
    co_await stream->write(ByteView{header});
    told = co_await raw.receive();
    auto const more = co_await raw.receive();
    ended = !more;
  };
  Errc server_ended{};
  auto serve = [&]() -> task<void> {
    try {
      co_await server.serve(handler);
    } catch (const failure& e) {
      server_ended = classify(e.code());
    }
  };
  auto all = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(serve(), "server");
    scope.spawn(play(std::move(ends.first)), "client");
    co_await scope.join();
  };
  world.run(all());
  REQUIRE(told);
  CHECK(told->header.verb == Verb::failure);
  CHECK(told->header.request == 9);
  auto const message = wire::parse_message<wire::pb::Failure>(told->head);
  REQUIRE(message.has_value());
  CHECK(static_cast<Errc>(message->code()) == Errc::too_large);
  CHECK(ended);
  CHECK(server_ended == Errc::protocol);
}

TEST_CASE("peer: one that is dropped ends with the reason given, before it is served and while") {
  for (bool const before : {true, false}) {
    Pair pair;
    auto handler = echo();
    auto const why = std::make_exception_ptr(failure(Errc::busy, "testing"));
    if (before) pair.server->drop(why);
    auto work = [&]() -> task<void> {
      if (!before) {
        co_await pair.client->ask(Verb::have, "x");
        pair.server->drop(why);
      }
      co_await pair.client->ask(Verb::have, "y");
    };
    pair.run(handler, work());
    CHECK(pair.server_ended == Errc::busy);
    CHECK(pair.client_ended == Errc::disconnected);
    CHECK(pair.work_ended == Errc::disconnected);
  }
}

TEST_CASE("peer: the room of an answer is given back when it was written, and when the connection ends instead") {
  for (bool const read : {true, false}) {
    Pair pair{4096};
    Budget room{1000000};
    std::size_t held = 0;
    FunctionHandler handler{[&](Request, Replies&) -> task<Reply> {
      Reply reply{std::string{}, Buffer(200000)};
      auto lease = co_await room.take(200000);
      held = room.in_use();
      reply.room.push_back(std::move(lease));
      if (!read) pair.server->drop(std::make_exception_ptr(failure(Errc::busy, "testing")));
      co_return reply;
    }};
    auto work = [&]() -> task<void> {
      auto answer = co_await pair.client->send(Verb::get, "x");
      co_await answer.only();
      for (int i = 0; i < 100 && room.in_use() > 0; ++i) co_await pair.world.timers.sleep(1ms);
      CHECK(room.in_use() == 0);
      co_await pair.client->bye();
    };
    pair.run(handler, work());
    CHECK(held == 200000);
    CHECK(room.in_use() == 0);
  }
}

namespace {

/// Serves nothing before it has memory for it.
class Roomy final : public Handler {
 public:
  explicit Roomy(std::size_t bytes) : memory(bytes) {}
  task<Reply> handle(Request request, Replies&) override {
    ++served;
    co_return Reply{std::to_string(request.body.size())};
  }
  task<std::vector<Budget::Lease>> room_for(wire::FrameHeader header) override {
    asked.push_back(header.body_size);
    std::vector<Budget::Lease> room;
    auto lease = co_await memory.take(header.body_size);
    room.push_back(std::move(lease));
    co_return room;
  }
  Budget memory;
  std::vector<std::size_t> asked;
  int served = 0;
};

}  // namespace

TEST_CASE("peer: a request is read when there is memory for it, and those behind it wait; what is served gives it back") {
  Pair pair{64 * 1024};
  Roomy handler{1000000};
  auto taken = pair.world.run(handler.memory.take(900000));
  auto work = [&]() -> task<void> {
    auto small = co_await pair.client->send(Verb::put, "", Buffer(50000));
    co_await small.only();
    CHECK(handler.memory.in_use() == 900000);
    auto large = co_await pair.client->send(Verb::put, "", Buffer(500000));
    auto behind = co_await pair.client->send(Verb::put, "", Buffer(1));
    co_await pair.world.timers.sleep(10s);
    CHECK(handler.served == 1);
    CHECK(handler.asked == std::vector<std::size_t>{50000, 500000});
    taken.release();
    auto const answer = co_await large.only();
    CHECK(answer.head == "500000");
    co_await behind.only();
    CHECK(handler.memory.in_use() == 0);
    co_await pair.client->bye();
  };
  pair.run(handler, work());
  CHECK(handler.served == 3);
  CHECK(handler.memory.in_use() == 0);
}

TEST_CASE("peer: pings whose answers nobody takes are not read without end") {
  PeerWorld world;
  auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{}, 4096);
  Peer server{world.timers, std::move(ends.second)};
  Roomy handler{200000};
  // Sends, and does not read.
  auto flood = [&](Stream& stream) -> task<void> {
    Buffer const body(limits::kMaxPingBody);
    for (std::uint32_t i = 1;; ++i) {
      wire::FrameHeader h;
      h.body_size = static_cast<std::uint32_t>(body.size());
      h.request = i;
      Buffer frame = to_buffer(h.encode());
      append(frame, body);
      co_await stream.write(ByteView{frame});
    }
  };
  auto stop = [&](Scope& scope) -> task<void> {
    co_await world.timers.sleep(10s);
    scope.cancel();
  };
  auto all = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(server.serve(handler), "server");
    scope.spawn(flood(*ends.first), "client");
    scope.spawn(stop(scope), "the end");
    co_await scope.join();
  };
  world.run(all());
  CHECK(handler.asked.size() == 4);  // three are being answered, one waits
  CHECK(handler.memory.in_use() == 0);
}

namespace {

/// Has one long answer, and memory that others may wait for.
class Scarce final : public Handler {
 public:
  task<Reply> handle(Request, Replies& replies) override {
    for (int i = 0; i < 8; ++i) {
      Reply reply{std::string{}, Buffer(limits::kMiB)};
      co_await replies.more(std::move(reply));
    }
    co_return Reply{};
  }
  task<std::vector<Budget::Lease>> room_for(wire::FrameHeader header) override {
    std::vector<Budget::Lease> room;
    auto lease = co_await memory.take(header.body_size + 1);
    room.push_back(std::move(lease));
    co_return room;
  }
  Pressed pressed() const override { return state; }
  Pressed state;
  Budget memory{limits::kMiB * 16};
};

/// How long a server serves somebody who moves so many bytes a second in one way: at most twenty minutes.
std::chrono::nanoseconds served(std::size_t bytes_a_second, bool takes, Pressed state) {
  PeerWorld world;
  auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{}, 4096);
  Peer server{world.timers, std::move(ends.second)};
  Scarce handler;
  handler.state = state;
  auto const began = world.timers.now();
  std::chrono::nanoseconds lasted{20min};
  auto serve = [&](Scope& scope) -> task<void> {
    try {
      co_await server.serve(handler);
    } catch (const failure&) {
      lasted = world.timers.now() - began;
    }
    scope.cancel();
  };
  auto slow = [&]() -> task<void> {
    wire::FrameHeader h;
    h.verb = takes ? Verb::get : Verb::put;
    h.request = 1;
    h.body_size = takes ? 0 : 5 * limits::kMiB;
    co_await ends.first->write(ByteView{h.encode()});
    Buffer piece(bytes_a_second * 5);
    for (;;) {
      if (!takes) co_await ends.first->write(ByteView{piece});
      for (std::size_t taken = 0; takes && taken < piece.size();) {
        auto const n = co_await ends.first->read_some(MutableByteView{piece}.subspan(taken));
        taken += n;
        if (n == 0) co_return;
      }
      co_await world.timers.sleep(5s);
    }
  };
  auto move = [&]() -> task<void> {
    try {
      co_await slow();
    } catch (const failure&) {  // it was ended
    }
  };
  auto stop = [&](Scope& scope) -> task<void> {
    co_await world.timers.sleep(20min);
    scope.cancel();
  };
  auto all = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(serve(scope), "server");
    scope.spawn(move(), "client");
    scope.spawn(stop(scope), "the end");
    co_await scope.join();
  };
  world.run(all());
  return lasted;
}

}  // namespace

TEST_CASE("peer: while others wait for its memory a frame has to get on, in either way; a slow line does") {
  Pressed nobody, coming, going;
  coming.coming = going.going = true;
  CHECK(served(8 * 1024, true, going) < 3min);
  CHECK(served(8 * 1024, true, nobody) > 15min);
  CHECK(served(8 * 1024, true, coming) > 15min);
  CHECK(served(32 * 1024, true, going) > 4min);  // all of it
  CHECK(served(8 * 1024, false, coming) < 3min);
  CHECK(served(8 * 1024, false, nobody) > 10min);
  CHECK(served(8 * 1024, false, going) > 10min);
}

TEST_CASE("peer: one request number twice at once is refused") {
  PeerWorld world;
  auto ends = test::make_pipe(PeerIdentity{}, PeerIdentity{});
  Peer server{world.timers, std::move(ends.second)};
  FunctionHandler handler{[&](Request, Replies&) -> task<Reply> {
    co_await world.timers.sleep(1h);
    co_return Reply{};
  }};
  auto twice = [&](std::unique_ptr<SecureStream> stream) -> task<void> {
    RawPeer raw{*stream, {}};
    co_await raw.send(Verb::have, 7, false);
    co_await raw.send(Verb::have, 7, false);
    co_await raw.receive();
  };
  auto all = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(server.serve(handler), "server");
    scope.spawn(twice(std::move(ends.first)), "client");
    co_await scope.join();
  };
  Errc ended{};
  try {
    world.run(all());
  } catch (const failure& e) {
    ended = classify(e.code());
  }
  CHECK(ended == Errc::protocol);
}

TEST_CASE("peer: cancelled with requests open on both sides, nothing is left running") {
  Pair pair;
  Waiters never;
  FunctionHandler handler{[&](Request, Replies&) -> task<Reply> {
    co_await never.wait();
    co_return Reply{};
  }};
  auto one = [&]() -> task<void> { co_await pair.client->ask(Verb::put, "", Buffer(50'000), 1h); };
  auto all = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(pair.server->serve(handler), "server");
    scope.spawn(pair.client->run(), "client");
    for (int i = 0; i < kMost + 16; ++i) scope.spawn(one(), "one");
    auto stop = [&]() -> task<void> {
      co_await pair.world.timers.sleep(1s);
      CHECK(handler.running == kMost);
      scope.cancel();
    };
    scope.spawn(stop(), "stop");
    co_await scope.join();
  };
  pair.world.run(all());
  CHECK(handler.running == 0);
  CHECK(never.size() == 0);
}
