#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace farkeep {

/// Days of the week as bits: bit 0 is Sunday, as in std::chrono::weekday::c_encoding.
using Weekdays = std::uint8_t;
inline constexpr Weekdays kAllWeekdays = 0x7f;

/// Takes a list of days off the front of `text`: `Mon`, `Mon..Fri`, `mon-fri`, `Mon,Wed,Sat..Sun`, each in full or by its first three letters.
/// A comma at the end is allowed.  What follows is a blank or nothing, and stays.  A mistake is said, and `days` means nothing then.
std::optional<std::string> take_weekdays(std::string_view& text, Weekdays& days);

/// True for a name of a day, and whatever follows its letters.
bool begins_with_weekday(std::string_view text);

}  // namespace farkeep
