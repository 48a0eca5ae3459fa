#pragma once

#include <string>

#include "bundle.hpp"
#include "platform/disk.hpp"

namespace farkeep::deploy {

enum class Replace { no, yes };

/// Puts a bundle at `folder`, whole or not at all: written and synced beside it under another name, then renamed.  Files are for their
/// owner only, for a token is among them.  Throws failure: exists, unless it may be replaced; a folder that holds no manifest is never
/// replaced, whatever it is.
void write_bundle(Disk& disk, const std::string& folder, const BundleFiles& files, Replace replace);

/// The files of a folder, as they are.  Throws failure: not_found when it has no manifest, too_large beyond the limits of
/// bundle_manifest.hpp.
BundleFiles read_bundle(Disk& disk, const std::string& folder);

/// Makes FILE.tar.gz of a bundle's folder, with the system's tar.
void pack_tar(const std::string& folder, const std::string& file);

/// Makes the package farkeep-config-NAME that brings the bundle and runs its install.sh, with dpkg-deb; returns its file's name, in `into`.
/// Throws failure(configuration) when there is no dpkg-deb.
std::string pack_deb(Disk& disk, const std::string& folder, const BundleManifest& facts, const std::string& into, WallTime now);

/// The package's name for a bundle: lower case, what Debian does not permit replaced by '-'.
std::string package_name(const std::string& bundle);

}  // namespace farkeep::deploy
