#include "vault/complete_nodes.hpp"

#include <algorithm>

#include "base/codec.hpp"

namespace farkeep {
namespace {
constexpr std::string_view kMagic = "FKN1";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kKeySize = 10;
}  // namespace

bool CompleteNodes::contains(const NodeKey& key) const { return std::binary_search(nodes_.begin(), nodes_.end(), key); }

void CompleteNodes::add(const std::vector<NodeKey>& more) {
  auto const old = static_cast<std::ptrdiff_t>(nodes_.size());
  nodes_.insert(nodes_.end(), more.begin(), more.end());
  std::inplace_merge(nodes_.begin(), nodes_.begin() + old, nodes_.end());
  nodes_.erase(std::unique(nodes_.begin(), nodes_.end()), nodes_.end());
}

Buffer CompleteNodes::encode(const IndexOwner& owner) const {
  Buffer out;
  out.reserve(80 + nodes_.size() * kKeySize);
  Writer w{out};
  w.raw(as_bytes(kMagic));
  w.number(kVersion);
  w.raw(owner.store.view());
  w.raw(owner.account.view());
  w.raw(owner.agent.view());
  w.number(std::uint64_t{nodes_.size()});
  for (const NodeKey& k : nodes_) {
    w.number(k.segment);
    w.number(k.offset);
    w.number(k.ordinal);
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
  bool const ours = as_text(r.raw(4)) == kMagic && r.number<std::uint32_t>() == kVersion;
  IndexOwner written;
  for (MutableByteView part : {MutableByteView{written.store.bytes}, MutableByteView{written.account.bytes}, MutableByteView{written.agent.bytes}}) {
    ByteView read = r.raw(part.size());
    std::copy(read.begin(), read.end(), part.begin());
  }
  auto count = r.number<std::uint64_t>();
  if (!r.ok() || !ours || !(written == owner) || r.left() / kKeySize != count) return {};
  CompleteNodes out;
  out.nodes_.resize(static_cast<std::size_t>(count));
  for (NodeKey& k : out.nodes_) {
    k.segment = r.number<std::uint32_t>();
    k.offset = r.number<std::uint32_t>();
    k.ordinal = r.number<std::uint16_t>();
  }
  if (!r.done() || !std::is_sorted(out.nodes_.begin(), out.nodes_.end())) return {};
  return out;
}

}  // namespace farkeep
