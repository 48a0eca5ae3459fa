#include "archive/record.hpp"

#include <cstring>

#include "base/codec.hpp"

namespace farkeep {
namespace {

// Ids are arrays of bytes, one after the other, in the record as in memory.
static_assert(sizeof(ObjectId) == ObjectId::kSize && alignof(ObjectId) == 1);
std::span<const ObjectId> as_ids(ByteView bytes) {
  return {reinterpret_cast<const ObjectId*>(bytes.data()), bytes.size() / ObjectId::kSize};
}

std::uint32_t number_at(ByteView bytes, std::size_t offset) {
  return Reader{bytes.subspan(offset, 4)}.number<std::uint32_t>();
}

// What is behind the fixed part of a header, once the sizes are known to fit.
struct Tables {
  std::span<const ObjectId> ids, refs;
  ByteView refs_of;
};

result<Tables> tables_of(const RecordPrefix& prefix, ByteView header) {
  Tables t;
  std::size_t at = kRecordFixed;
  t.ids = as_ids(header.subspan(at, prefix.count * ObjectId::kSize));
  at += prefix.count * ObjectId::kSize;
  if (prefix.type != ObjectType::node) return t;

  t.refs_of = header.subspan(at, prefix.count * 4);
  at += prefix.count * 4;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < prefix.count; ++i) sum += number_at(t.refs_of, 4 * i);
  if (sum != prefix.ref_count) return Errc::malformed;
  t.refs = as_ids(header.subspan(at, prefix.ref_count * ObjectId::kSize));
  return t;
}

Nonce192 nonce_of(ByteView header) {
  Nonce192 n;
  std::memcpy(n.bytes.data(), header.data() + kRecordPrefix, n.bytes.size());
  return n;
}

bool nonce_fits(const RecordPrefix& prefix, ByteView header) {
  return prefix.type != ObjectType::envelope || nonce_of(header) == Nonce192{};
}

}  // namespace

result<RecordPrefix> parse_record_prefix(ByteView bytes) {
  Reader in{bytes};
  const ByteView magic = in.raw(4);
  const auto suite = in.number<std::uint8_t>();
  const auto type = in.number<std::uint8_t>();
  const auto count = in.number<std::uint16_t>();
  const auto ref_count = in.number<std::uint32_t>();
  const auto sealed = in.number<std::uint32_t>();
  const ByteView session = in.raw(SessionId::kSize);
  if (!in.ok() || !equal(magic, kRecordMagic)) return Errc::malformed;
  if (suite != kRecordSuite) return Errc::unsupported_version;

  switch (static_cast<ObjectType>(type)) {
    case ObjectType::data:
      if (ref_count != 0) return Errc::malformed;
      break;
    case ObjectType::node:
      break;
    case ObjectType::envelope:
      if (ref_count != 0 || count != 1) return Errc::malformed;
      break;
    default:
      return Errc::unsupported_version;
  }
  if (count == 0) return Errc::malformed;
  if (count > limits::kMaxChunksPerRecord || ref_count > limits::kMaxRefsPerRecord) return Errc::too_large;
  if (sealed > limits::kMaxRecord) return Errc::too_large;

  RecordPrefix p;
  p.type = static_cast<ObjectType>(type);
  p.session = *SessionId::from(session);
  p.count = count;
  p.ref_count = ref_count;
  p.header_size = record_header_size(p.type, count, ref_count);
  p.sealed_size = sealed;
  if (p.size() > limits::kMaxRecord) return Errc::too_large;
  return p;
}

result<RecordView> RecordView::parse(ByteView bytes) {
  auto prefix = parse_record_prefix(bytes);
  if (!prefix) return prefix.error();
  if (prefix->size() > bytes.size()) return Errc::malformed;
  auto tables = tables_of(*prefix, bytes);
  if (!tables) return tables.error();
  if (!nonce_fits(*prefix, bytes)) return Errc::malformed;

  RecordView v;
  v.bytes_ = bytes.first(prefix->size());
  v.prefix_ = *prefix;
  v.ids_ = tables->ids;
  v.refs_ = tables->refs;
  v.refs_of_ = tables->refs_of;
  return v;
}

Nonce192 RecordView::nonce() const { return nonce_of(bytes_); }

std::size_t RecordView::refs_of(std::size_t i) const { return refs_of_.empty() ? 0 : number_at(refs_of_, 4 * i); }

std::span<const ObjectId> RecordView::refs(std::size_t i) const {
  std::size_t at = 0;
  for (std::size_t k = 0; k < i; ++k) at += refs_of(k);
  return refs_.subspan(at, refs_of(i));
}

result<std::vector<RecordView>> split_records(ByteView bytes) {
  std::vector<RecordView> out;
  while (!bytes.empty()) {
    auto record = RecordView::parse(bytes);
    if (!record) return record.error();
    bytes = bytes.subspan(record->size());
    out.push_back(*record);
  }
  return out;
}

result<RecordHeader> parse_record_header(ByteView bytes) {
  auto prefix = parse_record_prefix(bytes);
  if (!prefix) return prefix.error();
  if (prefix->header_size > bytes.size()) return Errc::malformed;
  auto tables = tables_of(*prefix, bytes);
  if (!tables) return tables.error();
  if (!nonce_fits(*prefix, bytes)) return Errc::malformed;

  RecordHeader h;
  h.type = prefix->type;
  h.session = prefix->session;
  h.nonce = nonce_of(bytes);
  h.ids.assign(tables->ids.begin(), tables->ids.end());
  h.refs.assign(tables->refs.begin(), tables->refs.end());
  for (std::size_t at = 0; at < tables->refs_of.size(); at += 4) h.refs_of.push_back(number_at(tables->refs_of, at));
  h.sealed_size = prefix->sealed_size;
  h.header_size = prefix->header_size;
  return h;
}

}  // namespace farkeep
