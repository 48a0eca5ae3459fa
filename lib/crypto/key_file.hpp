#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

/// Whose key a key file holds.
struct KeyOwner {
  AccountId account;
  AgentId agent;
  bool operator==(const KeyOwner&) const = default;
};

/// The file in which an agent keeps its root key (KEYS.md §9): it says whose key it is, under a check value that only the key itself can make.
Buffer write_key_file(const SecretKey& root, const KeyOwner& owner);

struct KeyFile {
  SecretKey root;
  std::optional<KeyOwner> owner;  ///< none in version 1
};
inline constexpr std::size_t kMaxRootKeyFile = 256;  // a file of version 2 has 101 bytes

/// malformed, unsupported_version; damaged: the check value does not fit, or the key is all zeros.
result<KeyFile> parse_key_file(ByteView file);

/// Thirty-two zeros are what a place for a key holds before there is one: never a key.
bool is_no_key(const SecretKey& key) noexcept;

}  // namespace farkeep
