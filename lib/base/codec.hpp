#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "base/bytes.hpp"

namespace farkeep {

/// Appends fixed-width little-endian numbers and raw bytes to a buffer.
class Writer {
 public:
  explicit Writer(Buffer& to) : to_(to) {}

  template <class T>
  void number(T value) requires std::is_unsigned_v<T> {
    for (std::size_t i = 0; i < sizeof(T); ++i) to_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  void raw(ByteView bytes) { append(to_, bytes); }

 private:
  Buffer& to_;
};

/// Reads what Writer wrote, from bytes nobody vouches for.
///
/// A read beyond the end gives zeros (or an empty view) and makes ok() false for good, so a parser may read a whole
/// header and check once.  Lengths read this way must be checked against limits.hpp before anything is allocated.
class Reader {
 public:
  explicit Reader(ByteView from) : from_(from) {}

  template <class T>
  T number() requires std::is_unsigned_v<T> {
    ByteView b = raw(sizeof(T));
    T value = 0;
    for (std::size_t i = 0; i < b.size(); ++i) value = static_cast<T>(value | (static_cast<T>(b[i]) << (8 * i)));
    return value;
  }
  /// The next `size` bytes, or an empty view (and !ok()) when there are fewer.
  ByteView raw(std::size_t size) {
    if (!ok_ || size > from_.size()) {
      ok_ = false;
      return {};
    }
    ByteView out = from_.first(size);
    from_ = from_.subspan(size);
    return out;
  }
  std::size_t left() const noexcept { return from_.size(); }
  bool ok() const noexcept { return ok_; }
  /// Everything was there, and nothing is left over.
  bool done() const noexcept { return ok_ && from_.empty(); }

 private:
  ByteView from_;
  bool ok_ = true;
};

}  // namespace farkeep
