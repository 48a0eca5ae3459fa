#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

/// The partner's receipt for a snapshot that this server pushed there.
struct PartnerObject {
  Buffer receipt;
  bool protects = false;  ///< the partner has pushed the snapshot here as well
};
Buffer encode(const PartnerObject& partner);
result<PartnerObject> parse_partner_object(ByteView bytes);

/// An object all of whose copies a client could not use, and how many there were then (LOCKING.md §4).
struct ReportedObject {
  ObjectId id;
  std::uint16_t copies = 0;
};
Buffer encode_report(const std::vector<ReportedObject>& objects);
result<std::vector<ReportedObject>> parse_report(ByteView bytes);

/// A snapshot that an operator set aside: all that there was of it.
struct AsideObject {
  std::int64_t time_ns = 0;
  std::string reason;
  Buffer commit;           ///< the commit object, as it was
  Buffer partner_receipt;  ///< the object with it, as it was; empty: there was none
};
Buffer encode(const AsideObject& aside);
result<AsideObject> parse_aside_object(ByteView bytes);

Buffer encode_slot(ByteView slot);
result<Buffer> parse_slot(ByteView bytes);

}  // namespace farkeep
