#pragma once

#include "async/budget.hpp"

namespace farkeep {

/// Memory for records on their way from the network to the disk: what their session may hold of it, and all sessions
/// together.  Given back when they are written, which is before they are durable.
struct Room {
  Budget::Lease session, server;
};

}  // namespace farkeep
