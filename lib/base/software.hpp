#pragma once

#include <string_view>

namespace farkeep {

/// What a program calls itself, in hellos and manifests.  Nothing is decided by it.
inline constexpr std::string_view kSoftware = "farkeep 0.1.0";

}  // namespace farkeep
