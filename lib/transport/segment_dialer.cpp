#include "transport/segment_dialer.hpp"

#include "async/race.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "transport/echo.hpp"
#include "transport/proxy_error.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr int kSegments[] = {1220, 536};
constexpr std::size_t kEcho = 4 * limits::kKiB;  // three segments at the least
constexpr auto kSilentAgain = 1h;
constexpr std::size_t kMaxSilent = 64;
constexpr auto kLongEnough = 3s;  // to have been sent again twice

// The next smaller one; nothing: there is none.
std::optional<int> smaller(std::optional<int> than) {
  for (const int s : kSegments)
    if (!than || s < *than) return s;
  return std::nullopt;
}

}  // namespace

task<std::unique_ptr<SecureStream>> SegmentDialer::proved(Endpoint destination, ExpectedServer expected) {
  std::unique_ptr<SecureStream> stream = co_await dialer_.connect(std::move(destination), std::move(expected));
  std::string doing = "sending 4 KiB there and back to " + stream->describe();
  co_await with_timeout(timers_, limits::kEchoTimeout, echo(*stream, kEcho), std::move(doing));
  co_return stream;
}

// Whoever waited for less than an echo may take must not find the same the next time.
void SegmentDialer::given_up(const std::string& network, const std::string& address, std::optional<int> segment) {
  const std::optional<int> next = smaller(segment);
  if (!next || line_.symptom() != LineSymptom::swallowing) return;
  try {
    memory_.learn(network, address, *next);
    log_info("large packets seem to vanish on the way to {}: the next connection begins with segments of {} bytes", address, *next);
  } catch (const failure& f) {
    log_warning("{}", f.what());
  }
}

bool SegmentDialer::worth_smaller(const failure& f, const std::string& address) {
  if (dynamic_cast<const proxy_error*>(&f)) return false;  // its handshake is small
  const Errc kind = classify(f.code());
  if (kind != Errc::timed_out && kind != Errc::disconnected) return false;
  const LineSymptom symptom = line_.symptom();
  if (symptom == LineSymptom::swallowing) return true;
  if (symptom == LineSymptom::none || kind != Errc::timed_out) return false;
  const auto found = silent_.find(address);
  if (found != silent_.end() && timers_.now() - found->second < kSilentAgain) return false;
  if (silent_.size() >= kMaxSilent) silent_.clear();
  silent_[address] = timers_.now();
  return true;
}

task<std::unique_ptr<SecureStream>> SegmentDialer::connect(Endpoint destination, ExpectedServer expected) {
  const std::string network = line_.network(destination), address = destination.text();
  const std::optional<int> known = memory_.segment(network, address);
  std::exception_ptr first;
  const SteadyTime began = timers_.now();
  for (std::optional<int> segment = known;;) {
    line_.set_max_segment(segment);
    std::unique_ptr<SecureStream> stream;
    try {
      ExpectedServer same = expected;
      stream = co_await proved(destination, std::move(same));
    } catch (const failure& f) {
      if (!first) first = std::current_exception();
      segment = smaller(segment);
      if (!segment || !worth_smaller(f, address)) std::rethrow_exception(first);
    } catch (const boost::system::system_error& e) {
      if (classify(e.code()) == Errc::cancelled && timers_.now() - began >= kLongEnough) given_up(network, address, segment);
      throw;
    }
    if (!stream) continue;
    silent_.erase(address);
    if (segment != known) {
      memory_.learn(network, address, *segment);
      log_warning("large packets vanish on the way to {}: it works with segments of {} bytes, which are used from now on (to heal it: let ICMP \"fragmentation needed\" pass, "
                  "or clamp the MSS on the firewall)", address, *segment);
    }
    co_return stream;
  }
}

}  // namespace farkeep
