#include "base/rare_line.hpp"

#include <chrono>

namespace farkeep {
namespace {
constexpr unsigned kWritten = 4;  // a minute: who has one machine with a problem sees it, and a flood makes 0.5 MB a day
constexpr auto kMinute = std::chrono::minutes{1};
}  // namespace

void RareLine::say(SteadyTime now, std::string_view text) {
  if (!begun_ || now - minute_ >= kMinute) {
    begun_ = true;
    minute_ = now;
    written_ = 0;
  }
  if (written_ == kWritten) {
    ++left_out_;
    log(LogLevel::debug, text);
    return;
  }
  ++written_;
  if (left_out_ == 0) {
    log(level_, text);
  } else {
    log(level_, fmt::format("{} (and {} more like it before, which are not shown)", text, left_out_));
    left_out_ = 0;
  }
}

}  // namespace farkeep
