#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace farkeep {

/// The bytes of the well-formed UTF-8 character (RFC 3629: no overlong form, no surrogate, nothing beyond U+10FFFF) that `text` begins with; 0 when it
/// begins with none.
std::size_t utf8_character(std::string_view text) noexcept;

/// As much of `text` as fits into `most` bytes, cut between two characters: a text field of a message that is cut within one is read by nobody.
std::string_view whole_characters(std::string_view text, std::size_t most) noexcept;

/// `text`, or where it has more than `most` bytes its beginning and its end with " … " between, as long as that.  `most` is at least 16.  Bytes that are
/// no UTF-8 may be cut anywhere.
std::string without_middle(std::string_view text, std::size_t most);

/// Whether all of it is well-formed UTF-8.
bool is_utf8(std::string_view text) noexcept;

}  // namespace farkeep
