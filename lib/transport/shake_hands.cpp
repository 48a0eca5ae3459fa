#include "transport/shake_hands.hpp"

#include <algorithm>
#include <optional>

#include "async/race.hpp"
#include "crypto/secret.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostSteps = 40'000;  // an HTTP head of 16 KiB read byte by byte, twice over

struct Part {
  Buffer bytes;
  std::size_t have = 0;
};

// Returns at the end of the stream, too.
task<void> exchange(Stream& stream, const Buffer& write, Part& part) {
  if (!write.empty()) co_await stream.write(ByteView{write});
  while (part.have < part.bytes.size()) {
    const std::size_t n = co_await stream.read_some(MutableByteView{part.bytes}.subspan(part.have));
    if (n == 0) co_return;
    part.have += n;
  }
}

// How it broke; nothing when all came.
task<std::optional<Handshake::Break>> attempt(Stream& stream, Timers& timers, const Handshake::Step& step, std::chrono::nanoseconds within, Part& part) {
  try {
    co_await with_timeout(timers, within, exchange(stream, step.write, part), "talking to a proxy");
  } catch (const boost::system::system_error& e) {
    switch (classify(e.code())) {
      case Errc::timed_out: co_return Handshake::Break::timed_out;
      case Errc::disconnected: co_return Handshake::Break::reset;
      default: throw;
    }
  }
  if (part.have < part.bytes.size()) co_return Handshake::Break::closed;
  co_return std::nullopt;
}

// An answer that comes byte by byte has no more time for each than the answer has in all: what its beginning may take, and once more what a part may.
class AnswerTime {
 public:
  explicit AnswerTime(const Timers& timers) : timers_(timers) {}
  std::chrono::nanoseconds of(const Handshake::Step& step) {
    const bool begins = !step.write.empty() || parts_ == 0;
    if (begins) {
      ends_ = timers_.now() + step.within;
      parts_ = 0;
    } else if (parts_ == 1) {
      ends_ += step.within;
    }
    parts_ = std::min(parts_ + 1, 2);
    return std::max(std::min(step.within, std::chrono::nanoseconds(ends_ - timers_.now())), std::chrono::nanoseconds{1});
  }

 private:
  const Timers& timers_;
  SteadyTime ends_{};
  int parts_ = 0;
};

}  // namespace

task<void> shake_hands(Stream& stream, Handshake& handshake, Timers& timers) {
  Handshake::Step step = handshake.start();
  AnswerTime time(timers);
  for (std::size_t n = 0; n < kMostSteps; ++n) {
    if (step.read == 0 && step.write.empty()) co_return;
    Part part;
    part.bytes.resize(step.read);
    const std::chrono::nanoseconds within = time.of(step);
    const std::optional<Handshake::Break> broke = co_await attempt(stream, timers, step, within, part);
    wipe(step.write);  // there may be a password in it
    const ByteView got = ByteView{part.bytes}.first(part.have);
    if (broke && !step.take_what_comes) handshake.broken(*broke, got);
    if (step.read == 0) co_return;
    step = handshake.received(got);
  }
  handshake.broken(Handshake::Break::timed_out, ByteView{});
}

}  // namespace farkeep
