#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace farkeep {

/// Metrics as Prometheus reads them, format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
///
/// All samples of a metric follow its family() line; names end in _seconds, _bytes, _total as the same pages ask for.
class MetricsText {
 public:
  enum class Type { gauge, counter };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  void family(std::string_view name, Type type, std::string_view help);
  void sample(Labels labels, double value);
  void sample(double value) { sample({}, value); }
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_, name_;
};

}  // namespace farkeep
