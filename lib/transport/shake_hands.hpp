#pragma once

#include "async/task.hpp"
#include "async/timers.hpp"
#include "transport/handshake.hpp"
#include "transport/stream.hpp"

namespace farkeep {

/// Drives the machine over the stream until the tunnel stands.  Throws proxy_error; then, or when cancelled, close the stream.
task<void> shake_hands(Stream& stream, Handshake& handshake, Timers& timers);

}  // namespace farkeep
