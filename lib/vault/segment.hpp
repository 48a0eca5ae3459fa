#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "archive/record.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"

namespace farkeep {

/// The bytes of a segment (LOCKING.md §2).  Pure; parsers take any bytes.  Written is version 2 only; version 1 is read for ever.

inline constexpr std::size_t kSegmentHeader = 96;
inline constexpr std::size_t kFrameHeader = 20;
inline constexpr std::size_t kSegmentTrailer = 48;

/// What a segment holds.  Mixed: as in version 1.
enum class SegmentContent : std::uint8_t { mixed = 0, data = 1, nodes = 2 };

struct SegmentHeader {
  AccountId account;
  AgentId agent;
  std::uint64_t number = 0;
  std::uint64_t epoch = 0;
  SegmentContent content = SegmentContent::mixed;
  bool operator==(const SegmentHeader&) const = default;
};
Buffer encode(const SegmentHeader& header);
result<SegmentHeader> parse_segment_header(ByteView bytes);

/// One record's line in the footer.  `ids` point into the bytes it was read from.
struct SegmentEntry {
  std::uint32_t offset = 0;  ///< of its frame
  std::uint32_t length = 0;  ///< of the record
  ObjectType type = ObjectType::data;
  SessionId session;
  std::span<const ObjectId> ids;
  bool from_partner = false;
  ByteView counts;  ///< a bit an id, least significant first: this copy counts over earlier ones; empty: nothing is known of it

  bool counts_over(std::size_t i) const noexcept { return i / 8 < counts.size() && (counts[i / 8] >> (i % 8) & 1) != 0; }
};

/// Records as they will lie in a segment: each behind its frame header.
struct FramedRecords {
  struct Item {
    std::size_t frame = 0;  ///< where its frame begins in `head` ‖ `bytes`
    RecordView record;      ///< a view into `bytes`
    bool kept = true;       ///< else it is not written
    std::vector<bool> counts{};  ///< of its ids: the bits of the footer; empty: none is set
    bool from_partner = false;
  };
  Buffer head;  ///< the frame header of a large record that came alone, which stays where it lies; otherwise empty
  Buffer bytes;
  std::vector<Item> items;
};
/// Checks and frames a body of whole records: their form, and that an envelope has its session's id.
result<FramedRecords> frame_records(Buffer body);
/// The record in a frame that begins `bytes`; more may follow.  damaged when length or checksum do not fit.
result<ByteView> open_frame(ByteView bytes);

/// Gathers the footer while a segment is written.
class SegmentFooter {
 public:
  /// `counts`: of its ids; empty: none is set.
  void add(std::uint32_t offset, const RecordView& record, const std::vector<bool>& counts, bool from_partner = false);
  /// Footer and trailer.  `offset`: where the footer will begin.
  Buffer finish(std::uint64_t offset) &&;
  std::uint32_t objects() const noexcept { return objects_; }

 private:
  Buffer bytes_;
  std::uint32_t records_ = 0, objects_ = 0;
};

/// Where the footer lies, from the segment's last kSegmentTrailer bytes.  Not to be believed before parse_footer().
struct SegmentTrailer {
  std::uint32_t records = 0, version = 0;
  std::uint64_t footer_offset = 0, footer_size = 0;
};
result<SegmentTrailer> parse_segment_trailer(ByteView bytes, std::uint64_t segment_size);
/// `bytes`: footer and trailer.  damaged; unsupported_version for a whole one of a later format.
result<std::vector<SegmentEntry>> parse_footer(ByteView bytes, const SegmentTrailer& trailer);

/// What a segment without a good footer still holds: its valid frames from the front.
std::vector<SegmentEntry> walk_segment(ByteView segment);

/// Everything about a segment's bytes: header, every frame, footer and trailer, and that they agree; which content is expected is the header's to say.
result<void> check_segment(ByteView segment, const SegmentHeader& expected);

}  // namespace farkeep
