#include "agent/forecast.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace farkeep {
namespace {

constexpr double kRateWindow = 10;  // seconds

}  // namespace

void Forecast::look(const Progress& progress, SteadyTime now) {
  progress_ = progress;
  now_ = now;
  if (started_ == SteadyTime{}) started_ = rate_from_ = now;
  const double span = std::chrono::duration<double>(now - rate_from_).count();
  if (span < 1) return;
  const std::uint64_t bytes = done();
  const double current = static_cast<double>(bytes - std::min(bytes, rate_bytes_)) / span;
  rate_ = rate_ == 0 ? current : rate_ + (current - rate_) * std::min(1.0, span / kRateWindow);
  rate_from_ = now;
  rate_bytes_ = bytes;
}

std::uint64_t Forecast::done() const noexcept { return std::max(progress_.bytes, progress_.bytes_read); }
std::chrono::seconds Forecast::elapsed() const noexcept { return std::chrono::duration_cast<std::chrono::seconds>(now_ - started_); }

std::optional<std::chrono::seconds> Forecast::left() const noexcept {
  if (rate_ <= 0 || progress_.expected_bytes <= done()) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(static_cast<double>(progress_.expected_bytes - done()) / rate_));
}

std::string Forecast::json() const {
  boost::json::object o{{"message_type", "status"}, {"phase", progress_.phase}, {"server", progress_.server}, {"seconds_elapsed", elapsed().count()},
                        {"files_done", progress_.files}, {"bytes_done", done()}, {"bytes_sent", progress_.bytes_sent}, {"bytes_durable", progress_.bytes_durable},
                        {"bytes_per_second", static_cast<std::uint64_t>(rate_)}, {"error_count", progress_.unreadable + progress_.without_attributes}};
  if (progress_.expected_bytes) o["bytes_expected"] = progress_.expected_bytes;
  if (const auto rest = left()) o["seconds_left"] = rest->count();
  return boost::json::serialize(o);
}

}  // namespace farkeep
