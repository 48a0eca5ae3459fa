#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "wire/verb.hpp"

namespace farkeep::wire {

/// The sixteen bytes in front of every frame (PROTOCOL.md §2).
struct FrameHeader {
  static constexpr std::size_t kSize = 16;

  std::uint32_t head_size = 0;
  std::uint32_t body_size = 0;
  std::uint32_t request = 0;
  Verb verb = Verb::ping;
  bool reply = false;
  bool more = false;  ///< replies only: the last frame of a reply has it off

  /// Any bytes in.  Errors: malformed (fewer than 16 bytes, unknown verb or flag, non-zero reserved bytes, `more` on a
  /// request or a failure, `failure` as a request), too_large (a size beyond limits.hpp: checked before anything is allocated).
  static result<FrameHeader> parse(ByteView bytes);
  std::array<std::uint8_t, kSize> encode() const;

  bool operator==(const FrameHeader&) const = default;
};

struct Frame {
  FrameHeader header;
  std::string head;
  Buffer body;
};

/// How large a frame may be.
struct FrameSizes {
  std::uint32_t head = 0, body = 0;
};

/// Cuts a stream of bytes into frames.  No sockets: the driver reads into space(), reports what came with filled(), and
/// takes frames with next() until there is none.
///
///   for (;;) {
///     while (auto frame = value_or_throw(reader.next(), …)) handle(std::move(*frame));
///     reader.filled(co_await stream.read_some(reader.space()));
///   }
///
/// A long body is read straight into the buffer that its frame carries away; pages of it are touched as bytes arrive, so a
/// peer that announces 5 MiB and sends nothing costs nothing.  After an error the reader is finished: every next() repeats it.
class FrameReader {
 public:
  /// How large a frame with this header may be now; asked when the header is there and nothing has been allocated for the rest.
  using Limits = std::function<FrameSizes(const FrameHeader&)>;

  /// Without limits: as large as any may be.
  FrameReader() : FrameReader(nullptr) {}
  explicit FrameReader(Limits limits);
  /// Where the next bytes go; never empty.  Valid until the next call.
  MutableByteView space();
  /// `n` bytes were put at the front of space().
  void filled(std::size_t n);
  /// A whole frame, nothing (more bytes are needed), or why the stream cannot be read on.
  result<std::optional<Frame>> next();
  /// After too_large: the header of the frame that was, when it came so far.
  const std::optional<FrameHeader>& refused() const noexcept { return refused_; }
  /// The header of the frame whose rest is still to come; null when there is none.  Valid until the next call.
  const FrameHeader* coming() const noexcept { return current_ ? &current_->header : nullptr; }
  /// Bytes of an unfinished frame are held: a stream that ends now was cut off.
  bool in_frame() const noexcept;

 private:
  bool straight() const noexcept;
  template <class Part>
  bool take(Part& part, std::size_t size, std::size_t& filled);

  Limits limits_;
  Buffer staging_;
  std::size_t begin_ = 0, end_ = 0;  // what staging_ holds
  std::optional<Frame> current_;     // its header was read
  std::size_t head_filled_ = 0, body_filled_ = 0;
  boost::system::error_code failed_;
  std::optional<FrameHeader> refused_;
};

}  // namespace farkeep::wire
