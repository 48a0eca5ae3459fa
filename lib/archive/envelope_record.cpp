#include "archive/envelope_record.hpp"

#include "archive/record_layout.hpp"
#include "base/check.hpp"
#include "base/codec.hpp"
#include "crypto/envelope.hpp"

namespace farkeep {

Buffer make_envelope_record(const SessionId& session, ByteView envelope) {
  FARKEEP_CHECK(!envelope.empty() && envelope.size() <= kMaxEnvelope);
  Buffer record;
  Writer out{record};
  out.raw(kRecordMagic);
  out.number(kRecordSuite);
  out.number(static_cast<std::uint8_t>(ObjectType::envelope));
  out.number(std::uint16_t{1});
  out.number(std::uint32_t{0});
  out.number(static_cast<std::uint32_t>(envelope.size()));
  out.raw(session.view());
  record.resize(kRecordFixed);
  out.raw(envelope_id(session).view());
  out.raw(envelope);
  return record;
}

result<ByteView> envelope_of(const RecordView& record) {
  if (record.type() != ObjectType::envelope) return Errc::malformed;
  if (record.sealed().empty() || record.sealed().size() > kMaxEnvelope) return Errc::malformed;
  if (record.id(0) != envelope_id(record.session())) return Errc::id_mismatch;
  return record.sealed();
}

}  // namespace farkeep
