#include <algorithm>
#include <utility>

#include "archive/node_codec.hpp"
#include "archive/node_messages.hpp"
#include "base/check.hpp"

namespace farkeep {

// Columns are appended to as entries come; those that hold differences remember the previous value.
struct LeafEncoder::Columns {
  archive::pb::Node node;
  std::vector<ObjectId> refs;
  std::string previous_path;
  std::int64_t previous_mtime = 0, previous_ctime = 0;
  std::uint64_t previous_inode = 0;

  void add_path(const std::string& path);
  std::uint32_t owner_of(const Entry& e);
  void add_file(const Entry& e);
  void add_extra(const Entry& e, std::size_t index);
};

namespace {

constexpr std::size_t kBaseWeight = 64;  // of an entry's fixed columns and bookkeeping

std::size_t weight_of(const Entry& e) {
  std::size_t weight = kBaseWeight + e.path.size() + e.link_target.size() + e.inline_content.size() +
                       e.chunks.size() * ObjectId::kSize + e.data.size() * sizeof(DataRange);
  for (const Xattr& x : e.xattrs) weight += x.name.size() + x.value.size();
  return weight;
}

bool needs_extra(const Entry& e) {
  return !e.link_target.empty() || e.device_major != 0 || e.device_minor != 0 || !e.xattrs.empty() ||
         e.hardlink_group != 0 || e.sparse || e.changed_while_read || e.list_depth != 0 || e.mtime_far != 0;
}

// The difference as the column keeps it; wraps around, as the reader does.
std::int64_t step(std::uint64_t& previous, std::uint64_t now) {
  return static_cast<std::int64_t>(now - std::exchange(previous, now));
}

}  // namespace

LeafEncoder::LeafEncoder() : columns_(std::make_unique<Columns>()) {}
LeafEncoder::LeafEncoder(LeafEncoder&&) noexcept = default;
LeafEncoder::~LeafEncoder() = default;

void LeafEncoder::add(const Entry& e) {
  Columns& c = *columns_;
  archive::pb::Node& n = c.node;
  c.add_path(e.path);
  n.mutable_kinds()->push_back(static_cast<char>(e.kind));
  n.add_modes(e.mode);
  n.add_owner(c.owner_of(e));
  const SplitTime mtime = split_time(e.mtime_ns);
  n.add_mtime(mtime.seconds - std::exchange(c.previous_mtime, mtime.seconds));
  n.add_mtime_ns(mtime.nanoseconds);
  if (e.kind == EntryKind::file) c.add_file(e);
  if (needs_extra(e)) c.add_extra(e, entries_);
  ++entries_;
  weight_ += weight_of(e);
}

void LeafEncoder::Columns::add_path(const std::string& path) {
  const std::size_t most = std::min(path.size(), previous_path.size());
  const auto differs =
      std::mismatch(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(most), previous_path.begin()).first;
  const auto shared = static_cast<std::size_t>(differs - path.begin());
  node.add_shared(static_cast<std::uint32_t>(shared));
  node.add_suffix(static_cast<std::uint32_t>(path.size() - shared));
  node.mutable_names()->append(path, shared, std::string::npos);
  previous_path.resize(shared);
  previous_path.append(path, shared, std::string::npos);
}

std::uint32_t LeafEncoder::Columns::owner_of(const Entry& e) {
  const auto& owners = node.owners();
  for (int i = 0; i < owners.size(); ++i) {
    const auto& o = owners.Get(i);
    if (o.uid() == e.uid && o.gid() == e.gid && o.user() == e.user && o.group() == e.group)
      return static_cast<std::uint32_t>(i);
  }
  auto* o = node.add_owners();
  o->set_uid(e.uid);
  o->set_gid(e.gid);
  o->set_user(e.user);
  o->set_group(e.group);
  return static_cast<std::uint32_t>(owners.size() - 1);
}

void LeafEncoder::Columns::add_file(const Entry& e) {
  node.add_size(e.size);
  const SplitTime ctime = split_time(e.ctime_ns);
  node.add_ctime(ctime.seconds - std::exchange(previous_ctime, ctime.seconds));
  node.add_ctime_ns(ctime.nanoseconds);
  node.add_inode(step(previous_inode, e.inode));
  node.add_chunks(static_cast<std::uint32_t>(e.chunks.size()));
  for (std::size_t i = 0; i < e.chunks.size(); ++i) {
    refs.push_back(e.chunks[i].id);
    if (i + 1 < e.chunks.size()) node.add_chunk_size(e.chunks[i].size);
  }
  node.mutable_inline_content()->append(as_text(e.inline_content));
}

void LeafEncoder::Columns::add_extra(const Entry& e, std::size_t index) {
  auto* x = node.add_extra();
  x->set_entry(static_cast<std::uint32_t>(index));
  x->set_link_target(e.link_target);
  x->set_device_major(e.device_major);
  x->set_device_minor(e.device_minor);
  for (const Xattr& a : e.xattrs) {
    auto* to = x->add_xattr();
    to->set_name(a.name);
    to->set_value(to_string(a.value));
  }
  x->set_hardlink_group(e.hardlink_group);
  x->set_sparse(e.sparse);
  for (const DataRange& r : e.data) {
    x->add_data_offset(r.offset);
    x->add_data_length(r.length);
  }
  x->set_changed_while_read(e.changed_while_read);
  x->set_list_depth(e.list_depth);
  x->set_mtime_far(e.mtime_far);
}

EncodedNode LeafEncoder::finish() {
  Columns& c = *columns_;
  EncodedNode out{serialized(c.node), std::move(c.refs)};
  c.node.Clear();  // keeps its memory
  c.refs = {};
  c.previous_path.clear();
  c.previous_mtime = c.previous_ctime = 0;
  c.previous_inode = 0;
  entries_ = weight_ = 0;
  return out;
}

}  // namespace farkeep
