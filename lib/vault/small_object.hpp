#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"

namespace farkeep {

/// The small objects of a vault (LOCKING.md §3).  Pure; parsers take any bytes.

/// What makes a snapshot exist.
struct CommitObject {
  std::uint64_t sequence = 0;
  Digest digest;    ///< of the manifest's statement
  Digest previous;  ///< of the one before; zero: there is none
  ObjectId root;
  SessionId session;
  Buffer manifest;  ///< a serialised SignedManifest, as it came
  Buffer receipt;   ///< ours
};
Buffer encode(const CommitObject& commit);
result<CommitObject> parse_commit_object(ByteView bytes);

Buffer encode_partner_receipt(ByteView receipt);
result<Buffer> parse_partner_receipt(ByteView bytes);

Buffer encode_slot(ByteView slot);
result<Buffer> parse_slot(ByteView bytes);

}  // namespace farkeep
