#include <algorithm>
#include <cstddef>

#include "config/ascii.hpp"
#include "config/calendar.hpp"
#include "config/calendar_field.hpp"
#include "config/parsed.hpp"
#include "config/weekdays.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kLongest = 4096;  // longer than any list of which the values are different

using Problem = std::optional<std::string>;

struct Word {
  std::string_view word, meaning;
};
// The last three are read for those who know them from systemd.
constexpr Word kWords[] = {{"minutely", "*:*"},
                           {"hourly", "*:00"},
                           {"daily", "*-*-*"},
                           {"weekly", "Mon"},
                           {"monthly", "*-*-01"},
                           {"quarterly", "*-01,04,07,10-01"},
                           {"semiannually", "*-01,07-01"},
                           {"yearly", "*-01-01"},
                           {"annually", "*-01-01"},
                           {"semi-annually", "*-01,07-01"},
                           {"biannually", "*-01,07-01"},
                           {"bi-annually", "*-01,07-01"},
                           {"anually", "*-01-01"}};

constexpr std::string_view kShown[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

void skip_blanks(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(' '), text.size())); }

/// The days of the week at the front, if there are any, and the blanks behind them.
Problem read_weekdays(std::string_view& text, Weekdays& days) {
  days = kAllWeekdays;
  if (text.empty() || !ascii::is_letter(text[0])) return std::nullopt;
  auto problem = take_weekdays(text, days);
  skip_blanks(text);
  return problem;
}

/// Mon,Wed..Fri and a blank; nothing for all days.
std::string weekdays_to_string(Weekdays days) {
  std::string out;
  if (days == kAllWeekdays) return out;
  auto const is_set = [&](unsigned i) { return i < 7 && (days >> (i + 1) % 7 & 1) != 0; };  // from Monday
  for (unsigned i = 0; i < 7; ++i) {
    if (!is_set(i)) continue;
    unsigned end = i;
    while (is_set(end + 1)) ++end;
    (out += out.empty() ? "" : ",") += kShown[i];
    if (end > i) (out += end > i + 1 ? ".." : ",") += kShown[end];
    i = end;
  }
  return out + ' ';
}

}  // namespace

/// The steps: 1. the time zone, from the end  2. a word becomes what it stands for  3. weekdays, date and time
/// 4. each part is made normal and checked  5. sets of bits, and the normal form
class Calendar::Parser {
 public:
  Value<Calendar> run(std::string_view text) {
    if (text.size() > kLongest) return refused("an expression has at most " + std::to_string(kLongest) + " characters");
    if (auto problem = read_zone(text)) return refused(std::move(*problem));
    if (text.empty()) return refused("nothing is written: write a time such as Mon..Fri 02:30, *-*-01 04:00 or hourly");
    for (const Word& w : kWords) {
      if (ascii::same(text, w.word)) text = w.meaning;
    }
    Problem problem = read_weekdays(text, out_.weekdays_);
    if (!problem) problem = read_date(text);
    if (!problem) problem = read_time(text);
    if (!problem) problem = settle();
    if (problem) return refused(std::move(*problem));
    fill();
    return std::move(out_);
  }

 private:
  Problem read_zone(std::string_view& text) {
    std::size_t const blank = text.rfind(' ');
    if (blank == text.npos) return std::nullopt;
    std::string_view const name = text.substr(blank + 1);
    if (name.empty() || !ascii::is_letter(name[0]) || begins_with_weekday(name)) return std::nullopt;
    auto zone = NamedTimeZone::parse(name);
    if (!zone) return zone.error().text;
    out_.zone_ = std::move(*zone);
    text = text.substr(0, blank);
    return std::nullopt;
  }

  static std::string no_date(std::string_view text) {
    return (text.empty() ? "the end is missing" : "cannot read " + in_quotes(text)) +
           ": a date is 2027-02-01, *-*-01 or 12-24, a time 04:00 or *:0/15";
  }

