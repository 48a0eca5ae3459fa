#include <algorithm>
#include <map>

#include "unit/vault/vault_world.hpp"
#include "vault/complete_nodes.hpp"
#include "vault/index_list.hpp"
#include "vault/index_table.hpp"
#include "vault/layout.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

IndexEntry entry(const ObjectId& id, std::uint32_t n) {
  Place p;
  p.segment = n;
  p.offset = 1000 + n;
  p.length = 0x00abcdef;
  p.ordinal = static_cast<std::uint16_t>(n % 16384);
  p.type = n % 2 ? ObjectType::node : ObjectType::data;
  return IndexEntry{id, p};
}

std::vector<IndexEntry> some(std::size_t count, std::uint64_t from = 0) {
  std::vector<IndexEntry> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(entry(object(from + i), static_cast<std::uint32_t>(i + 1)));
  std::sort(out.begin(), out.end(), [](const IndexEntry& a, const IndexEntry& b) { return a.id < b.id; });
  return out;
}

std::shared_ptr<const IndexTable> write(Disk& disk, const std::string& path, const std::vector<IndexEntry>& entries) {
  disk.make_folders("/i");
  IndexTableWriter w{disk, path, entries.size()};
  for (const IndexEntry& e : entries) w.add(e);
  w.finish();
  return IndexTable::open(disk, path);
}

}  // namespace

TEST_CASE("index table: finds what is in it and nothing else, at every fill of the last block") {
  for (std::size_t count : {1, 2, 63, 64, 65, 128, 129, 5000}) {
    sim::SimDisk disk;
    auto entries = some(count);
    auto table = write(disk, "/i/t", entries);
    CHECK(table->entries() == count);
    IndexTable::Lookup lookup{*table};
    for (const IndexEntry& e : entries) REQUIRE(lookup.find(e.id) == e.place);
    for (std::uint64_t i = 0; i < 3000; ++i) REQUIRE_FALSE(lookup.find(object(1000000 + i)));
    ObjectId low, high;
    high.bytes.fill(0xff);
    CHECK_FALSE(lookup.find(low));
    CHECK_FALSE(lookup.find(high));
    std::size_t at = 0;
    for (IndexTable::Cursor c{*table}; !c.at_end(); c.next(), ++at) {
      REQUIRE(c.entry().id == entries[at].id);
      REQUIRE(c.entry().place == entries[at].place);
    }
    CHECK(at == count);
  }
}

TEST_CASE("index table: the filter spares nearly all reads for absent ids") {
  sim::SimDisk disk;
  auto table = write(disk, "/i/t", some(20000));
  std::size_t taken = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) taken += table->may_have(object(5000000 + i));
  CHECK(taken < 20000 * 2 / 100);
}

TEST_CASE("index table: ids that share their first bytes fill many blocks and are found") {
  sim::SimDisk disk;
  std::vector<IndexEntry> entries;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    ObjectId id = object(i);
    if (i >= 20 && i < 980) std::fill(id.bytes.begin(), id.bytes.begin() + 8, std::uint8_t{0x77});
    entries.push_back(entry(id, i + 1));
  }
  std::sort(entries.begin(), entries.end(), [](const IndexEntry& a, const IndexEntry& b) { return a.id < b.id; });
  auto table = write(disk, "/i/t", entries);
  IndexTable::Lookup lookup{*table};
  for (const IndexEntry& e : entries) REQUIRE(lookup.find(e.id) == e.place);
  ObjectId absent = object(55555);
  std::fill(absent.bytes.begin(), absent.bytes.begin() + 8, std::uint8_t{0x77});
  CHECK_FALSE(lookup.find(absent));
}

