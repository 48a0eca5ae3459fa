#include "archive/entry.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "base/limits.hpp"
#include "crypto/digest.hpp"

namespace farkeep {
namespace {

result<void> check_data_ranges(const Entry& e) {
  if (!e.sparse) return e.data.empty() ? result<void>{} : Errc::malformed;
  if (e.data.size() > kMaxDataRanges) return Errc::too_large;
  std::uint64_t end = 0;
  for (const DataRange& r : e.data) {
    if (r.length == 0 || r.offset < end || r.offset > e.size || r.length > e.size - r.offset) return Errc::malformed;
    end = r.offset + r.length;
  }
  return {};
}

result<void> check_content(const Entry& e) {
  if (auto ok = check_data_ranges(e); !ok) return ok;
  const std::uint64_t content = e.content_size();
  if (e.chunks.empty()) {
    if (e.list_depth != 0 || e.inline_content.size() != content) return Errc::malformed;
    return content <= limits::kMaxInline ? result<void>{} : Errc::too_large;
  }
  if (!e.inline_content.empty()) return Errc::malformed;
  if (e.chunks.size() > kMaxEntryRefs || e.list_depth > kMaxListDepth) return Errc::too_large;
  std::uint64_t left = content;
  for (const ChunkRef& c : e.chunks) {
    if (c.size == 0 || c.size > left) return Errc::malformed;
    if (e.list_depth == 0 && c.size > limits::kMaxChunk) return Errc::too_large;
    left -= c.size;
  }
  return left == 0 ? result<void>{} : Errc::malformed;
}

result<void> check_xattrs(const Entry& e) {
  std::size_t bytes = 0;
  for (const Xattr& x : e.xattrs) {
    if (x.name.empty()) return Errc::malformed;
    bytes += x.name.size() + x.value.size();
  }
  return bytes <= limits::kMaxXattrBytes ? result<void>{} : Errc::too_large;
}

// What is far away is written in one way only.
bool is_mtime(std::int64_t ns, std::int64_t far) {
  if (far == 0) return true;
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  const std::int64_t end = (far > 0 ? kLastFarSecond : kFirstFarSecond) * kSecondNs;
  const std::uint64_t beyond = static_cast<std::uint64_t>(ns) - static_cast<std::uint64_t>(end);  // of what lies before it too much for any second
  std::int64_t sum = 0;
  return beyond < static_cast<std::uint64_t>(kSecondNs) && !__builtin_add_overflow(far > 0 ? kLastFarSecond : kFirstFarSecond, far, &sum);
}

bool has_content_fields(const Entry& e) {
  return !e.inline_content.empty() || !e.chunks.empty() || e.list_depth != 0 || e.sparse || !e.data.empty() ||
         e.changed_while_read;
}

}  // namespace

std::uint64_t Entry::content_size() const noexcept {
  if (!sparse) return size;
  std::uint64_t sum = 0;
  for (const DataRange& r : data) sum += r.length;
  return sum;
}

bool same_restored(const Entry& a, const Entry& b) {
  return a.path == b.path && a.kind == b.kind && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid &&
         a.user == b.user && a.group == b.group && a.mtime_ns == b.mtime_ns && a.mtime_far == b.mtime_far && a.xattrs == b.xattrs &&
         a.size == b.size && a.hardlink_group == b.hardlink_group && a.changed_while_read == b.changed_while_read &&
         a.inline_content == b.inline_content && a.chunks == b.chunks && a.list_depth == b.list_depth &&
         a.sparse == b.sparse && a.data == b.data && a.link_target == b.link_target &&
         a.device_major == b.device_major && a.device_minor == b.device_minor;
}

std::optional<Digest> link_identity(const Entry& e) {
  if (e.kind != EntryKind::file || e.hardlink_group == 0) return std::nullopt;
  Buffer all;
  Writer w{all};
  auto const text = [&](ByteView bytes) {
    w.number<std::uint64_t>(bytes.size());
    w.raw(bytes);
  };
  for (std::uint64_t const n : {e.hardlink_group, std::uint64_t{e.mode}, std::uint64_t{e.uid}, std::uint64_t{e.gid}, static_cast<std::uint64_t>(e.mtime_ns), static_cast<std::uint64_t>(e.mtime_far), e.size,
                                std::uint64_t{e.list_depth}, std::uint64_t{e.sparse}, std::uint64_t{e.xattrs.size()}, std::uint64_t{e.data.size()}, std::uint64_t{e.chunks.size()}})
    w.number(n);
  text(as_bytes(e.user));
  text(as_bytes(e.group));
  for (const Xattr& x : e.xattrs) {
    text(as_bytes(x.name));
    text(x.value);
  }
  for (const DataRange& r : e.data) {
    w.number(r.offset);
    w.number(r.length);
  }
  for (const ChunkRef& c : e.chunks) {
    w.raw(c.id.view());
    w.number(c.size);
  }
  w.raw(e.inline_content);
  return sha256(all);
}

result<void> check_entry(const Entry& e) {
  if (e.path.size() > limits::kMaxPath || e.link_target.size() > limits::kMaxPath) return Errc::too_large;
  if (e.user.size() > kMaxOwnerName || e.group.size() > kMaxOwnerName) return Errc::too_large;
  if (!is_valid_path(e.path) || e.mode > 07777) return Errc::malformed;
  if (!is_mtime(e.mtime_ns, e.mtime_far)) return Errc::malformed;
  if (e.kind < EntryKind::file || e.kind > EntryKind::block_device) return Errc::malformed;

  const bool device = e.kind == EntryKind::char_device || e.kind == EntryKind::block_device;
  if (!device && (e.device_major != 0 || e.device_minor != 0)) return Errc::malformed;
  if ((e.kind == EntryKind::symlink) == e.link_target.empty()) return Errc::malformed;
  if (e.kind == EntryKind::file) {
    if (auto ok = check_content(e); !ok) return ok;
  } else if (has_content_fields(e)) {
    return Errc::malformed;
  }
  return check_xattrs(e);
}

std::vector<DataRange> limit_data_ranges(std::vector<DataRange> ranges, std::size_t most) {
  if (ranges.size() <= most) return ranges;
  auto hole_before = [&](std::size_t i) { return ranges[i].offset - (ranges[i - 1].offset + ranges[i - 1].length); };
  std::vector<std::size_t> by_hole(ranges.size() - 1);
  for (std::size_t i = 0; i < by_hole.size(); ++i) by_hole[i] = i + 1;
  // The most - 1 largest holes stay; equal ones in order of their place, so that the same file gives the same ranges.
  std::stable_sort(by_hole.begin(), by_hole.end(), [&](auto a, auto b) { return hole_before(a) > hole_before(b); });
  by_hole.resize(most - 1);
  std::sort(by_hole.begin(), by_hole.end());

  std::vector<DataRange> out;
  std::size_t first = 0;
  auto close = [&](std::size_t last) {
    const std::uint64_t end = ranges[last].offset + ranges[last].length;
    out.push_back({ranges[first].offset, end - ranges[first].offset});
    first = last + 1;
  };
  for (std::size_t next : by_hole) close(next - 1);
  close(ranges.size() - 1);
  return out;
}

}  // namespace farkeep
