#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/weekly_span.hpp"

namespace farkeep {

/// One line of a table of bandwidths: `5Mbit`, `mon-fri 08:00-18:00 5Mbit`, `off`.
struct RateRule {
  std::optional<WeeklySpan> when;      ///< nothing: whenever no other line says something
  std::uint64_t bytes_per_second = 0;  ///< 0: as fast as it goes

  /// Rates are whole numbers with kbit, Mbit or Gbit (powers of 1000, per second), or KB/s, MB/s, KiB/s, MiB/s; at least 8kbit.
  static Value<RateRule> parse(std::string_view text);
  bool operator==(const RateRule&) const = default;
};

/// The rate that holds at a local time: that of the first line whose time it is, else that of the line without one, else none.  Bytes per second; 0: as
/// fast as it goes.
std::uint64_t rate_at(const std::vector<RateRule>& table, LocalTime local);

}  // namespace farkeep
