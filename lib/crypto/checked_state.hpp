#pragma once

#include <optional>

#include "base/bytes.hpp"

namespace farkeep {

/// Checksums of our own small files: they find rot, not forgery (whoever can write there has the keys).  Eight bytes of SHA-256; a bit that flips is
/// found, and nothing that is checked here is worth more.
///
/// What was written by an older version has none, and is taken as it is.

/// Behind a serialised message: an unknown field (number 2047), so that older programs read the file as before.
Buffer checked_message(Buffer message);
/// The message; nothing when its checksum does not hold.
std::optional<ByteView> message_in(ByteView file);

/// Behind any other bytes: the checksum, and "FKc1", which says that there is one.
inline constexpr std::size_t kStateTrailer = 12;
Buffer checked_body(Buffer body);
/// The body; nothing when its checksum does not hold.
std::optional<ByteView> body_in(ByteView file);

}  // namespace farkeep
