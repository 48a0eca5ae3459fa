#include "transport/pace.hpp"

#include <algorithm>
#include <vector>

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds kTolerance = 250ms;  // so late may be what moves bytes without losing its turn
constexpr std::size_t kLeast = 512, kMost = 64 * 1024;

class PacedStream final : public Stream {
 public:
  PacedStream(std::unique_ptr<Stream> inner, Pace& sent, Pace& received) : inner_(std::move(inner)), sent_(sent), received_(received) {}

  // What was read is paid for before the next piece is: meanwhile the sender's window fills.
  task<std::size_t> read_some(MutableByteView into) override {
    co_await received_.take(std::exchange(owed_, 0));
    owed_ = co_await inner_->read_some(into.first(std::min(into.size(), received_.portion())));
    co_return owed_;
  }

  task<void> write(std::span<const ByteView> parts) override {
    std::vector<ByteView> slice;
    std::size_t size = 0, portion = sent_.portion();
    for (std::size_t i = 0, skip = 0; i < parts.size();) {
      const ByteView rest = parts[i].subspan(skip);
      const std::size_t n = std::min(rest.size(), portion - size);
      if (n > 0) slice.push_back(rest.first(n));
      size += n;
      skip += n;
      if (n == rest.size()) {
        ++i;
        skip = 0;
      }
      if (size < portion && i < parts.size()) continue;
      co_await sent_.take(size);
      co_await inner_->write(slice);
      slice.clear();
      size = 0;
      portion = sent_.portion();
    }
  }
  using Stream::write;
  void close() noexcept override { inner_->close(); }
  std::string describe() const override { return inner_->describe(); }

 private:
  std::unique_ptr<Stream> inner_;
  Pace& sent_;
  Pace& received_;
  std::size_t owed_ = 0;
};

}  // namespace

std::size_t Pace::portion() const {
  const std::uint64_t rate = rate_();
  return rate == 0 ? SIZE_MAX : std::clamp<std::size_t>(rate / 20, kLeast, kMost);
}

task<void> Pace::take(std::size_t bytes) {
  const std::uint64_t rate = rate_();
  const SteadyTime now = timers_.now();
  if (rate == 0 || bytes == 0) co_return;
  next_ = std::max(next_, now - kTolerance) + std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(rate)));
  if (next_ > now) co_await timers_.sleep(next_ - now);
}

task<std::unique_ptr<Stream>> PacedLine::dial(Endpoint destination) {
  std::unique_ptr<Stream> stream = co_await line_.dial(std::move(destination));
  co_return std::make_unique<PacedStream>(std::move(stream), sent_, received_);
}

}  // namespace farkeep