TEST_CASE("index table: a flipped bit anywhere is found before it misleads") {
  sim::SimDisk disk;
  auto entries = some(130);
  write(disk, "/i/t", entries);
  const Buffer good = disk.content("/i/t");
  for (std::size_t i = 0; i < good.size(); ++i) {
    INFO("byte " << i);
    Buffer bad = good;
    bad[i] ^= 0x10;
    disk.set_content("/i/t", bad);
    bool found = false;
    try {
      auto table = IndexTable::open(disk, "/i/t");
      IndexTable::Lookup lookup{*table};
      for (const IndexEntry& e : entries) {
        auto place = lookup.find(e.id);
        REQUIRE(place == e.place);
      }
    } catch (const failure& f) {
      REQUIRE(classify(f.code()) == Errc::damaged);
      found = true;
    }
    REQUIRE(found);
  }
  for (std::size_t size = 0; size < good.size(); size += 13) {
    disk.set_content("/i/t", Buffer(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK_THROWS_AS(IndexTable::open(disk, "/i/t"), failure);
  }
}

TEST_CASE("index table: the copies of an id are found in their order, wherever its block ends") {
  for (std::size_t before = 60; before <= 66; ++before) {
    sim::SimDisk disk;
    auto ids = some(200);
    std::vector<IndexEntry> entries;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      entries.push_back(ids[i]);
      for (std::uint32_t k = 1; i == before && k < kMostCopies; ++k) {
        entries.push_back(ids[i]);
        entries.back().place.segment += 1000 * k;
      }
    }
    auto table = write(disk, "/i/t", entries);
    IndexTable::Lookup lookup{*table};
    for (const IndexEntry& e : ids) REQUIRE(lookup.find(e.id) == e.place);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      std::vector<Place> copies;
      lookup.copies(ids[i].id, copies);
      REQUIRE(copies.size() == (i == before ? kMostCopies : 1));
      for (std::uint32_t k = 0; k < copies.size(); ++k) REQUIRE(copies[k].segment == ids[i].place.segment + 1000 * k);
    }
    std::vector<Place> none;
    lookup.copies(object(1000000), none);
    CHECK(none.empty());
  }
}

TEST_CASE("index table: merging keeps all ids, and of two copies the older one first, unless the other counts over it") {
  sim::SimDisk disk;
  auto a = some(500), b = some(500, 400);  // 100 in common
  for (IndexEntry& e : b) e.place.segment += 10000;
  auto c = some(50, 0);
  for (IndexEntry& e : c) {
    e.place.segment += 20000;
    e.place.counts = e.place.segment % 2 == 0;
  }
  std::vector<std::shared_ptr<const IndexTable>> tables{write(disk, "/i/a", a), write(disk, "/i/b", b), write(disk, "/i/c", c)};
  std::atomic<bool> stop{false};
  REQUIRE(merge_tables(disk, tables, "/i/m", stop));
  auto merged = IndexTable::open(disk, "/i/m");
  CHECK(merged->entries() == 1050);
  IndexTable::Lookup lookup{*merged};
  std::map<ObjectId, Place> first;
  for (const auto* part : {&a, &b, &c})
    for (const IndexEntry& e : *part) {
      auto [at, fresh] = first.emplace(e.id, e.place);
      if (!fresh && e.place.counts) at->second = e.place;
    }
  REQUIRE(first.size() == 900);
  for (const auto& [id, place] : first) REQUIRE(lookup.find(id) == place);
  std::vector<Place> copies;
  lookup.copies(object(3), copies);
  REQUIRE(copies.size() == 2);
  CHECK(copies[0].segment == 20004);
  CHECK(copies[1].segment == 4);
}

TEST_CASE("index table: a merge that is told to stop leaves nothing") {
  sim::SimDisk disk;
  std::vector<std::shared_ptr<const IndexTable>> tables{write(disk, "/i/a", some(9000))};
  std::atomic<bool> stop{true};
  CHECK_FALSE(merge_tables(disk, tables, "/i/m", stop));
  CHECK_FALSE(disk.exists("/i/m"));
}

TEST_CASE("index list: comes back, and nothing else does") {
  IndexList list;
  list.owner.account.bytes.fill(3);
  list.next_segment = 9;
  list.cover = cover_of({{1, 100}, {4, 200}, {8, 300}}, 4);
  list.tables = {5, 7};
  Buffer bytes = encode(list);
  auto back = parse_index_list(bytes);
  REQUIRE(ok(back));
  CHECK(back->owner == list.owner);
  CHECK(back->cover == list.cover);
  CHECK(back->tables == list.tables);
  CHECK(back->next_segment == 9);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Buffer bad = bytes;
    bad[i] ^= 1;
    CHECK_FALSE(ok(parse_index_list(bad)));
    CHECK_FALSE(ok(parse_index_list(ByteView{bytes}.first(i))));
  }
}

