#include "vault/segment.hpp"

#include <algorithm>

#include "archive/envelope_record.hpp"
#include "base/codec.hpp"
#include "vault/checksum.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kHeaderMagic = "FKS1", kTrailerMagic = "FKSE";
constexpr std::uint32_t kMixed = 1, kVersion = 2;
constexpr std::uint32_t kPlainLines = 0, kLinesWithBits = 2;  // of the footer
constexpr std::uint8_t kFromPartner = 1;                      // in a line's flags; programs before it do not look at them
constexpr std::size_t kFooterLine = 28;  // without ids
constexpr std::size_t kNotCopied = 64 * 1024;  // below this one write more costs more than the copy

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

// Ids are plain bytes with alignment 1.
std::span<const ObjectId> ids_in(ByteView bytes) {
  static_assert(sizeof(ObjectId) == ObjectId::kSize && alignof(ObjectId) == 1);
  return {reinterpret_cast<const ObjectId*>(bytes.data()), bytes.size() / ObjectId::kSize};
}

void write_frame_header(Buffer& to, const RecordView& record) {
  Writer w{to};
  w.number(static_cast<std::uint32_t>(record.size()));
  checksum_of(record.bytes()).write(w);
}

SegmentEntry entry_of(std::size_t offset, const RecordView& record) {
  SegmentEntry e;
  e.offset = static_cast<std::uint32_t>(offset);
  e.length = static_cast<std::uint32_t>(record.size());
  e.type = record.type();
  e.session = record.session();
  e.ids = record.ids();
  return e;
}

bool same(const SegmentEntry& a, const SegmentEntry& b) {
  return a.offset == b.offset && a.length == b.length && a.type == b.type && a.session == b.session &&
         std::equal(a.ids.begin(), a.ids.end(), b.ids.begin(), b.ids.end());
}

bool belongs(ObjectType type, SegmentContent content) {
  return content == SegmentContent::mixed || (type == ObjectType::node) == (content == SegmentContent::nodes);
}

}  // namespace

Buffer encode(const SegmentHeader& header) {
  Buffer out;
  out.reserve(kSegmentHeader);
  Writer w{out};
  w.raw(as_bytes(kHeaderMagic));
  w.number(header.content == SegmentContent::mixed ? kMixed : kVersion);
  w.raw(header.account.view());
  w.raw(header.agent.view());
  w.number(header.number);
  w.number(header.epoch);
  w.number(static_cast<std::uint8_t>(header.content));
  out.resize(kSegmentHeader - Checksum::kSize);
  checksum_of(out).write(w);
  return out;
}

result<SegmentHeader> parse_segment_header(ByteView bytes) {
  if (bytes.size() < kSegmentHeader) return Errc::damaged;
  bytes = bytes.first(kSegmentHeader);
  Reader r{bytes};
  ByteView magic = r.raw(4);
  auto version = r.number<std::uint32_t>();
  SegmentHeader h;
  h.account = *AccountId::from(r.raw(AccountId::kSize));
  h.agent = *AgentId::from(r.raw(AgentId::kSize));
  h.number = r.number<std::uint64_t>();
  h.epoch = r.number<std::uint64_t>();
  auto content = r.number<std::uint8_t>();
  ByteView zero = r.raw(23);
  if (Checksum::read(r) != checksum_of(bytes.first(kSegmentHeader - Checksum::kSize))) return Errc::damaged;
  bool const known = version == kMixed ? content == 0 : version == kVersion && (content == 1 || content == 2);
  if (as_text(magic) != kHeaderMagic || !known || !all_zero(zero)) return Errc::unsupported_version;
  h.content = static_cast<SegmentContent>(content);
  return h;
}

result<FramedRecords> frame_records(Buffer body) {
  auto records = split_records(body);
  if (!records) return records.error();
  for (const RecordView& record : *records)
    if (record.type() == ObjectType::envelope)
      if (auto envelope = envelope_of(record); !envelope) return envelope.error();
  FramedRecords out;
  if (records->size() == 1 && body.size() >= kNotCopied) {
    write_frame_header(out.head, records->front());
    FramedRecords::Item item;
    item.record = records->front();
    out.items.push_back(item);
    out.bytes = std::move(body);
    return out;
  }
  out.bytes.reserve(body.size() + records->size() * kFrameHeader);
  out.items.reserve(records->size());
  for (const RecordView& record : *records) {
    FramedRecords::Item item;
    item.frame = out.bytes.size();
    write_frame_header(out.bytes, record);
    append(out.bytes, record.bytes());
    // `bytes` has its final capacity: the view stays good.
    auto moved = RecordView::parse(ByteView{out.bytes}.subspan(item.frame + kFrameHeader));
    if (!moved) return moved.error();
    item.record = *moved;
    out.items.push_back(item);
  }
  return out;
}

result<ByteView> open_frame(ByteView bytes) {
  Reader r{bytes};
  auto length = r.number<std::uint32_t>();
  Checksum expected = Checksum::read(r);
  if (!r.ok() || length > limits::kMaxRecord || length > r.left()) return Errc::damaged;
  ByteView record = r.raw(length);
  if (checksum_of(record) != expected) return Errc::damaged;
  return record;
}

