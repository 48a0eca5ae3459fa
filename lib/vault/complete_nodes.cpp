#include "vault/complete_nodes.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {
constexpr std::string_view kNodesMagic = "FKN1";
constexpr std::uint32_t kNodesVersion = 2;  // 1 listed each node, in 10 bytes
constexpr std::size_t kGroupSize = 18;
}  // namespace

void CompleteNodes::add(NodeSet more) {
  if (nodes_.group_count() + more.group_count() > kMostGroups) {
    log_warning("{} catalog nodes or records are not remembered as complete: there are too many already", more.size());
    return;
  }
  nodes_.add(std::move(more));
}

Buffer CompleteNodes::encode(const IndexOwner& owner) {
  auto const& groups = nodes_.groups();
  Buffer out;
  out.reserve(96 + groups.size() * kGroupSize);
  Writer w{out};
  w.raw(as_bytes(kNodesMagic));
  w.number(kNodesVersion);
  w.raw(owner.store.view());
  w.raw(owner.account.view());
  w.raw(owner.agent.view());
  w.number(std::uint64_t{groups.size()});
  for (const NodeGroup& g : groups) {
    w.number(g.segment);
    w.number(g.offset);
    w.number(g.group);
    w.number(g.bits);
  }
  checksum_of(out).write(w);
  return out;
}

CompleteNodes CompleteNodes::parse(ByteView bytes, const IndexOwner& owner) {
  if (bytes.size() < Checksum::kSize) return {};
  Reader end{bytes.last(Checksum::kSize)};
  bytes = bytes.first(bytes.size() - Checksum::kSize);
  if (checksum_of(bytes) != Checksum::read(end)) return {};
  Reader r{bytes};
  bool const ours = as_text(r.raw(4)) == kNodesMagic && r.number<std::uint32_t>() == kNodesVersion;
  IndexOwner written;
  for (MutableByteView part : {MutableByteView{written.store.bytes}, MutableByteView{written.account.bytes}, MutableByteView{written.agent.bytes}}) {
    ByteView read = r.raw(part.size());
    std::copy(read.begin(), read.end(), part.begin());
  }
  auto count = r.number<std::uint64_t>();
  if (!r.ok() || !ours || !(written == owner) || r.left() / kGroupSize != count || count > kMostGroups) return {};
  CompleteNodes out;
  for (std::uint64_t i = 0; i < count; ++i) {
    NodeGroup g;
    g.segment = r.number<std::uint32_t>();
    g.offset = r.number<std::uint32_t>();
    g.group = r.number<std::uint16_t>();
    g.bits = r.number<std::uint64_t>();
    if (!out.nodes_.append(g)) return {};
  }
  if (!r.done()) return {};
  return out;
}

}  // namespace farkeep
