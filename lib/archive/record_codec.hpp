#pragma once

#include <span>
#include <vector>

#include "archive/compression.hpp"
#include "archive/record.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "crypto/aead.hpp"
#include "crypto/keyring.hpp"
#include "crypto/random.hpp"

namespace farkeep {

/// A chunk to be sealed; its id is KeyRing::object_id(ObjectType::data, bytes).
struct ChunkPlain {
  ObjectId id;
  ByteView bytes;
};

/// A node to be sealed; its id is node_id(message, refs).
struct NodePlain {
  ObjectId id;
  ByteView message;
  std::span<const ObjectId> refs;
};

/// A node as its builder hands it over.
struct NodePlainOwned {
  ObjectId id;
  Buffer message;
  std::vector<ObjectId> refs;

  NodePlain view() const { return {id, message, refs}; }
  /// What it adds to a record, before compression.
  std::size_t size() const { return message.size() + (refs.size() + 1) * ObjectId::kSize; }
};

/// Makes records (FORMAT.md §2) under one session key.
///
/// Who calls decides what goes together: best about limits::kSolidTarget of plaintext, at most limits::kMaxRecordPlain,
/// kMaxChunksPerRecord and kMaxRefsPerRecord (checked: exceeding them is a bug).  All calls may be made by several
/// threads at once, if `random` may; each thread keeps a compressor and about 3 MiB of buffers.
class RecordSealer {
 public:
  /// `keys` and `random` outlive the sealer.
  RecordSealer(const SecretKey& session_key, const SessionId& session, const KeyRing& keys, const AccountId& account,
               const AgentId& agent, Random& random, CompressionLevel level = CompressionLevel::automatic);

  Buffer seal_chunks(std::span<const ChunkPlain> chunks) const;
  Buffer seal_nodes(std::span<const NodePlain> nodes) const;

 private:
  Buffer seal(Buffer header, std::span<const ByteView> objects) const;

  XAes256Gcm aead_;
  SessionId session_;
  const KeyRing& keys_;
  AccountId account_;
  AgentId agent_;
  Random& random_;
  CompressionLevel level_;
};

/// What a record held.  Moved, never copied: the objects are views of what it owns.
class OpenedRecord {
 public:
  struct Object {
    ObjectId id;
    ByteView bytes;                  ///< a chunk's content, a node's message
    std::span<const ObjectId> refs;  ///< a node's
  };

  OpenedRecord(OpenedRecord&&) = default;
  OpenedRecord& operator=(OpenedRecord&&) = default;
  OpenedRecord(const OpenedRecord&) = delete;
  OpenedRecord& operator=(const OpenedRecord&) = delete;

  ObjectType type() const noexcept { return type_; }
  const std::vector<Object>& objects() const noexcept { return objects_; }
  /// Null when the record does not hold it.
  const Object* find(const ObjectId& id) const;

 private:
  friend class RecordOpener;
  OpenedRecord() = default;

  ObjectType type_ = ObjectType::data;
  Buffer bytes_;
  std::vector<ObjectId> refs_;
  std::vector<Object> objects_;
};

/// Opens the records of one session.  May be used by several threads at once.
class RecordOpener {
 public:
  /// `keys` outlives the opener.
  RecordOpener(const SecretKey& session_key, const KeyRing& keys, const AccountId& account, const AgentId& agent);

  /// Besides what RecordView::parse() refuses: `damaged` when a byte is not what was sealed, or for another session,
  /// account or agent; `too_large` and `malformed` for a payload that breaks its own sizes; `id_mismatch` when an
  /// object is not what its id promises.  Never allocates more than limits::kMaxRecordPlain for content.
  result<OpenedRecord> open(ByteView record) const;
  result<OpenedRecord> open(const RecordView& record) const;

 private:
  XAes256Gcm aead_;
  const KeyRing& keys_;
  AccountId account_;
  AgentId agent_;
};

}  // namespace farkeep
