#pragma once

#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace farkeep {

/// What spoke, when something that is not TLS did: a phrase for the administrator with the first bytes quoted, such as
/// `an HTTP server or proxy: "HTTP/1.1 400 Bad Request"`.  Nothing when the bytes may be the beginning of TLS (or are
/// none). Pure; at most 64 bytes are quoted, anything unprintable as \xNN.
std::optional<std::string> not_tls(ByteView first_bytes);

}  // namespace farkeep
