#include "vault/index_list.hpp"

#include "base/codec.hpp"

namespace farkeep {
namespace {
constexpr std::string_view kListMagic = "FKX1";
constexpr std::uint32_t kListVersion = 1;
constexpr std::uint32_t kMostTables = 256;
}  // namespace

SegmentCover cover_of(const std::vector<SegmentInfo>& segments, std::uint32_t highest) {
  SegmentCover cover;
  Buffer all;
  Writer w{all};
  for (const SegmentInfo& s : segments) {
    if (s.number > highest) break;
    w.number(s.number);
    w.number(s.size);
    ++cover.count;
    cover.highest = s.number;
  }
  cover.checksum = checksum_of(all);
  return cover;
}

Buffer encode(const IndexList& list) {
  Buffer out;
  Writer w{out};
  w.raw(as_bytes(kListMagic));
  w.number(kListVersion);
  w.raw(list.owner.store.view());
  w.raw(list.owner.account.view());
  w.raw(list.owner.agent.view());
  w.number(list.next_segment);
  w.number(list.cover.count);
  w.number(list.cover.highest);
  list.cover.checksum.write(w);
  w.number(static_cast<std::uint32_t>(list.tables.size()));
  for (std::uint64_t table : list.tables) w.number(table);
  checksum_of(out).write(w);
  return out;
}

result<IndexList> parse_index_list(ByteView bytes) {
  if (bytes.size() < Checksum::kSize) return Errc::damaged;
  Reader end{bytes.last(Checksum::kSize)};
  bytes = bytes.first(bytes.size() - Checksum::kSize);
  if (checksum_of(bytes) != Checksum::read(end)) return Errc::damaged;
  Reader r{bytes};
  if (as_text(r.raw(4)) != kListMagic || r.number<std::uint32_t>() != kListVersion) return Errc::unsupported_version;
  IndexList list;
  auto store = StoreId::from(r.raw(StoreId::kSize));
  auto account = AccountId::from(r.raw(AccountId::kSize));
  auto agent = AgentId::from(r.raw(AgentId::kSize));
  list.next_segment = r.number<std::uint32_t>();
  list.cover.count = r.number<std::uint64_t>();
  list.cover.highest = r.number<std::uint32_t>();
  list.cover.checksum = Checksum::read(r);
  auto tables = r.number<std::uint32_t>();
  if (!r.ok() || tables > kMostTables) return Errc::damaged;
  list.owner = IndexOwner{*store, *account, *agent};
  for (std::uint32_t i = 0; i < tables; ++i) list.tables.push_back(r.number<std::uint64_t>());
  if (!r.done()) return Errc::damaged;
  return list;
}

}  // namespace farkeep
