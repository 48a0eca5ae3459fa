#include <utility>

#include "archive/node_codec.hpp"
#include "archive/node_messages.hpp"
#include "base/limits.hpp"

namespace farkeep {
namespace {

using archive::pb::Extra;
using archive::pb::Node;

// Reads the columns of a leaf side by side.  Column lengths are checked before the first entry, the elements that say
// how much of another column belongs to an entry as they are met.
class LeafDecoder {
 public:
  LeafDecoder(Node& node, std::span<const ObjectId> refs) : node_(node), refs_(refs) {}
  result<std::vector<Entry>> decode();

 private:
  bool columns_fit() const;
  result<void> next(Entry& e);
  bool read_path(std::string& path);
  bool read_file(Entry& e);
  bool read_content(Entry& e, std::size_t count);
  bool read_extra(Entry& e);
  bool all_used() const;

  Node& node_;
  std::span<const ObjectId> refs_;
  int entry_ = 0, file_ = 0, extra_ = 0, chunk_size_ = 0;
  std::size_t name_ = 0, ref_ = 0, inline_ = 0;
  std::string path_;  // of the previous entry
  std::uint64_t mtime_ = 0, ctime_ = 0, inode_ = 0;
};

// False beyond 1677 … 2262, or when the nanoseconds are more than a second.
bool join_time(std::uint64_t seconds, std::uint32_t nanoseconds, std::int64_t& out) {
  const auto s = static_cast<std::int64_t>(seconds);
  if (nanoseconds >= kSecond || s > 9'223'372'036 || s < -9'223'372'037) return false;
  if (s == -9'223'372'037) {  // the product alone would not fit
    constexpr std::uint32_t kFirst = 145'224'192;
    if (nanoseconds < kFirst) return false;
    out = INT64_MIN + static_cast<std::int64_t>(nanoseconds - kFirst);
    return true;
  }
  if (s == 9'223'372'036 && nanoseconds > 854'775'807) return false;
  out = s * kSecond + static_cast<std::int64_t>(nanoseconds);
  return true;
}

bool LeafDecoder::columns_fit() const {
  const int n = static_cast<int>(node_.kinds().size());
  int files = 0;
  for (char k : node_.kinds()) files += k == static_cast<char>(EntryKind::file);
  return node_.shared_size() == n && node_.suffix_size() == n && node_.modes_size() == n && node_.owner_size() == n &&
         node_.mtime_size() == n && node_.mtime_ns_size() == n && node_.size_size() == files &&
         node_.ctime_size() == files && node_.ctime_ns_size() == files && node_.inode_size() == files &&
         node_.chunks_size() == files && node_.last_path_size() == 0 && node_.entries_below_size() == 0 &&
         node_.bytes_below_size() == 0 && node_.list_size_size() == 0;
}

result<std::vector<Entry>> LeafDecoder::decode() {
  if (node_.kinds().size() > kMaxNodeElements) return Errc::too_large;
  if (!columns_fit()) return Errc::malformed;
  std::vector<Entry> out(node_.kinds().size());
  for (Entry& e : out) {
    if (auto ok = next(e); !ok) return ok.error();
  }
  if (!all_used()) return Errc::malformed;
  return out;
}

result<void> LeafDecoder::next(Entry& e) {
  if (!read_path(e.path)) return Errc::malformed;
  e.kind = static_cast<EntryKind>(node_.kinds()[static_cast<std::size_t>(entry_)]);
  e.mode = node_.modes(entry_);
  if (node_.owner(entry_) >= static_cast<std::uint32_t>(node_.owners_size())) return Errc::malformed;
  const auto& owner = node_.owners(static_cast<int>(node_.owner(entry_)));
  e.uid = owner.uid();
  e.gid = owner.gid();
  e.user = owner.user();
  e.group = owner.group();
  mtime_ += static_cast<std::uint64_t>(node_.mtime(entry_));
  if (!join_time(mtime_, node_.mtime_ns(entry_), e.mtime_ns)) return Errc::malformed;

  if (!read_extra(e)) return Errc::malformed;
  if (e.kind == EntryKind::file && !read_file(e)) return Errc::malformed;
  ++entry_;
  return check_entry(e);
}

// Strictly ascending; what two neighbours share need not be compared.
bool LeafDecoder::read_path(std::string& path) {
  const std::size_t shared = node_.shared(entry_), suffix = node_.suffix(entry_);
  if (shared > path_.size() || suffix > node_.names().size() - name_ || shared + suffix > limits::kMaxPath)
    return false;
  const std::string_view tail = std::string_view{node_.names()}.substr(name_, suffix);
  if (entry_ > 0 && compare_paths(std::string_view{path_}.substr(shared), tail) >= 0) return false;
  path_.resize(shared);
  path_.append(tail);
  name_ += suffix;
  path = path_;
  return true;
}

bool LeafDecoder::read_extra(Entry& e) {
  if (extra_ == node_.extra_size() || node_.extra(extra_).entry() != static_cast<std::uint32_t>(entry_)) return true;
  Extra& x = *node_.mutable_extra(extra_++);
  if (x.data_offset_size() != x.data_length_size() || x.list_depth() > kMaxListDepth) return false;
  e.link_target = std::move(*x.mutable_link_target());
  e.device_major = x.device_major();
  e.device_minor = x.device_minor();
  for (const auto& a : x.xattr()) e.xattrs.push_back({a.name(), to_buffer(as_bytes(a.value()))});
  e.hardlink_group = x.hardlink_group();
  e.sparse = x.sparse();
  for (int i = 0; i < x.data_offset_size(); ++i) e.data.push_back({x.data_offset(i), x.data_length(i)});
  e.changed_while_read = x.changed_while_read();
  e.list_depth = static_cast<std::uint8_t>(x.list_depth());
  e.mtime_far = x.mtime_far();
  return true;
}

bool LeafDecoder::read_file(Entry& e) {
  e.size = node_.size(file_);
  ctime_ += static_cast<std::uint64_t>(node_.ctime(file_));
  if (!join_time(ctime_, node_.ctime_ns(file_), e.ctime_ns)) return false;
  inode_ += static_cast<std::uint64_t>(node_.inode(file_));
  e.inode = inode_;
  return read_content(e, node_.chunks(file_++));
}

// The last reference's size is what the others leave of the content; check_entry() sees to it that this makes sense.
bool LeafDecoder::read_content(Entry& e, std::size_t count) {
  std::uint64_t left = e.content_size();
  if (count == 0) {
    if (left > limits::kMaxInline || left > node_.inline_content().size() - inline_) return false;
    const ByteView content = as_bytes(node_.inline_content()).subspan(inline_, static_cast<std::size_t>(left));
    inline_ += content.size();
    e.inline_content = to_buffer(content);
    return true;
  }
  if (count > refs_.size() - ref_ || count - 1 > static_cast<std::size_t>(node_.chunk_size_size() - chunk_size_))
    return false;
  e.chunks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t size = i + 1 < count ? node_.chunk_size(chunk_size_++) : left;
    if (size > left) return false;
    left -= size;
    e.chunks.push_back({refs_[ref_++], size});
  }
  return true;
}

bool LeafDecoder::all_used() const {
  return name_ == node_.names().size() && ref_ == refs_.size() && inline_ == node_.inline_content().size() &&
         chunk_size_ == node_.chunk_size_size() && extra_ == node_.extra_size();
}

}  // namespace

result<std::vector<Entry>> decode_leaf(Node& node, std::span<const ObjectId> refs) {
  return LeafDecoder{node, refs}.decode();
}

}  // namespace farkeep
