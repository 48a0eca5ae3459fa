#include "output.hpp"

#include <boost/json/serialize.hpp>
#include <algorithm>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "common/say.hpp"

namespace farkeep::server {

void Output::result(const std::string& text, const boost::json::object& object) {
  line(json_ ? boost::json::serialize(object) : text);
}

void Output::line(const std::string& text) {
  if (json_) say_json(text);
  else say_text(text);
}

void Output::hint(const std::string& text) {
  if (json_) return;
  say_text(text);
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (auto const& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (auto const& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    out += line + "\n";
  }
  return out;
}

std::string size_text(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string time_text(std::int64_t ns) { return ns == 0 ? "never" : rfc3339(WallTime{std::chrono::nanoseconds{ns}}); }

}  // namespace farkeep::server
