#include "wire/frame.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/codec.hpp"
#include "base/limits.hpp"

namespace farkeep::wire {
namespace {

constexpr std::uint8_t kReply = 1, kMore = 2;
// One TLS record: a read never yields more, so a larger staging area would stay empty.
constexpr std::size_t kStaging = 16 * limits::kKiB;
// How far a body is sized ahead of what arrived: its zeros are still in the cache when they are overwritten.
constexpr std::size_t kReadStep = 128 * limits::kKiB;

}  // namespace

result<FrameHeader> FrameHeader::parse(ByteView bytes) {
  Reader in{bytes};
  FrameHeader h;
  h.head_size = in.number<std::uint32_t>();
  h.body_size = in.number<std::uint32_t>();
  h.request = in.number<std::uint32_t>();
  auto const verb = in.number<std::uint8_t>();
  auto const flags = in.number<std::uint8_t>();
  auto const zero = in.number<std::uint16_t>();
  if (!in.ok()) return Errc::malformed;
  if (h.head_size > limits::kMaxFrameHead || h.body_size > limits::kMaxFrameBody) return Errc::too_large;
  auto const known = verb_of(verb);
  if (!known || (flags & ~(kReply | kMore)) != 0 || zero != 0) return Errc::malformed;
  h.verb = *known;
  h.reply = (flags & kReply) != 0;
  h.more = (flags & kMore) != 0;
  if (h.more && !h.reply) return Errc::malformed;
  if (h.verb == Verb::failure && (!h.reply || h.more)) return Errc::malformed;
  return h;
}

std::array<std::uint8_t, FrameHeader::kSize> FrameHeader::encode() const {
  std::array<std::uint8_t, kSize> out{};
  auto put = [&](std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  put(0, head_size);
  put(4, body_size);
  put(8, request);
  out[12] = static_cast<std::uint8_t>(verb);
  out[13] = static_cast<std::uint8_t>((reply ? kReply : 0) | (more ? kMore : 0));
  return out;
}

FrameReader::FrameReader(Limits limits) : limits_(std::move(limits)), staging_(kStaging) {}

// next() has taken all that it can, so inside a long body the staging area is empty.
bool FrameReader::straight() const noexcept {
  return current_ && begin_ == end_ && head_filled_ == current_->header.head_size &&
         current_->header.body_size - body_filled_ >= kStaging;
}

MutableByteView FrameReader::space() {
  if (straight()) {
    auto& body = current_->body;
    auto const target = std::min<std::size_t>(current_->header.body_size, body_filled_ + kReadStep);
    if (body.size() < target) body.resize(target);
    return MutableByteView{body}.subspan(body_filled_);
  }
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == staging_.size()) {  // a header cut by the end of the area: at most 15 bytes move
    std::copy(staging_.begin() + static_cast<std::ptrdiff_t>(begin_), staging_.begin() + static_cast<std::ptrdiff_t>(end_),
              staging_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  return MutableByteView{staging_}.subspan(end_);
}

void FrameReader::filled(std::size_t n) {
  if (straight()) {
    FARKEEP_CHECK(n <= current_->body.size() - body_filled_);
    body_filled_ += n;
  } else {
    FARKEEP_CHECK(n <= staging_.size() - end_);
    end_ += n;
  }
}

template <class Part>
bool FrameReader::take(Part& part, std::size_t size, std::size_t& filled) {
  auto const n = std::min(size - filled, end_ - begin_);
  if (part.size() < filled + n) part.resize(filled + n);
  if (n) std::memcpy(part.data() + filled, staging_.data() + begin_, n);
  filled += n;
  begin_ += n;
  return filled == size;
}

result<std::optional<Frame>> FrameReader::next() {
  if (failed_) return failed_;
  if (!current_) {
    if (end_ - begin_ < FrameHeader::kSize) return std::optional<Frame>{};
    auto header = FrameHeader::parse(ByteView{staging_}.subspan(begin_, FrameHeader::kSize));
    if (!header) return failed_ = header.error();
    if (limits_) {
      auto const most = limits_(*header);
      if (header->head_size > most.head || header->body_size > most.body) {
        refused_ = *header;
        return failed_ = make_error_code(Errc::too_large);
      }
    }
    begin_ += FrameHeader::kSize;
    current_.emplace();
    current_->header = *header;
    // Address space only: untouched pages cost nothing, and a body that grows is never copied.
    current_->head.reserve(header->head_size);
    current_->body.reserve(header->body_size);
    head_filled_ = body_filled_ = 0;
  }
  if (!take(current_->head, current_->header.head_size, head_filled_)) return std::optional<Frame>{};
  if (!take(current_->body, current_->header.body_size, body_filled_)) return std::optional<Frame>{};
  auto out = std::move(current_);
  current_.reset();
  return out;
}

bool FrameReader::in_frame() const noexcept { return current_.has_value() || begin_ != end_; }

}  // namespace farkeep::wire
