#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "base/limits.hpp"
#include "wire/wire.pb.h"

namespace farkeep::wire {

/// Whether a message has at most limits::kMaxMessageFields fields, those of repeated ones counted one by one; its parts are not looked into.  Two bytes that say
/// "an empty one more" cost a hundred once they are parsed.
bool has_few_fields(std::string_view bytes) noexcept;

/// A message from bytes nobody vouches for.  Errors: too_large (checked first), malformed.
template <class Message>
result<Message> parse_message(std::string_view bytes, std::size_t limit = limits::kMaxFrameHead) {
  if (bytes.size() > limit || !has_few_fields(bytes)) return Errc::too_large;
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Errc::malformed;
  return message;
}

/// The head of a frame.
template <class Message>
std::string to_head(const Message& message) {
  return message.SerializeAsString();
}

/// An id in a message field.
template <class AnyId>
std::string to_field(const AnyId& id) {
  return std::string{as_text(id.view())};
}

/// The ids in a field that holds one after the other.  Errors: malformed (not a multiple of 32), too_large (more than
/// `most`).
result<std::vector<ObjectId>> parse_ids(std::string_view field, std::size_t most = limits::kIdsPerQuestion);
std::string to_field(const std::vector<ObjectId>& ids);

/// Bit i, least significant first, of a HaveReply's bitmap.
std::string to_bitmap(const std::vector<bool>& bits);
/// Errors: malformed (not exactly as many bytes as `size` bits need, or a bit beyond them is set).
result<std::vector<bool>> parse_bitmap(std::string_view bitmap, std::size_t size);

}  // namespace farkeep::wire
