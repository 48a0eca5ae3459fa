#pragma once

#include <memory>

#include "async/task.hpp"
#include "transport/endpoint.hpp"
#include "transport/stream.hpp"

namespace farkeep {

/// One link of the way to a server.  A proxy is a Dialer that wraps another: it dials itself, then asks for
/// `destination`.
class Dialer {
 public:
  virtual ~Dialer() = default;
  /// A stream that ends at `destination`, as far as this link can tell: behind a mapped port only TLS can.
  /// Throws failure: unreachable, timed_out, or what the system said.  Cancelling closes what was begun.
  virtual task<std::unique_ptr<Stream>> dial(Endpoint destination) = 0;
};

}  // namespace farkeep
