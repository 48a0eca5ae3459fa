#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace farkeep {

/// Lower-case hex.
std::string hex(ByteView bytes);
/// Hex in either case, even length; nothing for anything else.
std::optional<Buffer> unhex(std::string_view text);

/// Base32 of RFC 4648 in upper case, without padding: what people type from paper.
std::string base32(ByteView bytes);
/// Accepts lower case, and skips blanks and dashes; nothing for any other character or for left-over set bits.
std::optional<Buffer> unbase32(std::string_view text);

}  // namespace farkeep
