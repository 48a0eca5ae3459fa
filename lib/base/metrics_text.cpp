#include "base/metrics_text.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "base/harmless.hpp"

namespace farkeep {
namespace {

// In help a backslash and a line end are escaped, in a label's value quotes too.
void escape(std::string& out, std::string_view text, bool quotes) {
  for (char c : harmless_lines(text)) {
    if (c == '\n') out += "\\n";
    else if (c == '\\') out += "\\\\";
    else if (c == '"' && quotes) out += "\\\"";
    else out += c;
  }
}

}  // namespace

void MetricsText::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " ";
  escape(text_, help, false);
  text_ += "\n# TYPE " + name_ + (type == Type::gauge ? " gauge\n" : " counter\n");
}

void MetricsText::sample(Labels labels, double value) {
  text_ += name_;
  bool first = true;
  for (auto& [key, text] : labels) {
    text_ += first ? '{' : ',';
    first = false;
    text_ += key;
    text_ += "=\"";
    escape(text_, text, true);
    text_ += '"';
  }
  if (!first) text_ += '}';
  char number[32];
  const bool whole = std::abs(value) < 9e15 && value == std::floor(value);  // as a person writes it: 1700000000, not 1.7e+09
  const auto end = whole ? std::to_chars(number, number + sizeof number, static_cast<std::int64_t>(value)).ptr : std::to_chars(number, number + sizeof number, value).ptr;
  text_ += ' ';
  text_.append(number, end);
  text_ += '\n';
}

}  // namespace farkeep
