#pragma once

#include <span>

#include "base/bytes.hpp"
#include "base/id.hpp"
#include "crypto/keyring.hpp"

namespace farkeep {

/// The id of a node: of its message and of what it refers to, so that a reference cannot be exchanged under an id
/// (FORMAT.md §3).  Safe from several threads at once.
ObjectId node_id(const KeyRing& keys, ByteView message, std::span<const ObjectId> refs);

}  // namespace farkeep
