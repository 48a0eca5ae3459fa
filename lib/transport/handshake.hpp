#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "transport/proxy_error.hpp"

namespace farkeep {

/// What a proxy wants to hear and says before it is a tunnel: a machine without sockets or clock.
///
/// It asks for exactly the bytes that belong to the conversation and never for one more: the next is the tunnel's.
class Handshake {
 public:
  struct Step {
    Buffer write;          ///< sent first, in one piece (some proxies take a greeting in pieces for garbage)
    std::size_t read = 0;  ///< then so many bytes are read; 0: the tunnel stands
    std::chrono::nanoseconds within{0};  ///< for writing and reading; steps that write nothing go on with an answer, which as a whole takes as long as the first and the second of them
    bool take_what_comes = false;        ///< fewer bytes will do when the time runs out or the proxy closes: only to be quoted
  };
  enum class Break : std::uint8_t { closed, reset, timed_out };

  virtual ~Handshake() = default;
  virtual Step start() = 0;
  /// The bytes of the last step.  Throws proxy_error.
  virtual Step received(ByteView bytes) = 0;
  /// The last step broke after `part` of its bytes.  Throws proxy_error, always.
  [[noreturn]] virtual void broken(Break how, ByteView part) = 0;
};

}  // namespace farkeep
