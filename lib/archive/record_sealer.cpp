#include <array>
#include <cstring>

#include "archive/record_codec.hpp"
#include "archive/record_layout.hpp"
#include "base/check.hpp"
#include "base/codec.hpp"

namespace farkeep {
namespace {

// The header with zeros for nonce and sealed_size: those are known last.
Buffer begin_header(ObjectType type, const SessionId& session, std::size_t count, std::size_t ref_count) {
  FARKEEP_CHECK(count > 0 && count <= limits::kMaxChunksPerRecord && ref_count <= limits::kMaxRefsPerRecord);
  Buffer header;
  header.reserve(record_header_size(type, count, ref_count));
  Writer out{header};
  out.raw(kRecordMagic);
  out.number(kRecordSuite);
  out.number(static_cast<std::uint8_t>(type));
  out.number(static_cast<std::uint16_t>(count));
  out.number(static_cast<std::uint32_t>(ref_count));
  out.number(std::uint32_t{0});
  out.raw(session.view());
  header.resize(kRecordFixed);
  return header;
}

void put_number(std::uint8_t* at, std::size_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

// All objects in one piece: a single one where it lies, several copied together.
ByteView gather(std::span<const ByteView> objects) {
  if (objects.size() == 1) return objects[0];
  thread_local Buffer all;
  all.clear();
  for (ByteView o : objects) append(all, o);
  return all;
}

}  // namespace

RecordSealer::RecordSealer(const SecretKey& session_key, const SessionId& session, const KeyRing& keys,
                           const AccountId& account, const AgentId& agent, Random& random, CompressionLevel level)
    : aead_(session_key),
      session_(session),
      keys_(keys),
      account_(account),
      agent_(agent),
      random_(random),
      level_(level) {}

Buffer RecordSealer::seal_chunks(std::span<const ChunkPlain> chunks) const {
  Buffer header = begin_header(ObjectType::data, session_, chunks.size(), 0);
  std::vector<ByteView> objects;
  objects.reserve(chunks.size());
  for (const ChunkPlain& c : chunks) {
    FARKEEP_CHECK(!c.bytes.empty() && c.bytes.size() <= limits::kMaxChunk);
    append(header, c.id.view());
    objects.push_back(c.bytes);
  }
  return seal(std::move(header), objects);
}

Buffer RecordSealer::seal_nodes(std::span<const NodePlain> nodes) const {
  std::size_t ref_count = 0;
  for (const NodePlain& n : nodes) ref_count += n.refs.size();
  Buffer header = begin_header(ObjectType::node, session_, nodes.size(), ref_count);
  std::vector<ByteView> objects;
  objects.reserve(nodes.size());
  for (const NodePlain& n : nodes) {
    append(header, n.id.view());
    objects.push_back(n.message);
  }
  for (const NodePlain& n : nodes) Writer{header}.number(static_cast<std::uint32_t>(n.refs.size()));
  for (const NodePlain& n : nodes) {
    for (const ObjectId& ref : n.refs) append(header, ref.view());
  }
  return seal(std::move(header), objects);
}

// 1. compress  2. lay the record out: header, payload, room for the tag  3. make the nonce  4. seal in place
Buffer RecordSealer::seal(Buffer header, std::span<const ByteView> objects) const {
  const ByteView plain = gather(objects);
  FARKEEP_CHECK(plain.size() <= limits::kMaxRecordPlain);
  const ByteView packed = compress(plain, level_);
  const std::uint8_t codec = packed.empty() ? kCodecStored : kCodecZstd;
  const ByteView body = packed.empty() ? plain : packed;

  const std::size_t header_size = header.size();
  const std::size_t payload_size = padme(kPayloadFixed + 4 * objects.size() + body.size());
  const std::size_t sealed_size = payload_size + XAes256Gcm::kTag;
  FARKEEP_CHECK(header_size + sealed_size <= limits::kMaxRecord);
  Buffer record(header_size + sealed_size);
  std::memcpy(record.data(), header.data(), header_size);
  put_number(record.data() + 12, sealed_size);

  std::uint8_t* at = record.data() + header_size;
  at[0] = codec;
  put_number(at + 4, body.size());
  put_number(at + 8, plain.size());
  at += kPayloadFixed;
  for (ByteView o : objects) {
    put_number(at, o.size());
    at += 4;
  }
  if (!body.empty()) std::memcpy(at, body.data(), body.size());

  // The ids in the header determine the plaintext; codec, level and version how it was packed.
  const std::array<std::uint8_t, 2> how{codec, static_cast<std::uint8_t>(level_)};
  Buffer version;
  Writer{version}.number(compressor_version());
  const ByteView all{record};
  const std::array<ByteView, 4> what{all.first(kRecordPrefix), all.subspan(kRecordFixed, header_size - kRecordFixed),
                                     how, version};
  const Nonce192 nonce = hedged_nonce(keys_.nonce_key(), random_, what);
  std::memcpy(record.data() + kRecordPrefix, nonce.bytes.data(), nonce.bytes.size());

  const std::array<ByteView, 3> aad{all.first(header_size), account_.view(), agent_.view()};
  aead_.seal(nonce, aad, all.subspan(header_size, payload_size), MutableByteView{record}.subspan(header_size));
  return record;
}

}  // namespace farkeep
