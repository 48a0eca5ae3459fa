#include "progress_line.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/valid_text.hpp"
#include "common/json_path.hpp"
#include "common/say.hpp"
#include "platform/printable.hpp"
#include "platform/process.hpp"

namespace farkeep::cli {
namespace {
using namespace std::chrono_literals;
constexpr auto kFrame = 200ms;      // five pictures a second are smooth enough for eyes and terminals
constexpr auto kJsonFrame = 1000ms;
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

std::string show_progress(std::uint64_t files, std::uint64_t done, std::uint64_t expected) {
  std::string out = fmt::format("{} files, {}", files, show_bytes(static_cast<double>(done)));
  if (expected) out += fmt::format(" of {}, {:.0f} %", show_bytes(static_cast<double>(expected)), std::min(100.0, 100.0 * static_cast<double>(done) / static_cast<double>(expected)));
  return out;
}

void ProgressLine::progress(const Progress& now) {
  if (show_ == Show::nothing) return;
  const SteadyTime t = clock_.steady();
  if (t - drawn_ < (show_ == Show::json ? std::chrono::nanoseconds(kJsonFrame) : std::chrono::nanoseconds(kFrame)) && now.phase != "done") return;
  drawn_ = t;
  forecast_.look(now, t);
  draw();
}

void ProgressLine::draw() {
  if (show_ == Show::json) {
    say_json(forecast_.json());
    return;
  }
  const Progress& now = forecast_.progress();
  std::string line = show_time(forecast_.elapsed()) + " " + now.phase + "  " + show_progress(now.files, forecast_.done(), now.expected_bytes);
  if (forecast_.rate() > 0) line += fmt::format(", {}/s", show_bytes(forecast_.rate()));
  if (now.bytes_sent) line += fmt::format(", {} sent", show_bytes(static_cast<double>(now.bytes_sent)));
  if (const auto left = forecast_.left()) line += fmt::format(", {} left", show_time(*left));
  if (const auto errors = now.unreadable + now.without_attributes) line += fmt::format(", {} errors", errors);
  const std::size_t width = terminal_width().value_or(80);
  if (line.size() >= width) line.resize(width - 1);
  draw_text(line);
  on_screen_ = true;
}

void ProgressLine::clear() {
  if (!on_screen_) return;
  wipe_drawn();
  on_screen_ = false;
}

void ProgressLine::message(const std::string& text) {
  clear();
  tell_text(text);
}

void ProgressLine::problem(std::string_view path, std::string_view text) {
  if (show_ == Show::json) {
    clear();
    boost::json::object o{{"message_type", "error"}, {"error", valid_text(text)}};
    put_path(o, "item", path);
    tell_json(boost::json::serialize(o));
    return;
  }
  message(text.empty() ? std::string(path) : printable(path) + ": " + std::string(text));
}

void ProgressLine::note(std::string_view text) {
  if (!quiet_) message(std::string(text));
}

}  // namespace farkeep::cli
