#pragma once

#include <map>
#include <optional>
#include <string>

#include "bundle_manifest.hpp"
#include "bundle_token.hpp"
#include "config/bundle_ini.hpp"

namespace farkeep::deploy {

/// A bundle in memory: names and contents, the manifest among them.
using BundleFiles = std::map<std::string, std::string>;

/// What goes into a bundle beside the profile itself.
struct BundleParts {
  std::string authority;                  ///< ca.pem
  std::optional<std::string> escrow_key;  ///< escrow.pub
  std::optional<BundleToken> token;
};

/// Whose bundle: by the name of a class or of a host.  Throws failure: usage (no such class, with the nearest; no class fits the host; no
/// name), with what there is.
BundleTarget target_for(const ProfileConfig& profile, const std::optional<std::string>& group, const std::optional<std::string>& host);

/// The machines of a target, in words.
std::string in_words(const BundleTarget& target);

/// agent.ini, ca.pem, escrow.pub, token, install.sh, firewall-sheet.txt, README.txt, manifest.  Pure.
BundleFiles make_bundle(const ProfileConfig& profile, const BundleTarget& target, const BundleParts& parts, WallTime now);

}  // namespace farkeep::deploy
