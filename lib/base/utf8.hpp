#pragma once

#include <cstddef>
#include <string_view>

namespace farkeep {

/// The bytes of the well-formed UTF-8 character (RFC 3629: no overlong form, no surrogate, nothing beyond U+10FFFF) that `text` begins with; 0 when it
/// begins with none.
std::size_t utf8_character(std::string_view text) noexcept;

/// Whether all of it is well-formed UTF-8.
bool is_utf8(std::string_view text) noexcept;

}  // namespace farkeep
