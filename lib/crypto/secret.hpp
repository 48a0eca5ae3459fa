#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"

namespace farkeep {

/// Overwrites bytes in a way that the compiler does not leave out.
void wipe(MutableByteView bytes) noexcept;

/// N secret bytes.
///
/// Moved, never copied by accident (copy() says it aloud); overwritten when destroyed and when moved from.  It cannot
/// be printed or compared by accident: view() is the only way to the bytes, equal_constant_time() the way to compare.
template <std::size_t N>
class Secret {
 public:
  static constexpr std::size_t kSize = N;

  /// Zeros, to be filled through mutable_view().
  Secret() = default;
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      wipe(other.bytes_);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(bytes_); }

  /// From exactly N bytes; nothing otherwise.  The source stays the caller's to wipe.
  static std::optional<Secret> from(ByteView view) {
    if (view.size() != N) return std::nullopt;
    std::optional<Secret> s{std::in_place};
    std::memcpy(s->bytes_.data(), view.data(), N);
    return s;
  }
  Secret copy() const {
    Secret s;
    s.bytes_ = bytes_;
    return s;
  }

  ByteView view() const noexcept { return bytes_; }
  MutableByteView mutable_view() noexcept { return bytes_; }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

using SecretKey = Secret<32>;

/// A passphrase or a private key in PEM.  Moved only, overwritten when let go of.
/// The bytes lie on the heap and never move, so no copy is left where a std::string would leave one.
class SecretText {
 public:
  SecretText() = default;
  /// Copies; the source stays the caller's to wipe.
  explicit SecretText(std::string_view text);
  SecretText(SecretText&& other) noexcept : text_(std::move(other.text_)), size_(std::exchange(other.size_, 0)) {}
  SecretText& operator=(SecretText&& other) noexcept;
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText();

  std::string_view text() const noexcept { return {text_.get(), size_}; }
  ByteView view() const noexcept { return as_bytes(text()); }
  bool empty() const noexcept { return size_ == 0; }

 private:
  std::unique_ptr<char[]> text_;
  std::size_t size_ = 0;
};

}  // namespace farkeep