TEST_CASE("index list: the cover notices a segment that is gone, new below, or of another size") {
  SegmentCover cover = cover_of({{1, 100}, {4, 200}}, 4);
  CHECK(cover == cover_of({{1, 100}, {4, 200}, {5, 300}}, 4));
  CHECK_FALSE(cover == cover_of({{1, 100}}, 4));
  CHECK_FALSE(cover == cover_of({{1, 100}, {2, 5}, {4, 200}}, 4));
  CHECK_FALSE(cover == cover_of({{1, 100}, {4, 201}}, 4));
  CHECK_FALSE(cover == cover_of({{2, 100}, {4, 200}}, 4));
}

TEST_CASE("complete nodes: kept for their owner, empty for anybody else or when damaged") {
  IndexOwner owner, other;
  other.store.bytes.fill(1);
  CompleteNodes nodes;
  std::vector<NodeKey> keys;
  for (std::uint32_t i = 1; i < 6; ++i) keys.push_back(NodeKey{entry(object(i), i).place});
  const auto some = [&](std::initializer_list<std::size_t> which) {
    NodeSet set;
    for (std::size_t i : which) set.insert(keys[i]);
    return set;
  };
  nodes.add(some({1, 3}));
  nodes.add(some({0, 1, 4}));
  CHECK(nodes.size() == 4);
  CHECK(nodes.contains(keys[0]));
  CHECK_FALSE(nodes.contains(keys[2]));
  CHECK(nodes.highest_segment() == 5);
  Buffer bytes = nodes.encode(owner);
  CHECK(CompleteNodes::parse(bytes, owner).size() == 4);
  CHECK(CompleteNodes::parse(bytes, owner).contains(keys[4]));
  CHECK(CompleteNodes::parse(bytes, other).size() == 0);
  bytes[60] ^= 1;
  CHECK(CompleteNodes::parse(bytes, owner).size() == 0);
}

TEST_CASE("node set: says of each node whether it is in, however many came and in which order, and costs what its records cost") {
  NodeSet set;
  std::set<NodeKey> model;
  std::mt19937 engine{7};
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  std::size_t unlike = 0;
  for (int i = 0; i < 200000; ++i) {
    NodeKey key;
    key.segment = random() % 50;
    key.offset = 4096 * (random() % 20);
    key.ordinal = static_cast<std::uint16_t>(random() % 16384);
    unlike += set.insert(key) != model.insert(key).second;
  }
  CHECK(unlike == 0);
  CHECK(set.size() == model.size());
  CHECK(set.group_count() <= 50 * 20 * 256);
  std::size_t wrong = 0;
  for (int i = 0; i < 100000; ++i) {
    NodeKey key;
    key.segment = random() % 51;
    key.offset = 4096 * (random() % 21);
    key.ordinal = static_cast<std::uint16_t>(random() % 16384);
    wrong += set.contains(key) != model.contains(key);
  }
  CHECK(wrong == 0);
  NodeSet more;
  NodeKey last;
  last.segment = 77;
  more.insert(last);
  more.insert(*model.begin());
  set.add(std::move(more));
  CHECK(set.size() == model.size() + 1);
  CHECK(set.highest_segment() == 77);
  set.erase(last);
  CHECK_FALSE(set.contains(last));
  CHECK(set.size() == model.size());
  auto const& groups = set.groups();
  CHECK(std::is_sorted(groups.begin(), groups.end()));
}

TEST_CASE("layout: numbers come back from names, and only from ours") {
  VaultLayout l{AccountId{}, AgentId{}};
  CHECK(VaultLayout::number_of(l.segment(0xabc)) == 0xabcu);
  CHECK(VaultLayout::number_of(l.snapshot(~std::uint64_t{0})) == ~std::uint64_t{0});
  CHECK_FALSE(VaultLayout::number_of("seg/12"));
  CHECK_FALSE(VaultLayout::number_of("seg/000000000000000G"));
  CHECK_FALSE(VaultLayout::number_of("seg/00000000000000AB"));
}
