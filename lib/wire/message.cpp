#include "wire/message.hpp"

#include <cstring>

namespace farkeep::wire {

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
