#include "platform/printable.hpp"

#include <cstddef>

#include "base/harmless.hpp"
#include "base/utf8.hpp"
#include "base/valid_text.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kEnds = 1000;  // bytes kept at each end of a long path

void escape(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    std::size_t const whole = utf8_character(text.substr(i));
    std::string_view const c = text.substr(i, whole == 0 ? 1 : whole);
    if (harmless_character(c) != 0 && c != "'" && c != "\\") {
      out += c;
    } else {
      append_written_out(out, c);
    }
    i += c.size();
  }
}

}  // namespace

std::string printable(std::string_view name) {
  std::string out = "'";
  if (name.size() > 2 * kEnds) {
    escape(out, name.substr(0, kEnds));
    out += "[...]";
    escape(out, name.substr(name.size() - kEnds));
  } else {
    escape(out, name);
  }
  out += '\'';
  return out;
}

}  // namespace farkeep
