#include <algorithm>
#include <array>

#include "archive/node_id.hpp"
#include "archive/record_codec.hpp"
#include "archive/record_layout.hpp"
#include "base/codec.hpp"

namespace farkeep {
namespace {

// The inside of a record, its sizes checked against each other and against the limits.
struct Payload {
  std::uint8_t codec = 0;
  std::size_t plain_size = 0;
  ByteView lengths;  // 4 bytes each
  ByteView body;
};

std::size_t length_at(ByteView lengths, std::size_t i) {
  return Reader{lengths.subspan(4 * i, 4)}.number<std::uint32_t>();
}

result<Payload> parse_payload(ByteView payload, ObjectType type, std::size_t count) {
  Reader in{payload};
  Payload p;
  p.codec = in.number<std::uint8_t>();
  const ByteView zero = in.raw(3);
  const std::size_t body_size = in.number<std::uint32_t>();
  p.plain_size = in.number<std::uint32_t>();
  p.lengths = in.raw(4 * count);
  p.body = in.raw(body_size);
  const ByteView padding = in.raw(in.left());
  if (!in.ok()) return Errc::malformed;
  if (p.codec != kCodecStored && p.codec != kCodecZstd) return Errc::unsupported_version;
  if (p.plain_size > limits::kMaxRecordPlain) return Errc::too_large;
  if (p.codec == kCodecStored && body_size != p.plain_size) return Errc::malformed;

  auto is_zero = [](std::uint8_t b) { return b == 0; };
  if (!std::all_of(zero.begin(), zero.end(), is_zero) || !std::all_of(padding.begin(), padding.end(), is_zero))
    return Errc::malformed;
  if (padme(kPayloadFixed + 4 * count + body_size) != payload.size()) return Errc::malformed;

  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t length = length_at(p.lengths, i);
    if (type == ObjectType::data && length == 0) return Errc::malformed;
    if (type == ObjectType::data && length > limits::kMaxChunk) return Errc::too_large;
    sum += length;
  }
  if (sum != p.plain_size) return Errc::malformed;
  return p;
}

}  // namespace

const OpenedRecord::Object* OpenedRecord::find(const ObjectId& id) const {
  for (const Object& o : objects_) {
    if (o.id == id) return &o;
  }
  return nullptr;
}

RecordOpener::RecordOpener(const SecretKey& session_key, const KeyRing& keys, const AccountId& account,
                           const AgentId& agent)
    : aead_(session_key), keys_(keys), account_(account), agent_(agent) {}

result<OpenedRecord> RecordOpener::open(ByteView record) const {
  auto view = RecordView::parse(record);
  if (!view) return view.error();
  if (view->size() != record.size()) return Errc::malformed;
  return open(*view);
}

// 1. unseal  2. check the payload's sizes  3. decompress  4. cut into objects and recompute each id
result<OpenedRecord> RecordOpener::open(const RecordView& record) const {
  if (record.type() == ObjectType::envelope) return Errc::malformed;
  const ByteView sealed = record.sealed();
  if (sealed.size() < XAes256Gcm::kTag) return Errc::malformed;
  OpenedRecord out;
  out.type_ = record.type();
  out.refs_.assign(record.refs().begin(), record.refs().end());

  Buffer payload_bytes(sealed.size() - XAes256Gcm::kTag);
  const std::array<ByteView, 3> aad{record.header(), account_.view(), agent_.view()};
  if (auto opened = aead_.open(record.nonce(), aad, sealed, payload_bytes); !opened) return opened.error();

  const std::size_t count = record.ids().size();
  auto payload = parse_payload(payload_bytes, record.type(), count);
  if (!payload) return payload.error();
  std::vector<std::size_t> lengths(count);
  for (std::size_t i = 0; i < count; ++i) lengths[i] = length_at(payload->lengths, i);

  ByteView plain = payload->body;
  if (payload->codec == kCodecStored) {
    out.bytes_ = std::move(payload_bytes);  // `plain` still points into it
  } else {
    out.bytes_.resize(payload->plain_size);
    if (auto done = decompress(payload->body, out.bytes_); !done) return done.error();
    plain = out.bytes_;
  }

  out.objects_.reserve(count);
  std::size_t at = 0, ref_at = 0, i = 0;
  bool as_promised = true;
  record.for_each_object([&](const ObjectId& id, std::span<const ObjectId> refs) {
    OpenedRecord::Object o{id, plain.subspan(at, lengths[i]), std::span{out.refs_}.subspan(ref_at, refs.size())};
    at += lengths[i++];
    ref_at += refs.size();
    const ObjectId is = record.type() == ObjectType::data ? keys_.object_id(ObjectType::data, o.bytes)
                                                          : node_id(keys_, o.bytes, o.refs);
    as_promised = as_promised && is == id;
    out.objects_.push_back(o);
  });
  if (!as_promised) return Errc::id_mismatch;
  return out;
}

}  // namespace farkeep
