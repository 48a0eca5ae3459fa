#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bundle.hpp"
#include "crypto/random.hpp"

namespace farkeep::deploy {

/// One thing that was looked at.
struct Finding {
  std::string what;           ///< "manifest", "settings", "authority", "token", "escrow"
  std::string text;           ///< what was seen; with a problem also what to do
  std::optional<Errc> problem;
};

/// All that can be known of a bundle without a server.  Pure, but for the random bytes of a trial slot.  The problems' codes: damaged (a file
/// is not what the manifest says: then nothing else is looked at), bad_token, configuration.
///
/// An authority that ends within kSoon is a problem: a machine that is installed a month later would not register.
std::vector<Finding> check_bundle(const BundleFiles& files, WallTime now, Random& random);
inline constexpr auto kSoon = std::chrono::hours{24 * 30};

/// The exit code of the worst: damage before a token before settings.
Exit exit_of(const std::vector<Finding>& findings);

}  // namespace farkeep::deploy
