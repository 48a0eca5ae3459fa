#include "wire/message.hpp"

#include <cstring>

namespace farkeep::wire {

namespace {

// A varint is at most ten bytes.  False: there is none.
bool skip_varint(std::string_view& bytes, std::uint64_t& value) noexcept {
  value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    auto const byte = static_cast<unsigned char>(bytes[i]);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

}  // namespace

// Stops at what the parser will refuse: protobuf.dev/programming-guides/encoding.
bool has_few_fields(std::string_view bytes) noexcept {
  std::size_t fields = 0;
  while (!bytes.empty()) {
    if (++fields > limits::kMaxMessageFields) return false;
    std::uint64_t tag = 0, size = 0;
    if (!skip_varint(bytes, tag)) break;
    switch (tag & 7) {
      case 0:
        if (!skip_varint(bytes, size)) return true;
        size = 0;
        break;
      case 1: size = 8; break;
      case 2:
        if (!skip_varint(bytes, size)) return true;
        break;
      case 5: size = 4; break;
      default: break;  // a group's begin or end: its fields count as they come
    }
    if (size > bytes.size()) break;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

result<std::vector<ObjectId>> parse_ids(std::string_view field, std::size_t most) {
  if (field.size() % ObjectId::kSize != 0) return Errc::malformed;
  if (field.size() / ObjectId::kSize > most) return Errc::too_large;
  std::vector<ObjectId> ids(field.size() / ObjectId::kSize);
  for (std::size_t i = 0; i < ids.size(); ++i)
    std::memcpy(ids[i].bytes.data(), field.data() + i * ObjectId::kSize, ObjectId::kSize);
  return ids;
}

std::string to_field(const std::vector<ObjectId>& ids) {
  std::string field;
  field.reserve(ids.size() * ObjectId::kSize);
  for (auto const& id : ids) field += as_text(id.view());
  return field;
}

std::string to_bitmap(const std::vector<bool>& bits) {
  std::string bitmap((bits.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < bits.size(); ++i)
    if (bits[i]) bitmap[i / 8] = static_cast<char>(static_cast<unsigned char>(bitmap[i / 8]) | (1u << (i % 8)));
  return bitmap;
}

result<std::vector<bool>> parse_bitmap(std::string_view bitmap, std::size_t size) {
  if (bitmap.size() != (size + 7) / 8) return Errc::malformed;
  auto const bit = [&](std::size_t i) { return (static_cast<unsigned char>(bitmap[i / 8]) >> (i % 8) & 1) != 0; };
  std::vector<bool> bits(size);
  for (std::size_t i = 0; i < size; ++i) bits[i] = bit(i);
  for (std::size_t i = size; i < bitmap.size() * 8; ++i)
    if (bit(i)) return Errc::malformed;
  return bits;
}

}  // namespace farkeep::wire
