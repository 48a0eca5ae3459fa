#pragma once

#include <map>

#include "async/scope.hpp"
#include "sim/sim_timers.hpp"
#include "transport/shake_hands.hpp"
#include "unit/transport/pipe.hpp"

namespace farkeep::test {

/// What a scripted proxy does after its last byte.
enum class Ending { open, close, stall };

/// A proxy that reads what it is told and writes its script, in pieces of any size; behind it, once the client believes to
/// have a tunnel, an echo.
struct ProxyScript {
  std::vector<std::pair<std::size_t, Buffer>> turns;  ///< read so many bytes, then write these
  std::size_t piece = 0;                              ///< bytes a write; 0: all at once
  std::size_t most = static_cast<std::size_t>(-1);    ///< bytes after which the ending comes
  Ending ending = Ending::open;
  std::chrono::nanoseconds pause{0};                  ///< after each write
};

inline Buffer bytes(std::initializer_list<int> list) {
  Buffer out;
  for (int b : list) out.push_back(static_cast<std::uint8_t>(b));
  return out;
}
inline Buffer bytes(std::string_view text) { return to_buffer(as_bytes(text)); }

/// What came of a handshake.
struct Outcome {
  bool tunnel = false;
  std::optional<ProxyTrouble> trouble;
  ProxyBlame blame{};
  Errc code{};
  std::string text;
  std::chrono::nanoseconds took{};
  Buffer heard;      ///< by the proxy, in all
  std::string after; ///< what the client read first through the tunnel
};

struct ProxyWorld {
  asio::io_context io;
  sim::SimTimers timers;

  /// `tunnel`: bytes that the proxy sends right behind its last reply, in one piece with it.
  Outcome talk(Handshake& handshake, const ProxyScript& script, std::string_view tunnel = {}) {
    Outcome out;
    auto ends = make_pipe(PeerIdentity{}, PeerIdentity{}, 1 << 20);
    std::unique_ptr<SecureStream> client = std::move(ends.first), proxy = std::move(ends.second);
    bool done = false;
    auto const begin = timers.now();
    asio::co_spawn(io, play(*proxy, script, tunnel, out.heard), [](const std::exception_ptr&) {});
    asio::co_spawn(io, drive(*client, handshake, tunnel.size(), out.after), [&](const std::exception_ptr& e) {
      out.took = timers.now() - begin;
      out.tunnel = !e;
      if (e) keep(e, out);
      done = true;
    });
    sim::run_until(io, timers, [&] { return done; });
    client->close();
    proxy->close();
    io.restart();
    io.poll();
    return out;
  }

 private:
  static void keep(const std::exception_ptr& error, Outcome& out) {
    try {
      std::rethrow_exception(error);
    } catch (const proxy_error& e) {
      out.trouble = e.trouble();
      out.blame = e.blame();
      out.code = classify(e.code());
      out.text = e.what();
    } catch (const boost::system::system_error& e) {
      out.code = classify(e.code());
      out.text = e.what();
    }
  }

  task<void> drive(Stream& stream, Handshake& handshake, std::size_t after, std::string& got) {
    co_await shake_hands(stream, handshake, timers);
    Buffer rest(after);
    if (after > 0) co_await read_exactly(stream, rest);
    got = to_string(rest);
  }

  task<void> play(Stream& stream, ProxyScript script, std::string_view tunnel, Buffer& heard) {
    std::size_t said = 0;
    for (std::size_t turn = 0; turn < script.turns.size(); ++turn) {
      Buffer question(script.turns[turn].first);
      if (!question.empty()) {
        const bool all = co_await read_exactly(stream, question);
        if (!all) co_return;
        append(heard, question);
      }
      Buffer answer = script.turns[turn].second;
      if (turn + 1 == script.turns.size()) append(answer, as_bytes(tunnel));
      for (std::size_t at = 0; at < answer.size();) {
        if (said >= script.most) break;
        const std::size_t n = std::min({script.piece == 0 ? answer.size() : script.piece, answer.size() - at, script.most - said});
        co_await stream.write(ByteView{answer}.subspan(at, n));
        at += n;
        said += n;
        if (script.pause.count() > 0) co_await timers.sleep(script.pause);
      }
      if (said >= script.most) break;
    }
    if (script.ending == Ending::close) stream.close();
  }
};

}  // namespace farkeep::test
