#include "config/rate.hpp"

#include <charconv>

#include "config/parsed.hpp"

namespace farkeep {
namespace {

constexpr std::uint64_t kSlowest = 1000;                       // 8 kbit: below, a record takes an hour
constexpr std::uint64_t kFastest = 1'000'000'000'000ull;        // a terabyte a second is as fast as it goes
constexpr std::pair<std::string_view, double> kUnits[] = {{"kbit", 1000.0 / 8}, {"Mbit", 1e6 / 8}, {"Gbit", 1e9 / 8}, {"KB/s", 1e3}, {"MB/s", 1e6}, {"KiB/s", 1024.0}, {"MiB/s", 1048576.0}};

}  // namespace

Value<RateRule> RateRule::parse(std::string_view text) {
  RateRule out;
  const std::size_t blank = text.find_last_of(" \t");
  std::string_view rate = text;
  if (blank != text.npos) {
    std::string_view when = text.substr(0, blank);
    while (when.ends_with(' ') || when.ends_with('\t')) when.remove_suffix(1);
    auto span = WeeklySpan::parse(when);
    if (!span) return span.error();
    out.when = *span;
    rate = text.substr(blank + 1);
  }
  if (rate == "off") return out;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(rate.data(), rate.data() + rate.size(), number);
  const std::string_view unit = rate.substr(static_cast<std::size_t>(end - rate.data()));
  for (auto& [name, bytes] : kUnits) {
    if (error != std::errc{} || unit != name) continue;
    const double all = static_cast<double>(number) * bytes;
    if (all < static_cast<double>(kSlowest) || all > static_cast<double>(kFastest)) return refused(in_quotes(text) + " is out of range: write 8kbit or more, or off for no limit");
    out.bytes_per_second = static_cast<std::uint64_t>(all);
    return out;
  }
  return refused(in_quotes(text) + " is not a rate: write 5Mbit, or mon-fri 08:00-18:00 5Mbit (kbit, Mbit, Gbit, KB/s, MB/s, KiB/s or MiB/s; off for no limit)");
}

std::uint64_t rate_at(const std::vector<RateRule>& table, LocalTime local) {
  std::uint64_t otherwise = 0;
  for (auto& rule : table) {
    if (!rule.when) otherwise = rule.bytes_per_second;
    else if (rule.when->contains(local)) return rule.bytes_per_second;
  }
  return otherwise;
}

}  // namespace farkeep
