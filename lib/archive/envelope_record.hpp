#pragma once

#include "archive/record.hpp"

namespace farkeep {

/// The record that carries a session's envelope (FORMAT.md §2, crypto/KEYS.md §5): not sealed again.

/// `envelope` is what seal_envelope() gave.
Buffer make_envelope_record(const SessionId& session, ByteView envelope);

/// The envelope's bytes, a view of the record's.  Malformed for another type or an impossible size; id_mismatch when
/// the record's id is not that of its session's envelope.  Opening it is open_envelope()'s task.
result<ByteView> envelope_of(const RecordView& record);

}  // namespace farkeep
