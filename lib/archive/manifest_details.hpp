#pragma once

#include "archive/manifest.hpp"

namespace farkeep {

/// The details as their message.
Buffer encode_details(const SnapshotDetails& details);
result<SnapshotDetails> decode_details(ByteView message);

}  // namespace farkeep
