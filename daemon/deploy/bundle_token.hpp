#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "config/profile_config.hpp"
#include "crypto/secret.hpp"

namespace farkeep::deploy {

/// An enrolment token, and what is known of it.
struct BundleToken {
  SecretText text;
  std::optional<std::uint64_t> uses;
  std::optional<WallTime> expires;
};

/// The first line of what farkeep-server token create printed, with --json or without.  Throws failure(bad_token) for anything that is
/// no token; a message never shows it.
BundleToken parse_token(std::string_view printed);

/// The command with {uses}, {expires} and {bundle} replaced.  The bundle's name is a label, so nothing in it means anything to a shell.
std::string token_command(const std::string& command, std::uint64_t uses, std::chrono::seconds expires, const std::string& bundle);

/// The token of a bundle: from `file` if it is given, else as the profile says; nothing if neither does.  A command that takes {uses} and
/// {expires} is believed to have kept to them.
/// Throws failure: configuration (no such file, the command failed), bad_token (none, expired, or for fewer machines than the bundle is).
std::optional<BundleToken> token_for(const ProfileConfig& profile, const std::optional<std::string>& file, const std::string& bundle, bool is_host, WallTime now);

}  // namespace farkeep::deploy
