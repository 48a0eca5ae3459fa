#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "async/task.hpp"
#include "base/bytes.hpp"
#include "transport/identity.hpp"

namespace farkeep {

/// A connection that carries bytes both ways, whatever lies beneath: TCP, a proxy's tunnel, TLS, a unix socket, a
/// simulation.
///
/// At most one read_some() and one write() at a time; the two may run side by side.  There is no half-close (proxies do
/// not keep it): the end of a conversation is a message of the protocol above, then close(). Errors: a lost connection
/// throws a failure that classify() calls disconnected or timed_out; its text names describe().
class Stream {
 public:
  virtual ~Stream() = default;

  /// Waits for at least one byte; `into` is not empty.  0 = end of stream, then and ever after.  Whether that end was
  /// meant, the protocol above knows; an end inside a TLS record is an error.  Cancelling loses nothing: a later call
  /// gets the bytes.
  virtual task<std::size_t> read_some(MutableByteView into) = 0;

  /// Sends all of it; the parts stay the caller's until it returns.  Returning means handed on, not received.
  /// A write that fails or is cancelled may have sent any part: the stream is finished, close it.
  virtual task<void> write(std::span<const ByteView> parts) = 0;
  task<void> write(ByteView bytes);

  /// Both ways, at once.  Operations in progress and later ones throw disconnected.  Idempotent.
  virtual void close() noexcept = 0;

  /// "10.0.0.1:16384 through socks 10.0.0.9:1080".
  virtual std::string describe() const = 0;
};

/// Reads until `into` is full.  False when the stream ended before its first byte; an end after it throws disconnected.
task<bool> read_exactly(Stream& stream, MutableByteView into);

/// A stream whose peer has proved who it is, and that nobody else can read.
class SecureStream : public Stream {
 public:
  virtual const PeerIdentity& peer() const = 0;
};

}  // namespace farkeep