void SegmentFooter::add(std::uint32_t offset, const RecordView& record, const std::vector<bool>& counts, bool from_partner) {
  Writer w{bytes_};
  w.number(offset);
  w.number(static_cast<std::uint32_t>(record.size()));
  w.number(static_cast<std::uint8_t>(record.type()));
  w.number(from_partner ? kFromPartner : std::uint8_t{0});
  w.number(static_cast<std::uint16_t>(record.ids().size()));
  w.raw(record.session().view());
  for (const ObjectId& id : record.ids()) w.raw(id.view());
  std::size_t const bits = bytes_.size();
  bytes_.resize(bits + (record.ids().size() + 7) / 8);
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i]) bytes_[bits + i / 8] = static_cast<std::uint8_t>(bytes_[bits + i / 8] | 1u << (i % 8));
  ++records_;
  objects_ += static_cast<std::uint32_t>(record.ids().size());
}

Buffer SegmentFooter::finish(std::uint64_t offset) && {
  std::uint64_t const size = bytes_.size();
  Writer w{bytes_};
  w.raw(as_bytes(kTrailerMagic));
  w.number(records_);
  w.number(objects_);
  w.number(kLinesWithBits);
  w.number(offset);
  w.number(size);
  checksum_of(bytes_).write(w);
  return std::move(bytes_);
}

result<SegmentTrailer> parse_segment_trailer(ByteView bytes, std::uint64_t segment_size) {
  if (bytes.size() != kSegmentTrailer || segment_size < kSegmentHeader + kSegmentTrailer) return Errc::damaged;
  Reader r{bytes};
  if (as_text(r.raw(4)) != kTrailerMagic) return Errc::damaged;
  SegmentTrailer t;
  t.records = r.number<std::uint32_t>();
  r.raw(4);
  t.version = r.number<std::uint32_t>();
  t.footer_offset = r.number<std::uint64_t>();
  t.footer_size = r.number<std::uint64_t>();
  std::uint64_t const between = segment_size - kSegmentTrailer;
  if (t.footer_offset < kSegmentHeader || t.footer_offset > between || t.footer_size != between - t.footer_offset)
    return Errc::damaged;
  return t;
}

result<std::vector<SegmentEntry>> parse_footer(ByteView bytes, const SegmentTrailer& trailer) {
  if (bytes.size() != trailer.footer_size + kSegmentTrailer) return Errc::damaged;
  Reader end{bytes.last(Checksum::kSize)};
  if (checksum_of(bytes.first(bytes.size() - Checksum::kSize)) != Checksum::read(end)) return Errc::damaged;
  if (trailer.version != kPlainLines && trailer.version != kLinesWithBits) return Errc::unsupported_version;
  Reader r{bytes.first(static_cast<std::size_t>(trailer.footer_size))};
  std::vector<SegmentEntry> entries;
  entries.reserve(std::min<std::size_t>(trailer.records, bytes.size() / kFooterLine));
  while (r.ok() && r.left() > 0) {
    SegmentEntry e;
    e.offset = r.number<std::uint32_t>();
    e.length = r.number<std::uint32_t>();
    auto type = r.number<std::uint8_t>();
    auto flags = r.number<std::uint8_t>();
    auto count = r.number<std::uint16_t>();
    auto session = SessionId::from(r.raw(SessionId::kSize));
    e.ids = ids_in(r.raw(count * ObjectId::kSize));
    if (trailer.version == kLinesWithBits) e.counts = r.raw((std::size_t{count} + 7) / 8);
    if (!r.ok() || type < 1 || type > 3 || e.length > limits::kMaxRecord) return Errc::damaged;
    e.type = static_cast<ObjectType>(type);
    e.from_partner = (flags & kFromPartner) != 0;
    e.session = *session;
    entries.push_back(e);
  }
  if (!r.done() || entries.size() != trailer.records) return Errc::damaged;
  return entries;
}

std::vector<SegmentEntry> walk_segment(ByteView segment) {
  std::vector<SegmentEntry> entries;
  std::size_t at = kSegmentHeader;
  while (at < segment.size()) {
    auto record = open_frame(segment.subspan(at));
    if (!record) break;
    auto view = RecordView::parse(*record);
    if (!view || view->size() != record->size()) break;
    entries.push_back(entry_of(at, *view));
    at += kFrameHeader + record->size();
  }
  return entries;
}

// 1. the header is the one we expect  2. frames up to the footer, none damaged  3. the footer says the same
result<void> check_segment(ByteView segment, const SegmentHeader& expected) {
  auto header = parse_segment_header(segment);
  if (!header) return header.error();
  SegmentHeader right = expected;
  right.content = header->content;
  if (!(*header == right)) return Errc::damaged;
  if (segment.size() < kSegmentHeader + kSegmentTrailer) return Errc::damaged;
  auto trailer = parse_segment_trailer(segment.last(kSegmentTrailer), segment.size());
  if (!trailer) return trailer.error();
  auto const footer_at = static_cast<std::size_t>(trailer->footer_offset);
  auto entries = parse_footer(segment.subspan(footer_at), *trailer);
  if (!entries) return entries.error();
  auto walked = walk_segment(segment.first(footer_at));
  std::size_t end = kSegmentHeader;
  for (const SegmentEntry& e : walked) {
    if (!belongs(e.type, header->content)) return Errc::damaged;
    end = e.offset + kFrameHeader + e.length;
  }
  if (end != footer_at || !std::equal(walked.begin(), walked.end(), entries->begin(), entries->end(), same))
    return Errc::damaged;
  return boost::system::in_place_value;
}

}  // namespace farkeep
