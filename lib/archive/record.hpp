#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "archive/record_layout.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "base/limits.hpp"
#include "crypto/aead.hpp"
#include "crypto/keyring.hpp"

namespace farkeep {

/// The outside of a record (FORMAT.md §2): what a server, which has no key, can read and check.
///
/// Everything here is total: any bytes in, a value or one of malformed, unsupported_version and too_large out.  Nothing
/// is allocated before every length is checked.

/// The size that `size` is padded to: it tells O(log log size) bits of it (Padmé; Nikitin et al., PETS 2019).
constexpr std::size_t padme(std::size_t size) {
  if (size < 2) return size;
  const auto e = static_cast<unsigned>(std::bit_width(size) - 1);
  const auto s = static_cast<unsigned>(std::bit_width(e));
  const std::size_t mask = (std::size_t{1} << (e - s)) - 1;
  return (size + mask) & ~mask;
}

/// The sizes of a record, from its first kRecordPrefix bytes: enough to step over it.
struct RecordPrefix {
  ObjectType type = ObjectType::data;
  SessionId session;
  std::size_t count = 0;
  std::size_t ref_count = 0;
  std::size_t header_size = 0;
  std::size_t sealed_size = 0;

  std::size_t size() const noexcept { return header_size + sealed_size; }
};
result<RecordPrefix> parse_record_prefix(ByteView bytes);

/// A checked view of one whole record in bytes that somebody else owns.  Copying it copies a few pointers.
class RecordView {
 public:
  /// The record that `bytes` begin with; more may follow it.
  static result<RecordView> parse(ByteView bytes);

  ObjectType type() const noexcept { return prefix_.type; }
  const SessionId& session() const noexcept { return prefix_.session; }
  Nonce192 nonce() const;
  /// At least one.
  std::span<const ObjectId> ids() const noexcept { return ids_; }
  const ObjectId& id(std::size_t i) const { return ids_[i]; }
  /// All references, object by object; empty unless type() is node.
  std::span<const ObjectId> refs() const noexcept { return refs_; }
  /// Those of object i.  Costs i steps: use for_each_object() to visit all.
  std::span<const ObjectId> refs(std::size_t i) const;
  /// visit(const ObjectId& id, std::span<const ObjectId> refs) for each object, in order.
  template <class Visit>
  void for_each_object(Visit&& visit) const {
    std::size_t at = 0;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      const std::size_t n = refs_of(i);
      visit(ids_[i], refs_.subspan(at, n));
      at += n;
    }
  }

  std::size_t size() const noexcept { return bytes_.size(); }
  ByteView bytes() const noexcept { return bytes_; }
  ByteView header() const noexcept { return bytes_.first(prefix_.header_size); }
  ByteView sealed() const noexcept { return bytes_.subspan(prefix_.header_size); }

 private:
  std::size_t refs_of(std::size_t i) const;

  ByteView bytes_;
  RecordPrefix prefix_;
  std::span<const ObjectId> ids_, refs_;
  ByteView refs_of_;
};

/// Whole records, one after the other, and nothing behind them.
result<std::vector<RecordView>> split_records(ByteView bytes);

/// A record's header with its own copy of everything: for reading headers without the sealed part.
struct RecordHeader {
  ObjectType type = ObjectType::data;
  SessionId session;
  Nonce192 nonce;
  std::vector<ObjectId> ids;
  std::vector<std::uint32_t> refs_of;  ///< one per id; empty unless type is node
  std::vector<ObjectId> refs;
  std::size_t sealed_size = 0;
  std::size_t header_size = 0;
};
/// From bytes that hold the header at least.
result<RecordHeader> parse_record_header(ByteView bytes);

}  // namespace farkeep
