#pragma once

#include <cstddef>

#include "async/task.hpp"
#include "transport/stream.hpp"

namespace farkeep {

/// Sends a ping with a body of so many bytes (at most limits::kMaxPingBody) and waits until the same came back (PROTOCOL.md §3, 6): what shows
/// that large packets pass, both ways.  Before anything else on this stream.
/// Throws what the stream throws, and protocol when something else comes back.  There is no deadline here: with_timeout.
task<void> echo(SecureStream& stream, std::size_t bytes);

}  // namespace farkeep
