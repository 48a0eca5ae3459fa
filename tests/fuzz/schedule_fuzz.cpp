#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/check.hpp"
#include "config/schedule.hpp"

namespace {

/// One change of the offset, chosen by the input.
class OneChange final : public farkeep::TimeZone {
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

}  // namespace

// Sixteen bytes of numbers, then an expression: the next time is not in the past, never more than the longest period
// and a day away, and the written form means the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace farkeep;
  struct {
    std::uint32_t after, last, change;
    std::int16_t before, behind;
  } in;
  if (size < sizeof in) return 0;
  std::memcpy(&in, data, sizeof in);
  auto const schedule = Schedule::parse({reinterpret_cast<const char*>(data) + sizeof in, size - sizeof in});
  if (!schedule) return 0;
  auto const again = Schedule::parse(schedule->to_string());
  FARKEEP_CHECK(again && *again == *schedule);
  OneChange const zone{std::chrono::sys_seconds{std::chrono::seconds{in.change}}, in.before, in.behind};
  WallTime const after = from_unix_seconds(in.after);
  WallTime const next = schedule->next(after, from_unix_seconds(in.last), zone);
  FARKEEP_CHECK(next >= after);
  FARKEEP_CHECK(next <= after + std::chrono::weeks{52} + std::chrono::days{1});
  FARKEEP_CHECK(schedule->next(next, next, zone) > next || next == WallTime{});
  return 0;
}
