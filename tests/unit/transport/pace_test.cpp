#include "transport/pace.hpp"

#include <catch2/catch.hpp>
#include <deque>

#include "async/scope.hpp"
#include "unit/async/support.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using test::World;

namespace {

/// Takes and gives at once, and notes when.
class Sink final : public Stream {
 public:
  struct Moved {
    SteadyTime at;
    std::size_t bytes;
  };
  Sink(Timers& timers, std::vector<Moved>& moved) : timers_(timers), moved_(moved) {}
  task<std::size_t> read_some(MutableByteView into) override {
    moved_.push_back({timers_.now(), into.size()});
    co_return into.size();
  }
  task<void> write(std::span<const ByteView> parts) override {
    std::size_t all = 0;
    for (auto& p : parts) all += p.size();
    moved_.push_back({timers_.now(), all});
    co_return;
  }
  void close() noexcept override {}
  std::string describe() const override { return "sink"; }

 private:
  Timers& timers_;
  std::vector<Moved>& moved_;
};

struct Bench final : World, Line {
  task<std::unique_ptr<Stream>> dial(Endpoint) override { co_return std::make_unique<Sink>(timers, moved); }
  void set_max_segment(std::optional<int>) override {}
  LineSymptom symptom() const override { return LineSymptom::none; }
  std::string network(const Endpoint&) const override { return {}; }

  std::unique_ptr<Stream> connect() { return run(line.dial(*Endpoint::parse("192.0.2.1"))); }
  // The most that moved within any stretch of that length, and the least but for both ends.
  std::pair<std::size_t, std::size_t> extremes(std::chrono::nanoseconds length) const {
    std::size_t most = 0, least = SIZE_MAX, sum = 0;
    std::deque<Sink::Moved> inside;
    for (auto& m : moved) {
      inside.push_back(m);
      sum += m.bytes;
      while (m.at - inside.front().at >= length) {
        least = std::min(least, sum);
        sum -= inside.front().bytes;
        inside.pop_front();
      }
      most = std::max(most, sum);
    }
    return {most, least};
  }

  std::vector<Sink::Moved> moved;
  std::uint64_t rate = 0;
  Pace sent{timers, [this] { return rate; }}, received{timers, [this] { return rate; }};
  PacedLine line{*this, sent, received};
};

}  // namespace

TEST_CASE("pace: over any ten seconds, and over any one, no more than the rate gets through, and no less") {
  const std::uint64_t rate = GENERATE(1000, 62'500, 625'000, 125'000'000);
  const bool writes = GENERATE(true, false);
  Bench b;
  b.rate = rate;
  const auto stream = b.connect();
  Buffer data(300'000);
  auto work = [&]() -> task<void> {
    const SteadyTime end = b.timers.now() + 60s;
    while (b.timers.now() < end) {
      if (writes) {
        const ByteView parts[] = {ByteView{data}.first(17), ByteView{data}.first(rate < 10'000 ? 5'000 : data.size()), ByteView{}};
        co_await stream->write(parts);
      } else {
        co_await stream->read_some(data);
      }
    }
  };
  b.run(work());
  const auto [most, least] = b.extremes(10s);
  const auto whole = static_cast<double>(rate) * 10;
  CHECK(static_cast<double>(most) <= whole * 1.05 + 1000);
  CHECK(static_cast<double>(least) >= whole * 0.95 - 1000);
  CHECK(static_cast<double>(b.extremes(1s).first) <= static_cast<double>(rate) * 1.3 + 1000);
}

TEST_CASE("pace: silence is not saved up") {
  Bench b;
  b.rate = 100'000;
  const auto stream = b.connect();
  Buffer data(1'000'000);
  auto work = [&]() -> task<void> {
    co_await b.timers.sleep(1h);
    co_await stream->write(ByteView{data});
  };
  b.run(work());
  CHECK(b.extremes(1s).first <= 130'000);
}

TEST_CASE("pace: another rate holds from the next portion on, and no limit costs nothing") {
  Bench b;
  const auto stream = b.connect();
  Buffer data(10'000'000);
  b.run(stream->write(ByteView{data}));
  CHECK(b.moved.size() == 1);  // as it came
  CHECK(b.timers.now() == b.moved[0].at);

  b.rate = 1000;
  auto faster = [&]() -> task<void> {
    co_await b.timers.sleep(10s);
    b.rate = 1'000'000;
  };
  auto write = [&]() -> task<void> { co_await stream->write(ByteView{data}.first(1'000'000)); };
  auto both = [&]() -> task<void> {
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(faster(), "faster");
    scope.spawn(write(), "write");
    co_await scope.join();
  };
  const SteadyTime start = b.timers.now();
  b.run(both());
  CHECK(b.since(start) > 10s);
  CHECK(b.since(start) < 12s);
}

TEST_CASE("pace: what is written arrives whole and in order, whatever the portions") {
  Bench b;
  b.rate = 20'000;
  std::vector<std::size_t> sizes;
  const auto stream = b.connect();
  Buffer data(3'333);
  const ByteView parts[] = {ByteView{}, ByteView{data}.first(1), ByteView{data}, ByteView{data}.first(999), ByteView{}};
  b.run(stream->write(parts));
  std::size_t all = 0;
  for (auto& m : b.moved) {
    CHECK(m.bytes <= 1000);
    all += m.bytes;
  }
  CHECK(all == 4'333);
}
