#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "crypto/digest.hpp"
#include "wire/wire.pb.h"

namespace farkeep {

/// What a stored receipt says.  Its signature was verified when it came.
struct ReceiptFacts {
  ServerId server;
  Digest snapshot;
  std::int64_t time_ns = 0;
  Digest mark;  ///< SHA-256 of the Receipt's bytes: a server that commits the same snapshot once more gives a receipt with another mark
};

/// Of a serialised SignedReceipt.  Errc::malformed when it is none.
result<ReceiptFacts> receipt_facts(ByteView bytes);

Digest receipt_mark(const wire::pb::SignedReceipt& receipt);

}  // namespace farkeep
