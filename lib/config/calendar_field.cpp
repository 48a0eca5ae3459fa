#include "config/calendar_field.hpp"

#include <algorithm>
#include <cstdio>

#include "config/ascii.hpp"
#include "config/parsed.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostItems = 240;  // systemd's bound; the longest list with a meaning has 230 years
constexpr int kMostNumber = 99'999;      // beyond any field; sums of two stay far within an int

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Digits off the front of `text`; what is too large stays too large.
std::optional<int> take_number(std::string_view& text) {
  if (text.empty() || !is_digit(text[0])) return std::nullopt;
  int n = 0;
  while (!text.empty() && is_digit(text[0])) {
    n = std::min(n * 10 + (text[0] - '0'), kMostNumber);
    text.remove_prefix(1);
  }
  return n;
}

std::string padded(int value, int digits) {
  char out[16];
  std::snprintf(out, sizeof out, "%0*d", digits, value);
  return out;
}

std::string no_number(std::string_view text) {
  return text.empty() ? "a number is missing at the end" : in_quotes(text) + " stands where a number belongs";
}

/// Two digits are a year from 1970 to 2069.
void complete_year(int& year) {
  if (year >= 0 && year < 70) year += 2000;
  if (year >= 70 && year < 100) year += 1900;
}

}  // namespace

CalendarField CalendarField::only(int value) {
  CalendarField out;
  out.items_.push_back({.first = value});
  return out;
}

std::optional<std::string> CalendarField::read(std::string_view& text) {
  items_.clear();
  if (ascii::take(text, "*")) {
    if (text.starts_with('/')) return "write 0/4, with the first value, instead of */4";
    if (text.starts_with(',')) return "* is every value already and stands in no list";
    return std::nullopt;
  }
  do {
    Item item;
    auto const first = take_number(text);
    if (!first) return no_number(text);
    item.first = *first;
    if (ascii::take(text, "..")) {
      auto const last = take_number(text);
      if (!last) return no_number(text);
      item.last = *last;
      item.step = 1;
    }
    bool const stepped = ascii::take(text, "/");
    if (stepped) {
      auto const step = take_number(text);
      if (!step) return no_number(text);
      item.step = *step;
    }
    if (text.starts_with('.') && !text.starts_with(".."))
      return "fractions are not read: seconds are the finest, write whole numbers";
    if (stepped && item.step == 0) return "a step of 0 never gets on: write 1 or more behind /";
    if (items_.size() == kMostItems) return "a list has at most " + std::to_string(kMostItems) + " values";
    items_.push_back(item);
  } while (ascii::take(text, ","));
  return std::nullopt;
}

std::optional<std::string> CalendarField::settle(const CalendarFieldKind& kind) {
  auto const outside = [&](int v) { return v < kind.least || v > kind.most; };
  if (is_any() && kind.is_second) items_.push_back({.first = 0, .step = 1});
  for (Item& item : items_) {
    std::string const written = item.written();
    if (kind.digits == 4) {
      complete_year(item.first);
      complete_year(item.last);
    }
    for (int v : {item.first, item.last}) {
      if (v != kNone && outside(v))
        return "the " + std::string{kind.name} + " is " + std::to_string(kind.least) + " to " +
               std::to_string(kind.most) + ", not " + (v == kMostNumber ? "so large" : std::to_string(v));
    }
    if (item.last != kNone && item.last < item.first) return "the range " + written + " runs backwards";
    if (item.last != kNone) item.last -= (item.last - item.first) % item.step;
    if (item.last == item.first) {
      item.last = kNone;
      item.step = 0;
    }
    int const room = kind.from_end ? item.first - kind.least : kind.most - item.first;
    if (item.last == kNone && item.step > room)
      return written + " never comes to its second value: write " + std::to_string(item.first) + " alone";
  }
  std::sort(items_.begin(), items_.end());
  items_.erase(std::unique(items_.begin(), items_.end()), items_.end());
  return std::nullopt;
}

std::string CalendarField::Item::written() const {
  std::string out = std::to_string(first);
  if (last != kNone) out += ".." + std::to_string(last);
  if (step != 0 && (last == kNone || step != 1)) out += '/' + std::to_string(step);
  return out;
}

std::string CalendarField::to_string(const CalendarFieldKind& kind) const {
  bool const every_second =
      kind.is_second && std::find(items_.begin(), items_.end(), Item{0, kNone, 1}) != items_.end();
  if (is_any() || every_second) return "*";
  std::string out;
  for (const Item& item : items_) {
    if (!out.empty()) out += ',';
    out += padded(item.first, kind.digits);
    if (item.last != kNone) out += ".." + padded(item.last, kind.digits);
    if (item.step != 0 && (item.last == kNone || item.step != 1)) out += '/' + std::to_string(item.step);
  }
  return out;
}

std::uint64_t CalendarField::values_from(int least, int most) const {
  std::uint64_t bits = 0;
  auto const set = [&](int first, int last, int step) {
    if (first < least) first += (least - first + step - 1) / step * step;
    for (int v = first; v <= std::min(last, most); v += step) bits |= std::uint64_t{1} << (v - least);
  };
  if (is_any()) set(least, most, 1);
  for (const Item& item : items_) {
    int const last = item.last != kNone ? item.last : item.step != 0 ? most : item.first;
    set(item.first, last, std::max(item.step, 1));
  }
  return bits;
}

// A range behind ~ runs from its earlier day, the one with the larger number, to the later; a step without a range from
// its day to the end of the month.
std::uint64_t CalendarField::days_of(int length) const {
  std::uint64_t bits = 0;
  for (const Item& item : items_) {
    int const first = length + 1 - (item.last != kNone ? item.last : item.first);
    int const last = item.last != kNone ? length + 1 - item.first : item.step != 0 ? length : first;
    for (int day = first; day <= last; day += std::max(item.step, 1)) bits |= std::uint64_t{1} << day;
  }
  return bits;
}

}  // namespace farkeep
