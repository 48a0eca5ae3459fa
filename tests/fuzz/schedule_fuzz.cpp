#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/check.hpp"
#include "config/schedule.hpp"

namespace {

using namespace farkeep;

/// One change of the offset, chosen by the input.
class OneChange final : public TimeZone {
 public:
  OneChange(std::chrono::sys_seconds at, std::int16_t before, std::int16_t after)
      : at_(at), before_(before), after_(after) {}
  std::chrono::seconds offset_at(std::chrono::sys_seconds instant) const override {
    return std::chrono::seconds{instant < at_ ? before_ : after_};  // up to nine hours either way
  }

 private:
  std::chrono::sys_seconds at_;
  std::int16_t before_, after_;
};

/// The next time is later, the same from any instant before it, and the written form means the same.
void check_calendar(std::string_view text, std::chrono::sys_seconds after, const TimeZone& zone) {
  auto const calendar = Calendar::parse(text);
  if (!calendar) {
    FARKEEP_CHECK(!calendar.error().text.empty());
    return;
  }
  auto const again = Calendar::parse(calendar->to_string());
  FARKEEP_CHECK(again && *again == *calendar);
  auto const next = calendar->next(after, zone);
  FARKEEP_CHECK(again->next(after, zone) == next);
  if (!next) return;
  FARKEEP_CHECK(*next > after);
  FARKEEP_CHECK(calendar->next(after + (*next - after - std::chrono::seconds{1}) / 2, zone) == next);
  FARKEEP_CHECK(calendar->next(*next - std::chrono::seconds{1}, zone) == next);
}

}  // namespace

// Sixteen bytes of numbers, then an expression: the next time is not in the past, with `every` never more than the
// longest period away, and the written form means the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  struct {
    std::uint32_t after, last, change;
    std::int16_t before, behind;
  } in;
  if (size < sizeof in) return 0;
  std::memcpy(&in, data, sizeof in);
  std::string_view const text{reinterpret_cast<const char*>(data) + sizeof in, size - sizeof in};
  OneChange const zone{std::chrono::sys_seconds{std::chrono::seconds{in.change}}, in.before, in.behind};
  WallTime const after = from_unix_seconds(in.after);
  check_calendar(text, std::chrono::floor<std::chrono::seconds>(after), zone);
  auto const schedule = Schedule::parse(text);
  if (!schedule) return 0;
  auto const again = Schedule::parse(schedule->to_string());
  FARKEEP_CHECK(again && *again == *schedule);
  WallTime const next = schedule->next(after, from_unix_seconds(in.last), zone);
  FARKEEP_CHECK(next >= after);
  FARKEEP_CHECK(next <= after + std::chrono::weeks{52} || !schedule->to_string().starts_with("every"));
  FARKEEP_CHECK(schedule->next(next, next, zone) > next || next == WallTime{} || next == Schedule::kNever);
  return 0;
}
