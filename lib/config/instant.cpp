#include "config/instant.hpp"

#include <optional>

#include "config/parsed.hpp"

namespace farkeep {
namespace {

// Digits where the pattern has 0, and else its very characters.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t size) {
  int n = 0;
  for (char c : text.substr(at, size)) {
    if (c < '0' || c > '9') return std::nullopt;
    n = n * 10 + (c - '0');
  }
  return n;
}

}  // namespace

Value<WallTime> parse_instant(std::string_view text) {
  using namespace std::chrono;
  auto const no = [&] { return refused(in_quotes(text) + " is not a time: write 2027-03-01T00:00:00Z (in UTC), or 2027-03-01"); };
  bool const has_time = text.size() == 20;
  if (!has_time && text.size() != 10) return no();
  if (text[4] != '-' || text[7] != '-') return no();
  auto const year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  if (!year || !month || !day) return no();
  year_month_day const date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)}, std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok() || *year < 1970 || *year > 2200) return no();
  sys_time<nanoseconds> out{sys_days{date}};
  if (!has_time) return out;
  auto const hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z' || !hour || !minute || !second) return no();
  if (*hour > 23 || *minute > 59 || *second > 59) return no();
  return out + hours{*hour} + minutes{*minute} + seconds{*second};
}

}  // namespace farkeep
