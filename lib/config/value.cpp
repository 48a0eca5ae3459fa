#include "config/value.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "config/parsed.hpp"

namespace farkeep {
namespace {

/// A run of decimal digits at the front, taken off; nothing if there is none or it does not fit.
std::optional<std::uint64_t> take_digits(std::string_view& text) {
  std::uint64_t number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

template <std::size_t N>
std::optional<std::uint64_t> factor(const std::pair<std::string_view, std::uint64_t> (&units)[N],
                                    std::string_view unit) {
  for (auto const& [name, value] : units) {
    if (name == unit) return value;
  }
  return std::nullopt;
}

constexpr bool is_label(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view{"._-:@+="}.find(c) != std::string_view::npos;
}

}  // namespace

Value<std::chrono::seconds> parse_duration(std::string_view text) {
  static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}};
  constexpr std::uint64_t kMost = 3660ull * 86400;  // ten years: longer is a slip of the finger
  std::string_view rest = text;
  auto const number = take_digits(rest);
  auto const unit = factor(kUnits, rest);
  if (!number || !unit) {
    return refused(in_quotes(text) + " is not a duration: write a whole number and s, m, h, d or w, such as 90s or 4h");
  }
  if (*number > kMost / *unit) return refused(in_quotes(text) + " is longer than 3660d");
  return std::chrono::seconds{static_cast<std::int64_t>(*number * *unit)};
}

Value<std::optional<std::chrono::seconds>> parse_duration_or_never(std::string_view text) {
  if (text == "never") return std::optional<std::chrono::seconds>{};
  auto value = parse_duration(text);
  if (!value) return value.error();
  return std::optional{*value};
}

Value<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {{"", 1},
                                                                          {"B", 1},
                                                                          {"KiB", 1ull << 10},
                                                                          {"MiB", 1ull << 20},
                                                                          {"GiB", 1ull << 30},
                                                                          {"TiB", 1ull << 40},
                                                                          {"KB", 1000},
                                                                          {"MB", 1000 * 1000},
                                                                          {"GB", 1000ull * 1000 * 1000},
                                                                          {"TB", 1000ull * 1000 * 1000 * 1000}};
  std::string_view rest = text;
  auto const number = take_digits(rest);
  if (number && rest.starts_with(' ')) rest.remove_prefix(1);
  auto const unit = number && text.ends_with(' ') ? std::nullopt : factor(kUnits, rest);
  if (!number || !unit) {
    bool const is_short = rest == "K" || rest == "M" || rest == "G" || rest == "T" || rest == "k";
    return refused(in_quotes(text) +
                   (number && is_short
                        ? " could mean powers of 1000 or of 1024: write KB MB GB TB or KiB MiB GiB TiB"
                        : " is not a size: write a whole number and KiB, MiB, GiB, TiB or KB, MB, GB, TB"));
  }
  if (*number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / *unit) {
    return refused(in_quotes(text) + " is too large");
  }
  return *number * *unit;
}

Value<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::string_view rest = text;
  auto const number = take_digits(rest);
  if (!number || !rest.empty() || *number < least || *number > most) {
    return refused(in_quotes(text) + " is not a whole number from " + std::to_string(least) + " to " +
                   std::to_string(most));
  }
  return *number;
}

Value<bool> parse_boolean(std::string_view text) {
  for (std::string_view yes : {"yes", "true", "on", "1"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"no", "false", "off", "0"}) {
    if (text == no) return false;
  }
  return refused(in_quotes(text) + " is neither yes nor no");
}

Value<std::size_t> parse_choice(std::string_view text, std::span<const std::string_view> choices) {
  std::string list;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] == text) return i;
    list += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + std::string{choices[i]};
  }
  if (choices.size() == 1) return refused(in_quotes(text) + " is not supported: the only choice is " + list);
  return refused(in_quotes(text) + " is not " + list);
}

Value<std::string> parse_path(std::string_view text) {
  if (!text.starts_with('/')) return refused(in_quotes(text) + " is not an absolute path: it must begin with '/'");
  if (text.size() > limits::kMaxPath) return refused("the path is longer than 64 KiB");
  if (text.find('\0') != text.npos) return refused("the path holds a NUL byte");
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t const end = std::min(text.find('/', at), text.size());
    std::string_view const part = text.substr(at, end - at);
    if (part == "..") return refused(in_quotes(text) + " holds '..': write the path that is meant");
    if (!part.empty() && part != ".") (out += '/') += part;
    at = end + 1;
  }
  return out.empty() ? std::string{"/"} : out;
}

Value<std::string> parse_label(std::string_view text) {
  if (text.empty() || text.size() > 128 || !std::all_of(text.begin(), text.end(), is_label)) {
    return refused(in_quotes(text) + " is not a name: write at most 128 of A-Z, a-z, 0-9 and . _ - : @ + =");
  }
  return std::string{text};
}

Value<std::string> parse_secret(std::string_view text) {
  bool const visible = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (text.empty() || text.size() > 4096 || !visible) {
    return refused("the secret must be 1 to 4096 visible ASCII characters without blanks");
  }
  return std::string{text};
}

Value<std::string> parse_login(std::string_view text) {
  // Not shown: what it looks like in another encoding nobody knows.
  if (!is_utf8(text)) return refused("the user's name is not in UTF-8: save the file as UTF-8");
  bool const fits = std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f' || c == ':'; });
  if (text.empty() || text.size() > 255 || !fits) return refused(in_quotes(text) + " is not a user's name: 1 to 255 bytes, no control characters, no ':'");
  return std::string{text};
}

Value<std::string> parse_command(std::string_view text) {
  if (text.empty() || text.size() > 4096) return refused("the command must be 1 to 4096 bytes long");
  if (text.find('\n') != text.npos || text.find('\0') != text.npos) return refused("the command must be one line");
  return std::string{text};
}

Value<std::string> parse_url(std::string_view text) {
  bool const visible = std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f; });
  std::size_t const host = text.starts_with("http://") ? 7 : text.starts_with("https://") ? 8 : 0;
  std::size_t const end = std::min(text.find_first_of("/?#", host), text.size());
  if (host == 0 || end == host || !visible || text.size() > 2048)
    return refused(in_quotes(text) + " is not an address to call: write it as https://host/path, at most 2048 visible ASCII characters");
  return std::string{text};
}

Value<std::string> parse_mail(std::string_view text) {
  auto const plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view{"@._+-=%"}.find(c) != std::string_view::npos;
  };
  std::size_t const at = text.find('@');
  if (text.size() > 254 || text.starts_with('-') || at == text.npos || at == 0 || at + 1 == text.size() || text.find('@', at + 1) != text.npos || !std::all_of(text.begin(), text.end(), plain))
    return refused(in_quotes(text) + " is not a mail address: write it as name@example.org");
  return std::string{text};
}

Value<PortRange> parse_port_range(std::string_view text) {
  std::string_view rest = text;
  auto const low = take_digits(rest);
  bool const dash = rest.starts_with('-');
  if (dash) rest.remove_prefix(1);
  auto const high = take_digits(rest);
  if (!low || !dash || !high || !rest.empty())
    return refused(in_quotes(text) + " is not a range of ports such as 1024-5000");
  if (*low < 1024 || *high > 65535) return refused(in_quotes(text) + " leaves the range 1024-65535");
  if (*low > *high) return refused(in_quotes(text) + " ends before it begins");
  return PortRange{static_cast<std::uint16_t>(*low), static_cast<std::uint16_t>(*high)};
}

}  // namespace farkeep
