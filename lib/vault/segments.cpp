#include "vault/segments.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kWindow = std::size_t{1} << 20;  // a Got frame's worth
constexpr std::uint64_t kGap = 64 * 1024;              // reading this much in vain costs less than asking again
constexpr std::size_t kFooterGuess = 64 * 1024;        // holds the footer of a segment of large records

struct FooterRead {
  std::vector<IndexEntry> entries;
  std::uint64_t need = 0;  // not enough bytes: this many from the end
};

// `tail`: the segment's last bytes.
result<FooterRead> read_footer(SegmentInfo segment, Buffer tail) {
  FooterRead out;
  if (tail.size() < kSegmentTrailer) return Errc::damaged;
  auto trailer = parse_segment_trailer(ByteView{tail}.last(kSegmentTrailer), segment.size);
  if (!trailer) return trailer.error();
  std::uint64_t const need = trailer->footer_size + kSegmentTrailer;
  if (need > tail.size()) {
    out.need = need;
    return out;
  }
  auto entries = parse_footer(ByteView{tail}.last(static_cast<std::size_t>(need)), *trailer);
  if (!entries) return entries.error();
  out.entries = index_entries(segment.number, *entries);
  return out;
}

std::vector<IndexEntry> read_frames(SegmentInfo segment, Buffer whole) {
  return index_entries(segment.number, walk_segment(whole));
}

WindowContent open_window(ReadWindow window, Buffer bytes) {
  WindowContent out;
  std::size_t kept = 0;
  for (const Place& p : window.places) {
    std::size_t const at = std::min<std::size_t>(p.offset - window.offset, bytes.size());
    auto record = open_frame(ByteView{bytes}.subspan(at));
    if (!record || record->size() != p.length) {
      out.damaged.push_back(p);
      continue;
    }
    // In place: what is kept lies before what is still to be read.
    std::memmove(bytes.data() + kept, record->data(), record->size());
    kept += p.length;
    out.good.push_back(p);
  }
  bytes.resize(kept);
  out.records = std::move(bytes);
  return out;
}

}  // namespace

std::vector<IndexEntry> index_entries(std::uint32_t segment, const std::vector<SegmentEntry>& entries) {
  std::vector<IndexEntry> out;
  std::size_t count = 0;
  for (const SegmentEntry& e : entries) count += e.ids.size();
  out.reserve(count);
  for (const SegmentEntry& e : entries) {
    for (std::size_t i = 0; i < e.ids.size(); ++i) {
      Place p{segment, e.offset, e.length, static_cast<std::uint16_t>(i), e.type, e.counts_over(i), e.from_partner};
      out.push_back(IndexEntry{e.ids[i], p});
    }
  }
  return out;
}

std::vector<ReadWindow> plan_reads(const std::vector<Place>& copies) {
  std::vector<ReadWindow> windows;
  for (const Place& p : copies) {
    std::uint64_t const end = std::uint64_t{p.offset} + kFrameHeader + p.length;
    if (!windows.empty()) {
      ReadWindow& w = windows.back();
      if (w.segment == p.segment && p.offset <= w.offset + w.size + kGap && end - w.offset <= kWindow) {
        w.size = static_cast<std::size_t>(end - w.offset);
        w.places.push_back(p);
        continue;
      }
    }
    ReadWindow w;
    w.segment = p.segment;
    w.offset = p.offset;
    w.size = static_cast<std::size_t>(end - p.offset);
    w.places.push_back(p);
    windows.push_back(std::move(w));
  }
  return windows;
}

task<std::vector<SegmentInfo>> Segments::list() {
  std::vector<SegmentInfo> found;
  auto objects = co_await store_.list(layout_.segments());
  for (const ObjectInfo& object : objects) {
    auto number = VaultLayout::number_of(object.name);
    if (number && *number < kSegmentNumbers) {
      found.push_back(SegmentInfo{static_cast<std::uint32_t>(*number), object.size});
    } else {
      log_warning("an object among the segments is not one: {}", object.name);
    }
  }
  co_return found;
}

task<std::vector<IndexEntry>> Segments::entries(SegmentInfo segment) {
  const std::string name = layout_.segment(segment.number);
  std::uint64_t want = std::min<std::uint64_t>(segment.size, kFooterGuess);
  for (int attempt = 0; attempt < 2; ++attempt) {
    Buffer tail = co_await store_.get_range(name, segment.size - want, static_cast<std::size_t>(want));
    auto footer = co_await workers_.offload(&read_footer, segment, std::move(tail));
    if (!footer && classify(footer.error()) == Errc::unsupported_version) throw failure(footer.error(), "reading " + name);
    if (!footer) break;
    if (footer->need == 0) co_return std::move(footer->entries);
    want = footer->need;
  }
  log_error("{}: the footer is damaged; taking what its frames hold", name);
  auto whole = co_await store_.get(name);
  if (!whole) co_return std::vector<IndexEntry>{};
  co_return co_await workers_.offload(&read_frames, segment, std::move(*whole));
}

task<WindowContent> Segments::read(ReadWindow window) {
  Buffer bytes;
  bool absent = false;
  try {
    bytes = co_await store_.get_range(layout_.segment(window.segment), window.offset, window.size);
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::not_found) throw;
    absent = true;
  }
  if (absent) bytes.clear();
  co_return co_await workers_.offload(&open_window, std::move(window), std::move(bytes));
}

}  // namespace farkeep
