#pragma once

#include <string>
#include <string_view>

#include "config/profile_config.hpp"

namespace farkeep {

/// Where the files of a bundle lie on a machine.
inline constexpr std::string_view kDeployedConfig = "/etc/farkeep/agent.ini";
inline constexpr std::string_view kDeployedAuthority = "/etc/farkeep/ca.pem";
inline constexpr std::string_view kDeployedToken = "/etc/farkeep/token";
inline constexpr std::string_view kDeployedEscrowKey = "/etc/farkeep/escrow.pub";

/// For whom a bundle is: a class, one host of it, or, in a profile without classes, all machines or one.
struct BundleTarget {
  std::string bundle;                 ///< parse_label; for one host its name
  const ClassConfig* group = nullptr; ///< null: the profile has no classes
  bool is_host = false;               ///< then the agent is listed under the bundle's name
};

/// The agent.ini of a bundle: what the profile says and is not the default anyway, the target's jobs, and the digest by
/// which later changes show.  `software`: who made it.  The same profile gives the same bytes.
/// Throws failure(too_large) when the result would be no agent.ini for its size.
std::string bundle_ini(const ProfileConfig& profile, const BundleTarget& target, std::string_view software);

}  // namespace farkeep
