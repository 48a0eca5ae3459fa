#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/id.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

/// What stands on the recovery sheet: the root key, and whose vault it opens (KEYS.md §4).
struct RecoveryKey {
  SecretKey root;
  AccountId account;
  AgentId agent;
};

/// 24 groups of five letters joined by dashes.  The text is the key: the caller prints it and lets it go.
std::string print_recovery_key(const SecretKey& root, const AccountId& account, const AgentId& agent);

/// What somebody typed: either case; blanks, line ends and dashes anywhere; 0, 1 and 8 for O, I and B.
/// malformed: other characters, or too few or too many, or a key of zeros.  bad_secret: mistyped (the checksum).  unsupported_version.
result<RecoveryKey> parse_recovery_key(std::string_view typed);

}  // namespace farkeep
