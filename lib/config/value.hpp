#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace farkeep {

/// Why a setting's text was refused: a sentence for the administrator, with what to write instead.
struct ValueError {
  std::string text;

  ValueError() = default;

 private:
  // Not constructible from text by itself: a Value<std::string> could not tell it from the value.
  struct Refused {};
  ValueError(Refused, std::string why) : text(std::move(why)) {}
  friend ValueError refused(std::string why);
};
inline ValueError refused(std::string why) { return {ValueError::Refused{}, std::move(why)}; }

/// A setting's value, or why its text was refused.  Pure: nothing is looked up, opened or run.
template <class T>
using Value = boost::system::result<T, ValueError>;

/// `90s 15m 4h 2d 1w`: a whole number and one unit, at most 3660 days.
Value<std::chrono::seconds> parse_duration(std::string_view text);
/// The same, or nothing for the word never.
Value<std::optional<std::chrono::seconds>> parse_duration_or_never(std::string_view text);

/// Bytes: `4096`, `64KiB`, `10 MB`; KiB MiB GiB TiB are powers of 1024, KB MB GB TB powers of 1000.
Value<std::uint64_t> parse_size(std::string_view text);

/// A decimal number from `least` to `most`.
Value<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most);

/// yes true on 1 / no false off 0.
Value<bool> parse_boolean(std::string_view text);

/// The position of the text among the choices.
Value<std::size_t> parse_choice(std::string_view text, std::span<const std::string_view> choices);

/// An absolute path, bytes as they are, at most kMaxPath; `//`, `/./` and a slash at the end are taken out.
/// `..` is refused: what it means depends on links that exist when it is used.
Value<std::string> parse_path(std::string_view text);

/// A name or tag: 1 to 128 characters of A-Z a-z 0-9 and . _ - : @ + =.
Value<std::string> parse_label(std::string_view text);

/// A secret written in the file: 1 to 4096 visible ASCII characters.  The error never shows it.
Value<std::string> parse_secret(std::string_view text);

/// A user's name for a proxy: 1 to 255 bytes of UTF-8 without control characters and without ':' (which HTTP's Basic cannot carry).
Value<std::string> parse_login(std::string_view text);

/// A command line to be run by the caller with /bin/sh -c: 1 to 4096 bytes on one line.
Value<std::string> parse_command(std::string_view text);

/// Where to say something by HTTP: http:// or https://, a host, visible ASCII, at most 2048 bytes.
Value<std::string> parse_url(std::string_view text);

/// Somebody's mail address, in short: visible ASCII with one @ inside, at most 254 bytes, nothing that means something to a header or a shell.
Value<std::string> parse_mail(std::string_view text);

/// Local TCP ports from which connections may start, both ends included.
struct PortRange {
  std::uint16_t low = 0, high = 0;
  bool operator==(const PortRange&) const = default;
};
/// `1024-5000`; ports below 1024 are refused, the agent may not bind them.
Value<PortRange> parse_port_range(std::string_view text);

/// Where a secret comes from: only the setting, reading it is the caller's.
struct SecretSource {
  enum class Kind { none, literal, file, command };
  Kind kind = Kind::none;
  std::string text;  ///< the secret itself, the absolute path, or the command line
};

}  // namespace farkeep
