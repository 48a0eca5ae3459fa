#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/id.hpp"

namespace farkeep::deploy {

inline constexpr std::string_view kManifest = "manifest";
inline constexpr std::size_t kMaxBundleFiles = 64;           // a bundle has 8
inline constexpr std::size_t kMaxBundleFile = 4 * 1024 * 1024;  // an agent.ini has at most 1 MiB, a sheet some 50 KiB

/// What a bundle consists of, in a file that `sha256sum -c manifest` checks, too:
///
///   manifest := "# farkeep-deploy bundle 1" LF ("# " key ": " value LF)* (hex SHA-256 "  " name LF)*
///
/// Keys: bundle, organisation, made-by, token-uses, token-expires (RFC 3339); others are left aside.  Names are plain: letters, digits and . _ -,
/// not the manifest's own.  It proves that nothing was damaged, not who made it: for that its own SHA-256 is told another way.
struct BundleManifest {
  std::string bundle, organisation, made_by;
  std::optional<std::uint64_t> token_uses;   ///< nothing: not known
  std::optional<WallTime> token_expires;     ///< nothing: not known
  std::map<std::string, Digest> files;       ///< at least one

  std::string text() const;
  /// Malformed for anything else; too_large for more than kMaxBundleFiles.
  static result<BundleManifest> parse(std::string_view text);
};

}  // namespace farkeep::deploy
