#include "progress_line.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>

#include "platform/printable.hpp"
#include "platform/process.hpp"

namespace farkeep::cli {
namespace {
using namespace std::chrono_literals;
constexpr auto kFrame = 200ms;      // five pictures a second are smooth enough for eyes and terminals
constexpr auto kJsonFrame = 1000ms;
constexpr auto kRateWindow = 10s;
}  // namespace

std::string show_bytes(double bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string show_time(std::chrono::seconds time) {
  const auto s = time.count();
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60) : fmt::format("{}:{:02}", s / 60, s % 60);
}

void ProgressLine::progress(const Progress& now) {
  if (show_ == Show::nothing) return;
  const SteadyTime t = clock_.steady();
  if (started_ == SteadyTime{}) started_ = rate_from_ = t;
  if (t - drawn_ < (show_ == Show::json ? std::chrono::nanoseconds(kJsonFrame) : std::chrono::nanoseconds(kFrame)) && now.phase != "done") return;
  drawn_ = t;
  const std::uint64_t bytes = std::max(now.bytes, now.bytes_read);
  if (const auto span = std::chrono::duration<double>(t - rate_from_).count(); span >= 1) {
    const double current = static_cast<double>(bytes - std::min(bytes, rate_bytes_)) / span;
    rate_ = rate_ == 0 ? current : rate_ + (current - rate_) * std::min(1.0, span / std::chrono::duration<double>(kRateWindow).count());
    rate_from_ = t;
    rate_bytes_ = bytes;
  }
  draw(now);
}

void ProgressLine::draw(const Progress& now) {
  const auto elapsed = std::chrono::duration_cast<std::chrono::seconds>(drawn_ - started_);
  std::optional<std::chrono::seconds> left;
  const std::uint64_t done = std::max(now.bytes, now.bytes_read);
  if (rate_ > 0 && now.expected_bytes > done) left = std::chrono::seconds(static_cast<std::int64_t>(static_cast<double>(now.expected_bytes - done) / rate_));
  if (show_ == Show::json) {
    boost::json::object o{{"message_type", "status"}, {"phase", now.phase}, {"server", now.server}, {"seconds_elapsed", elapsed.count()},
                          {"files_done", now.files}, {"bytes_done", done}, {"bytes_sent", now.bytes_sent}, {"bytes_durable", now.bytes_durable},
                          {"bytes_per_second", static_cast<std::uint64_t>(rate_)}, {"error_count", now.unreadable}};
    if (now.expected_bytes) o["bytes_expected"] = now.expected_bytes;
    if (left) o["seconds_left"] = left->count();
    const std::string line = boost::json::serialize(o) + "\n";
    std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
    return;
  }
  std::string line = fmt::format("{} {}  {} files, {}", show_time(elapsed), now.phase, now.files, show_bytes(static_cast<double>(done)));
  if (now.expected_bytes) line += fmt::format(" of {}, {:.0f} %", show_bytes(static_cast<double>(now.expected_bytes)), std::min(100.0, 100.0 * static_cast<double>(done) / static_cast<double>(now.expected_bytes)));
  if (rate_ > 0) line += fmt::format(", {}/s", show_bytes(rate_));
  if (now.bytes_sent) line += fmt::format(", {} sent", show_bytes(static_cast<double>(now.bytes_sent)));
  if (left) line += fmt::format(", {} left", show_time(*left));
  if (now.unreadable) line += fmt::format(", {} errors", now.unreadable);
  const std::size_t width = terminal_width().value_or(80);
  if (line.size() >= width) line.resize(width - 1);
  std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
  std::fflush(stderr);
  on_screen_ = true;
}

void ProgressLine::clear() {
  if (!on_screen_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  on_screen_ = false;
}

void ProgressLine::message(const std::string& text) {
  clear();
  std::fprintf(stderr, "%s\n", text.c_str());
}

void ProgressLine::problem(std::string_view path, std::string_view text) {
  if (show_ == Show::json) {
    clear();
    std::fprintf(stderr, "%s\n", boost::json::serialize(boost::json::object{{"message_type", "error"}, {"item", printable(path)}, {"error", printable(text)}}).c_str());
    return;
  }
  message(text.empty() ? std::string(path) : printable(path) + ": " + std::string(text));
}

void ProgressLine::note(std::string_view text) {
  if (!quiet_) message(std::string(text));
}

}  // namespace farkeep::cli
