#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/hex.hpp"

namespace farkeep {

/// A fixed-size binary name.  The tag keeps an agent's id from being passed for an account's.
/// Ids are never parts of a path as received: they are printed as lower-case hex by us.
template <std::size_t N, class Tag>
struct Id {
  static constexpr std::size_t kSize = N;
  std::array<std::uint8_t, N> bytes{};

  Id() = default;
  explicit Id(const std::array<std::uint8_t, N>& b) : bytes(b) {}

  /// From exactly N bytes; nothing otherwise.
  static std::optional<Id> from(ByteView view) {
    if (view.size() != N) return std::nullopt;
    Id id;
    std::memcpy(id.bytes.data(), view.data(), N);
    return id;
  }
  static std::optional<Id> from(std::string_view raw) { return from(as_bytes(raw)); }
  static std::optional<Id> from_hex(std::string_view text) {
    auto raw = unhex(text);
    return raw ? from(ByteView{*raw}) : std::nullopt;
  }

  ByteView view() const noexcept { return bytes; }
  /// For protobuf's bytes fields.
  std::string raw() const { return to_string(bytes); }
  std::string hex() const { return farkeep::hex(bytes); }
  /// The first eight hex digits: for messages and listings.
  std::string brief() const { return hex().substr(0, 8); }
  bool is_zero() const noexcept { return bytes == std::array<std::uint8_t, N>{}; }

  auto operator<=>(const Id&) const = default;
};

/// The opaque name of a chunk, a catalog node or an envelope: a keyed hash of its plaintext (crypto/KEYS.md).
/// All that a server ever knows of a piece of data.
using ObjectId = Id<32, struct ObjectTag>;
/// SHA-256 of stored bytes: of a manifest statement, a certificate, a document.
using Digest = Id<32, struct DigestTag>;
using AccountId = Id<16, struct AccountTag>;
using AgentId = Id<16, struct AgentTag>;
using ServerId = Id<16, struct ServerTag>;
/// One backup run's key session.
using SessionId = Id<16, struct SessionTag>;

}  // namespace farkeep

template <std::size_t N, class Tag>
struct std::hash<farkeep::Id<N, Tag>> {
  // The bytes are random or a hash already: eight of them are as good a hash as any.
  std::size_t operator()(const farkeep::Id<N, Tag>& id) const noexcept {
    std::size_t h;
    std::memcpy(&h, id.bytes.data(), sizeof h);
    return h;
  }
};
