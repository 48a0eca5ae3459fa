#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

namespace farkeep::server {

/// Results on standard output: text for people, or one JSON object a line.
class Output {
 public:
  explicit Output(bool json) : json_(json) {}
  bool json() const noexcept { return json_; }
  /// The same result in both forms.
  void result(const std::string& text, const boost::json::object& object);
  /// A result that has its form already.
  void line(const std::string& text);
  /// Text only: hints that are no result.
  void hint(const std::string& text);

 private:
  bool json_;
};

/// Rows with columns as wide as their longest cell.
class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const noexcept { return rows_.size() == 1; }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// 1536 → "1.5 KiB".
std::string size_text(std::uint64_t bytes);
/// Nanoseconds since 1970 as RFC 3339, or "never".
std::string time_text(std::int64_t ns);

}  // namespace farkeep::server
