#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "vault/vault_limits.hpp"

namespace farkeep {

/// What an object of so many bytes takes of a disk.
constexpr std::uint64_t in_blocks(std::uint64_t bytes) { return (bytes + vault_limits::kBlock - 1) / vault_limits::kBlock * vault_limits::kBlock; }

}  // namespace farkeep