  /// A date at the front, unless it is a time: with ':' behind the first part.
  Problem read_date(std::string_view& text) {
    if (text.empty()) return std::nullopt;
    if (text[0] == '@') return "seconds since 1970 are not read: write 2027-02-01 04:00 UTC";
    std::array<CalendarField, 3> parts;
    std::string_view rest = text;
    std::size_t read = 0;
    for (;;) {
      if (auto problem = parts[read++].read(rest)) return problem;
      if (read == 1 && rest.starts_with(':')) return std::nullopt;
      if (rest.empty() || rest[0] == ' ') break;
      bool const from_end = ascii::take(rest, "~");
      if (read == parts.size() || from_end_ || (!from_end && !ascii::take(rest, "-"))) return no_date(rest);
      from_end_ = from_end;
    }
    if (read == 1) return no_date(text);
    if (read == 3) year_ = std::move(parts[0]);
    month_ = std::move(parts[read - 2]);
    day_ = std::move(parts[read - 1]);
    from_end_ = from_end_ && !day_.is_any();
    skip_blanks(rest);
    text = rest;
    return std::nullopt;
  }

  Problem read_time(std::string_view text) {
    if (text.empty()) {
      hour_ = minute_ = CalendarField::only(0);
      return std::nullopt;
    }
    if (auto problem = hour_.read(text)) return problem;
    if (!ascii::take(text, ":")) return no_date(text);
    if (auto problem = minute_.read(text)) return problem;
    if (ascii::take(text, ":")) {
      if (auto problem = second_.read(text)) return problem;
    }
    return text.empty() ? std::nullopt : Problem{no_date(text)};
  }

  Problem settle() {
    for (auto const& [field, kind] :
         {std::pair{&year_, &kYearField}, std::pair{&month_, &kMonthField}, std::pair{&day_, day_kind()},
          std::pair{&hour_, &kHourField}, std::pair{&minute_, &kMinuteField}, std::pair{&second_, &kSecondField}}) {
      if (auto problem = field->settle(*kind)) return problem;
    }
    return std::nullopt;
  }

  void fill() {
    for (int from = kFirstYear; from <= kLastYear; from += 64) {
      std::uint64_t const bits = year_.values_from(from, std::min(from + 63, kLastYear));
      for (int i = 0; i < 64; ++i) {
        if ((bits >> i & 1) != 0) out_.years_.set(static_cast<std::size_t>(from + i - kFirstYear));
      }
    }
    out_.months_ = static_cast<std::uint16_t>(month_.values_from(0, 12) & ~std::uint64_t{1});
    for (int length = 28; length <= 31; ++length) {
      std::uint64_t const days = from_end_ ? day_.days_of(length) : day_.values_from(0, length) & ~std::uint64_t{1};
      out_.days_[static_cast<std::size_t>(length - 28)] = static_cast<std::uint32_t>(days);
    }
    out_.hours_ = static_cast<std::uint32_t>(hour_.values_from(0, 23));
    out_.minutes_ = minute_.values_from(0, 59);
    out_.seconds_ = second_.values_from(0, 59);
    out_.text_ = weekdays_to_string(out_.weekdays_) + year_.to_string(kYearField) + '-' +
                 month_.to_string(kMonthField) + (from_end_ ? '~' : '-') + day_.to_string(*day_kind()) + ' ' +
                 hour_.to_string(kHourField) + ':' + minute_.to_string(kMinuteField) + ':' +
                 second_.to_string(kSecondField) + (out_.zone_ ? ' ' + out_.zone_->name() : "");
  }

  const CalendarFieldKind* day_kind() const { return from_end_ ? &kLastDayField : &kDayField; }

  Calendar out_;
  CalendarField year_, month_, day_, hour_, minute_;  // any
  CalendarField second_ = CalendarField::only(0);
  bool from_end_ = false;
};

Value<Calendar> Calendar::parse(std::string_view text) { return Parser{}.run(text); }

}  // namespace farkeep
