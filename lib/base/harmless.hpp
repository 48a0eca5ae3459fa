#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace farkeep {

/// Text of others (names, links, messages, addresses) on terminals, in logs and in JSON: whatever could steer what shows it is written out as \xNN, byte by byte.
/// That is control characters (C0, DEL, and C1 in its UTF-8 form), what reorders or hides text (bidirectional overrides and isolates, line separators, zero-width and tag
/// characters), and bytes that are no UTF-8.  Everything else stays as it is, so what is harmless already does not change, and doing it twice does no harm.

/// The bytes of the character that `text` begins with, when it may be shown; 0: its first byte may not.
std::size_t harmless_character(std::string_view text) noexcept;

/// Line ends and tabs are the caller's own, and stay.
std::string harmless_lines(std::string_view text);
/// Line ends and tabs are written out, too.
std::string harmless_line(std::string_view text);
/// One line of JSON: within its strings the same as \uNNNN, and what is no UTF-8 as the replacement character, so it stays what it was to whoever parses it.
std::string harmless_json(std::string_view json);

}  // namespace farkeep
