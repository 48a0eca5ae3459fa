#include "archive/node_codec.hpp"

#include "archive/node_messages.hpp"
#include "base/check.hpp"
#include "base/limits.hpp"

namespace farkeep {
namespace {

using archive::pb::Node;

result<std::vector<CatalogChild>> decode_inner(Node& node, std::span<const ObjectId> refs) {
  const int n = node.last_path_size();
  if (static_cast<std::size_t>(n) > kMaxNodeElements) return Errc::too_large;
  if (n == 0 || node.entries_below_size() != n || node.bytes_below_size() != n) return Errc::malformed;
  if (refs.size() != static_cast<std::size_t>(n) || !node.kinds().empty() || node.list_size_size() != 0)
    return Errc::malformed;
  std::vector<CatalogChild> out;
  out.reserve(refs.size());
  for (int i = 0; i < n; ++i) {
    const std::string& path = node.last_path(i);
    if (!is_valid_path(path) || (i > 0 && compare_paths(out.back().last_path, path) >= 0)) return Errc::malformed;
    out.push_back({refs[static_cast<std::size_t>(i)], path, node.entries_below(i), node.bytes_below(i)});
  }
  return out;
}

result<std::vector<ChunkRef>> decode_list(Node& node, std::span<const ObjectId> refs) {
  if (refs.size() > kMaxNodeElements) return Errc::too_large;
  if (refs.empty() || static_cast<std::size_t>(node.list_size_size()) != refs.size()) return Errc::malformed;
  if (!node.kinds().empty() || node.last_path_size() != 0) return Errc::malformed;
  std::vector<ChunkRef> out;
  out.reserve(refs.size());
  for (int i = 0; i < node.list_size_size(); ++i) {
    const std::uint64_t size = node.list_size(i);
    if (size == 0) return Errc::malformed;
    if (node.level() == kListLevel && size > limits::kMaxChunk) return Errc::too_large;
    out.push_back({refs[static_cast<std::size_t>(i)], size});
  }
  return out;
}

}  // namespace

Buffer serialized(const google::protobuf::MessageLite& message) {
  Buffer out(message.ByteSizeLong());
  FARKEEP_CHECK(message.SerializeToArray(out.data(), static_cast<int>(out.size())));
  return out;
}

EncodedNode encode_inner(std::uint8_t level, std::span<const CatalogChild> children) {
  FARKEEP_CHECK(level > kLeafLevel && level <= kTopCatalogLevel && !children.empty() &&
                children.size() <= kMaxNodeElements);
  Node node;
  node.set_level(level);
  EncodedNode out;
  out.refs.reserve(children.size());
  for (const CatalogChild& c : children) {
    node.add_last_path(c.last_path);
    node.add_entries_below(c.entries_below);
    node.add_bytes_below(c.bytes_below);
    out.refs.push_back(c.id);
  }
  out.message = serialized(node);
  return out;
}

EncodedNode encode_list(std::uint8_t level, std::span<const ChunkRef> refs) {
  FARKEEP_CHECK(level >= kListLevel && level < kListLevel + kMaxListDepth && !refs.empty() &&
                refs.size() <= kMaxNodeElements);
  Node node;
  node.set_level(level);
  EncodedNode out;
  out.refs.reserve(refs.size());
  for (const ChunkRef& r : refs) {
    node.add_list_size(r.size);
    out.refs.push_back(r.id);
  }
  out.message = serialized(node);
  return out;
}

result<DecodedNode> decode_node(ByteView message, std::span<const ObjectId> refs) {
  if (message.size() > limits::kMaxRecordPlain || refs.size() > limits::kMaxRefsPerRecord) return Errc::too_large;
  Node node;
  if (!node.ParseFromArray(message.data(), static_cast<int>(message.size()))) return Errc::malformed;
  const std::uint32_t level = node.level();
  if (level > kTopCatalogLevel && (level < kListLevel || level >= kListLevel + kMaxListDepth))
    return Errc::unsupported_version;

  DecodedNode out;
  out.level = static_cast<std::uint8_t>(level);
  if (level == kLeafLevel) {
    auto entries = decode_leaf(node, refs);
    if (!entries) return entries.error();
    out.entries = std::move(*entries);
  } else if (level <= kTopCatalogLevel) {
    auto children = decode_inner(node, refs);
    if (!children) return children.error();
    out.children = std::move(*children);
  } else {
    auto list = decode_list(node, refs);
    if (!list) return list.error();
    out.list = std::move(*list);
  }
  return out;
}

}  // namespace farkeep
