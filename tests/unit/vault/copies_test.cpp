#include "vault/copies.hpp"

#include <algorithm>
#include <random>

#include "unit/vault/vault_world.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

Place copy(std::uint32_t segment, bool counts) {
  Place p;
  p.segment = segment;
  p.counts = counts;
  return p;
}

/// Junk that says it holds some ids; `salt` makes it another record.
Buffer junk(const std::vector<ObjectId>& ids, std::size_t salt, ObjectType type = ObjectType::data) {
  std::vector<Made> objects;
  for (const ObjectId& id : ids) objects.push_back(Made{id, {}});
  return record(type, objects, 40 + salt);
}

struct History {
  World w;
  SmallSnapshot one{100, 1, Digest{}};
  std::vector<ObjectId> data, nodes;

  History() {
    w.open();
    std::vector<Buffer> records{envelope()};
    records.insert(records.end(), one.records.begin(), one.records.end());
    w.put(records);
    REQUIRE(w.commit(one.manifest).receipt);
    for (const Buffer& r : one.records) {
      auto const view = RecordView::parse(r);
      (view->type() == ObjectType::node ? nodes : data).push_back(view->id(0));
    }
  }
  /// All ids of history again, each kind beside a fresh one.
  void overwrite(std::uint64_t fresh) {
    std::vector<ObjectId> d = data, n = nodes;
    d.push_back(object(fresh));
    n.push_back(object(fresh + 1));
    w.put({junk(d, fresh % 50), junk(n, fresh % 50, ObjectType::node)});
    REQUIRE(w.has(object(fresh)));
    REQUIRE(w.has(object(fresh + 1)));
  }
  bool is_whole() {
    for (const Buffer& r : one.records)
      if (w.get({RecordView::parse(r)->id(0)}).records != std::vector<Buffer>{r}) return false;
    return true;
  }
  std::string segment(std::uint32_t number) { return "/store/" + VaultLayout{w.account, w.agent}.segment(number) + ".obj"; }
  void flip(std::uint32_t number, std::size_t at) {
    Buffer bytes = w.disk.content(segment(number));
    bytes[at] ^= 1;
    w.disk.set_content(segment(number), bytes);
  }
};

std::vector<Digest> digests(const std::vector<Buffer>& records) {
  std::vector<Digest> out;
  for (const Buffer& r : records) out.push_back(sha256(r));
  return out;
}

struct Others {
  std::vector<Buffer> records;
  Vault::OtherCopies answer;
};
Others others(World& w, const std::vector<ObjectId>& ids, const std::vector<Buffer>& not_these) {
  Others out;
  auto sink = [&](Buffer records) -> task<void> {
    auto views = split_records(records);
    REQUIRE(ok(views));
    for (const RecordView& v : *views) out.records.push_back(to_buffer(v.bytes()));
    co_return;
  };
  out.answer = w.run(w.vault->get_others(ids, digests(not_these), sink));
  return out;
}

}  // namespace

TEST_CASE("copies: the last that counts over earlier ones comes first, else the oldest; the others by age") {
  std::vector<Place> places{copy(5, false), copy(2, false), copy(9, false)};
  put_in_order(places);
  CHECK(places == std::vector<Place>{copy(2, false), copy(5, false), copy(9, false)});
  places = {copy(1, true), copy(5, false), copy(7, true), copy(9, false), copy(7, true)};
  put_in_order(places);
  CHECK(places == std::vector<Place>{copy(7, true), copy(1, true), copy(5, false), copy(9, false)});
}

TEST_CASE("copies: it does not matter in which parts, one after the other, copies are put in order") {
  std::mt19937 rng{3};
  for (int round = 0; round < 3000; ++round) {
    std::vector<Place> all;
    auto const count = static_cast<std::uint32_t>(1 + rng() % 24);
    bool const with_partner = rng() % 2 == 0;
    for (std::uint32_t i = 1; i <= count; ++i) {
      all.push_back(copy(i, rng() % 4 == 0));
      all.back().from_partner = with_partner && rng() % 5 == 0;
    }
    std::vector<Place> parts, part;
    for (const Place& p : all) {
      part.push_back(p);
      if (rng() % 3) continue;
      put_in_order(part);
      parts.insert(parts.end(), part.begin(), part.end());
      part.clear();
      if (rng() % 2) put_in_order(parts);
    }
    parts.insert(parts.end(), part.begin(), part.end());
    put_in_order(parts);
    put_in_order(all);
    REQUIRE(parts == all);
    REQUIRE(all.size() <= kMostCopies);
  }
}

TEST_CASE("copies: of too many, the oldest and the newest that the partner sent have places of their own") {
  std::vector<Place> places;
  for (std::uint32_t i = 1; i <= 30; ++i) {
    places.push_back(copy(i, i == 1));
    places.back().from_partner = i == 12 || i == 14 || i == 16;
  }
  put_in_order(places);
  std::vector<std::uint32_t> segments;
  for (const Place& p : places) segments.push_back(p.segment);
  CHECK(segments == std::vector<std::uint32_t>{1, 2, 3, 4, 12, 16, 29, 30});
}

TEST_CASE("copies: whose a copy is, is known after a restart, without the cache, and after tables are written and merged") {
  World w;
  w.settings.segment_target = 1 << 20;
  w.open();
  w.put({envelope(), junk({object(1)}, 1)});
  w.run(w.vault->put(chunk(1), Room{}, Vault::Haste::none, Vault::Origin::partner_further));
  w.run(w.vault->put(chunk(2), Room{}, Vault::Haste::none, Vault::Origin::partner));
  auto const claim = [](const Buffer& record) { return RecordClaim{RecordView::parse(record)->id(0), sha256(record), static_cast<std::uint32_t>(record.size())}; };
  std::vector<RecordClaim> const claims{claim(chunk(1)), claim(junk({object(1)}, 1)), claim(junk({object(1)}, 2)), claim(chunk(2)), claim(chunk(3))};
  std::uint64_t next = 1000000;
  for (int round = 0; round < 10; ++round) {
    CHECK(w.run(w.vault->same(claims)) == std::vector<bool>{true, true, false, true, false});
    auto const places = w.run(w.vault->serving({object(1), object(2)}));
    CHECK_FALSE(places[0]->from_partner);
    CHECK(places[1]->from_partner);
    if (round == 9) break;
    for (int i = 0; i < 3; ++i) {  // enough for a table
      std::vector<Made> objects;
      for (int k = 0; k < 16000; ++k) objects.push_back(Made{object(next++), {}});
      w.put({record(ObjectType::data, objects)});
    }
    w.close();
    if (round % 3 == 2) w.disk.remove_tree("/cache");
    w.open();
  }
}

TEST_CASE("copies: what is on its way to the disk is compared when it is there") {
  World w;
  w.settings.segment_target = 1 << 20;
  w.open();
  w.put_later({envelope(), chunk(1)});
  CHECK_FALSE(w.put_results[0]);
  std::vector<RecordClaim> const claims{RecordClaim{object(1), sha256(chunk(1)), static_cast<std::uint32_t>(chunk(1).size())}};
  CHECK(w.run(w.vault->same(claims)) == std::vector<bool>{true});
  w.settle();
  CHECK(w.put_results[0] == Errc{});
}

TEST_CASE("copies: what is known to be at the partner is kept between runs, and void with the index") {
  World w;
  w.open();
  w.put({envelope(), record(ObjectType::data, {Made{object(1), {}}, Made{object(2), {}}}), record(ObjectType::node, {Made{object(3), {}}, Made{object(4), {}}})});
  auto const place = [&](std::uint64_t n) { return *w.run(w.vault->serving({object(n)}))[0]; };
  NodeSet known;
  known.insert(Vault::partner_key(place(2)));
  known.insert(Vault::partner_key(place(4)));
  w.run(w.vault->note_at_partner(std::move(known)));
  for (bool rebuilt : {false, false, true}) {
    if (rebuilt) {
      w.close();
      w.disk.remove_tree("/cache");
      w.open();
    }
    CHECK(w.vault->is_at_partner(place(1)) == !rebuilt);  // in the same record as 2
    CHECK(w.vault->is_at_partner(place(2)) == !rebuilt);
    CHECK_FALSE(w.vault->is_at_partner(place(3)));  // a node is not its neighbour
    CHECK(w.vault->is_at_partner(place(4)) == !rebuilt);
    if (!rebuilt) w.reopen();
  }
}

TEST_CASE("copies: tiny records that the partner has, however many an agent made, cost what their bytes cost; none is taken for another") {
  NodeSet known;
  Place place;
  place.segment = 7;
  place.type = ObjectType::data;
  place.length = 88;
  constexpr std::uint32_t kRecords = 20000, kApart = kFrameHeader + 88;
  for (std::uint32_t i = 0; i < kRecords; ++i) {
    place.offset = kSegmentHeader + i * kApart;
    REQUIRE(known.insert(Vault::partner_key(place)));
  }
  CHECK(known.size() == kRecords);
  CHECK(known.group_count() <= kRecords * kApart / 4096 + 2);
  place.type = ObjectType::node;
  for (std::uint32_t i = 0; i < kRecords; ++i) {
    place.offset = kSegmentHeader + i * kApart;
    for (std::uint16_t const ordinal : std::initializer_list<std::uint16_t>{0, 1, 63, 64, 16383}) {
      place.ordinal = ordinal;
      REQUIRE_FALSE(known.contains(Vault::partner_key(place)));
    }
  }
}

TEST_CASE("copies: what the partner sends again, of several under one id, is not kept twice") {
  World w;
  w.open();
  w.put({envelope(), chunk(1)});
  auto const send = [&](std::size_t salt, Vault::Origin origin) {
    w.run(w.vault->put(junk({object(1)}, salt), Room{}, Vault::Haste::none, origin));
    w.settle();
  };
  for (std::size_t salt = 1; salt <= 4; ++salt) send(salt, Vault::Origin::partner);
  auto const stored = w.vault->stored_bytes();
  for (std::size_t salt = 1; salt <= 4; ++salt) send(salt, Vault::Origin::partner);
  CHECK(w.vault->stored_bytes() == stored);
  // But a server that held it against what is here, and found that it has no place of its own, gives it one.
  auto const again = junk({object(1)}, 2);
  std::vector<RecordClaim> const claims{RecordClaim{object(1), sha256(again), static_cast<std::uint32_t>(again.size())}};
  CHECK(w.run(w.vault->same(claims)) == std::vector<bool>{false});
  send(2, Vault::Origin::partner_further);
  CHECK(w.run(w.vault->same(claims)) == std::vector<bool>{true});
}

TEST_CASE("copies: a catalog of the partner's holds whether its nodes are the newest or the oldest of what it sent") {
  auto const bad = [](std::uint64_t salt) { return record(ObjectType::node, {Made{object(100), {object(9000 + salt)}}}, 40 + salt); };
  SmallSnapshot const s{100, 1, Digest{}};
  bool const newest = GENERATE(true, false);
  World w;
  w.open();
  w.put({envelope(), bad(1)});
  auto const send = [&](Buffer records) { w.run(w.vault->put(std::move(records), Room{}, Vault::Haste::none, Vault::Origin::partner)); };
  send(join({s.records[0], s.records[1], s.records[2], s.records[3]}));
  if (newest) send(bad(2));
  send(s.records[4]);
  if (!newest) send(bad(2));
  CHECK(w.commit(s.manifest, true).receipt);
}

TEST_CASE("copies: junk that a partner's thief put beside a catalog does not hide from its agent what is missing") {
  SmallSnapshot const s{100, 1, Digest{}};
  auto const root = RecordView::parse(s.records.back())->id(0);
  auto const lacked = RecordView::parse(s.records.front())->id(0);
  auto const junk_root = GENERATE_COPY(record(ObjectType::data, {Made{root, {}}}, 70), record(ObjectType::node, {Made{root, {object(9999)}}}, 70));
  World w;
  w.open();
  w.put({envelope()});
  for (std::size_t i = 1; i < s.records.size(); ++i) w.put({s.records[i]});
  w.run(w.vault->put(Buffer(junk_root), Room{}, Vault::Haste::none, Vault::Origin::partner));
  auto const refused = w.commit(s.manifest);
  CHECK_FALSE(refused.receipt);
  CHECK(refused.missing == std::vector<ObjectId>{lacked});
  w.put({s.records.front()});
  CHECK(w.commit(s.manifest).receipt);
}

TEST_CASE("copies: a further copy of the partner counts against the quota") {
  World w;
  w.open();
  w.put({envelope(), chunk(1)});
  w.vault->set_quota(w.vault->stored_bytes());
  CHECK(w.error_of(w.vault->put(junk({object(1)}, 5), Room{}, Vault::Haste::none, Vault::Origin::partner_further)) == Errc::quota);
  w.vault->set_quota(0);
  CHECK(w.error_of(w.vault->put(junk({object(1)}, 5), Room{}, Vault::Haste::none, Vault::Origin::partner_further)) == Errc{});
}

TEST_CASE("copies: junk under known ids beside a fresh one does not count, at once, after a restart, without the cache") {
  History h;
  h.overwrite(5000);
  CHECK(h.is_whole());
  h.w.reopen();
  CHECK(h.is_whole());
  h.w.close();
  h.w.disk.remove_tree("/cache");
  h.w.open();
  CHECK(h.is_whole());
  SmallSnapshot two{100, 2, h.one.manifest.digest()};  // the same content: walked anew, for the index is
  CHECK(h.w.commit(two.manifest).receipt);
}

TEST_CASE("copies: junk in the same body, and in a segment that is not durable yet, does not count") {
  World w;
  w.open();
  w.put_later({envelope(), chunk(1), junk({object(1), object(2)}, 1)});
  w.put_later({junk({object(1), object(2), object(3)}, 2)});
  w.run(w.vault->flush());
  for (int round = 0; round < 2; ++round) {
    CHECK(w.get({object(1)}).records == std::vector<Buffer>{chunk(1)});
    CHECK(w.get({object(2)}).records == std::vector<Buffer>{junk({object(1), object(2)}, 1)});
    w.close();
    w.disk.remove_tree("/cache");
    w.open();
  }
}

TEST_CASE("copies: junk in a newer table does not count, before and after tables are merged") {
  World w;
  w.settings.segment_target = 1 << 20;
  w.open();
  w.put({envelope(), chunk(1), node(2, {1})});
  std::uint64_t next = 1000000;
  auto fill = [&] {  // enough for a table
    for (int i = 0; i < 3; ++i) {
      std::vector<Made> objects;
      for (int k = 0; k < 16000; ++k) objects.push_back(Made{object(next++), {}});
      w.put({record(ObjectType::data, objects)});
    }
  };
  for (std::uint64_t round = 0; round < 12; ++round) {
    fill();
    w.put({junk({object(1), object(500 + round)}, round), junk({object(2), object(600 + round)}, round, ObjectType::node)});
    REQUIRE(w.get({object(1)}).records == std::vector<Buffer>{chunk(1)});
    REQUIRE(w.get({object(2)}).records == std::vector<Buffer>{node(2, {1})});
  }
  w.reopen();
  CHECK(w.get({object(1)}).records == std::vector<Buffer>{chunk(1)});
  CHECK(w.get({object(2)}).records == std::vector<Buffer>{node(2, {1})});
}

TEST_CASE("copies: while the copy that counts is damaged the next one serves, for get, have and commit") {
  History h;
  h.overwrite(5000);
  h.flip(1, kSegmentHeader + kFrameHeader + envelope().size() + kFrameHeader + 70);  // in the first chunk
  h.flip(2, kSegmentHeader + kFrameHeader + 70);                                     // in the leaf
  auto const got = h.w.get({h.data[0], h.nodes[0]});
  CHECK(got.missing.empty());
  REQUIRE(got.records.size() == 2);
  CHECK(RecordView::parse(got.records[0])->ids().size() == 4);  // the other copy, whatever it is
  CHECK(h.w.has(h.data[0]));
  CHECK(h.w.get({h.data[1]}).records == std::vector<Buffer>{h.one.records[1]});
  SmallSnapshot two{100, 2, h.one.manifest.digest()};
  CHECK(h.w.commit(two.manifest).receipt);
}

TEST_CASE("copies: a commit that meets a damaged node goes on with its next copy") {
  History h;
  h.w.put({node(300, {101, 777})});  // 101: the leaf of the first snapshot
  h.w.put({junk({object(101), object(5000)}, 1, ObjectType::node), chunk(777)});
  h.w.close();
  h.w.disk.remove_tree("/cache");
  h.flip(2, kSegmentHeader + kFrameHeader + 70);
  h.w.open();
  FakeManifest two;
  two.sequence = 2;
  two.previous = h.one.manifest.digest();
  two.root = object(300);
  CHECK(h.w.commit(two).receipt);
}

TEST_CASE("copies: what is sent again because it was known to be damaged counts, also for an index made anew") {
  History h;
  std::size_t const in_first_chunk = kSegmentHeader + kFrameHeader + envelope().size() + kFrameHeader + 70;
  h.flip(1, in_first_chunk);
  CHECK(h.w.get({h.data[0]}).missing.size() == 1);
  h.w.put({h.one.records[0]});
  CHECK(h.is_whole());
  h.flip(1, in_first_chunk);  // whole again: the later copy counts all the same, for the footer says so
  for (bool without_cache : {false, true}) {
    h.w.close();
    if (without_cache) h.w.disk.remove_tree("/cache");
    h.w.open();
    CHECK(h.is_whole());
    auto const found = others(h.w, {h.data[0]}, {});
    CHECK(found.records.size() == 1);
    // Taken from where it was sent again: its own segment is the only one that is read.
    h.flip(3, kSegmentHeader + kFrameHeader + 70);
    CHECK(h.is_whole());  // and the old one serves when that is damaged
    h.flip(3, kSegmentHeader + kFrameHeader + 70);
  }
}

TEST_CASE("copies: whoever could not use a copy gets the next one, then a spare is taken in, and not more than one") {
  World w;
  w.open();
  Buffer const first = chunk(1), second = junk({object(1), object(2)}, 1), spare = junk({object(1)}, 9), more = junk({object(1)}, 10);
  w.put({envelope(), first, second});
  auto got = others(w, {object(1)}, {first});
  CHECK(got.records == std::vector<Buffer>{second});
  CHECK(got.answer.missing.empty());
  CHECK(got.answer.reported == std::vector<ObjectId>{object(1)});
  CHECK(w.has(object(1)));
  w.put({spare});  // nobody is out of copies: dropped
  CHECK(others(w, {object(1)}, {first, second}).answer.missing == std::vector<ObjectId>{object(1)});
  CHECK_FALSE(w.has(object(1)));
  w.reopen();
  CHECK_FALSE(w.has(object(1)));  // the report is durable
  CHECK(w.get({object(1)}).records == std::vector<Buffer>{first});
  w.put({spare});
  CHECK(w.has(object(1)));
  w.put({more});  // dropped
  for (bool without_cache : {false, true}) {
    CHECK(w.get({object(1)}).records == std::vector<Buffer>{first});
    CHECK(others(w, {object(1)}, {first, second}).records == std::vector<Buffer>{spare});
    CHECK(others(w, {object(1)}, {second, spare}).records == std::vector<Buffer>{first});
    w.close();
    if (without_cache) w.disk.remove_tree("/cache");
    w.open();
    CHECK(w.has(object(1)));
  }
}

TEST_CASE("copies: nothing is reported of records that are not here, and a report costs a bounded number of objects") {
  World w;
  w.open();
  w.put({envelope(), chunk(1), chunk(2)});
  auto const stranger = others(w, {object(1), object(3)}, {chunk(7)});
  CHECK(stranger.records == std::vector<Buffer>{chunk(1)});
  CHECK(stranger.answer.reported.empty());
  CHECK(stranger.answer.missing == std::vector<ObjectId>{object(3)});
  for (std::uint64_t i = 0; i < 100; ++i) {
    w.put({chunk(1000 + i)});
    others(w, {object(1000 + i)}, {chunk(1000 + i)});
    others(w, {object(1000 + i)}, {chunk(1000 + i)});
  }
  CHECK(w.run(w.store->list(VaultLayout{w.account, w.agent}.reports())).size() == ReportedIds::kMostReports);
  CHECK_FALSE(w.has(object(1000)));
  CHECK(w.has(object(1099)));
  CHECK(w.error_of(w.vault->get_others(std::vector<ObjectId>(limits::kIdsOfOtherCopies + 1), {}, nullptr)) == Errc::too_large);
  CHECK(w.error_of(w.vault->get_others({object(1)}, std::vector<Digest>(limits::kNotThese + 1), nullptr)) == Errc::too_large);
}

TEST_CASE("copies: a spare counts against the quota") {
  World w;
  w.open();
  w.put({envelope(), chunk(1)});
  others(w, {object(1)}, {chunk(1)});
  w.vault->set_quota(w.vault->stored_bytes());
  CHECK(w.error_of(w.vault->put(junk({object(1)}, 5))) == Errc::quota);
}

TEST_CASE("lanes: nodes lie in segments of their own, behind the data that came before them") {
  World w;
  w.settings.segment_target = 1 << 20;
  w.open();
  w.put_later({envelope(), node(1, {2}), chunk(2), node(3, {1}), chunk(4)});
  w.put_later({node(5, {3})});
  w.put_later({chunk(6)});
  w.run(w.vault->flush());
  w.settle();
  for (auto& r : w.put_results) CHECK(r == Errc{});
  const VaultLayout layout{w.account, w.agent};
  auto const content = [&](std::uint32_t n) {
    Buffer const bytes = w.disk.content("/store/" + layout.segment(n) + ".obj");
    auto const header = parse_segment_header(bytes);
    REQUIRE(ok(header));
    REQUIRE(ok(check_segment(bytes, *header)));
    return header->content;
  };
  CHECK(w.run(w.store->list(layout.segments())).size() == 2);
  CHECK(content(1) == SegmentContent::data);
  CHECK(content(2) == SegmentContent::nodes);
  CHECK(w.get({object(1), object(2), object(3), object(4), object(5), object(6)}).records ==
        std::vector<Buffer>{chunk(2), chunk(4), chunk(6), node(1, {2}), node(3, {1}), node(5, {3})});
}

TEST_CASE("lanes: a large record of nodes that came alone, and nodes that are old, go the same way") {
  World w;
  w.settings.segment_target = 16 << 20;
  w.open();
  std::vector<ObjectId> refs;
  for (std::uint64_t i = 0; i < 3000; ++i) refs.push_back(object(i + 10));
  Buffer const large = record(ObjectType::node, {Made{object(1), refs}});
  REQUIRE(large.size() > 64 * 1024);
  w.put({envelope()});
  auto const start = w.timers.now();
  w.put_later({large});
  CHECK_FALSE(w.put_results[1]);
  sim::run_until(w.io, w.timers, [&] { return w.put_results[1].has_value(); });
  CHECK(w.put_results[1] == Errc{});
  CHECK(w.timers.now() - start == w.settings.segment_age);
  CHECK(w.get({object(1)}).records == std::vector<Buffer>{large});
}

TEST_CASE("lanes: nodes fail with the segment of data that they were gathered beside, and can be sent again") {
  World w;
  w.settings.segment_target = 1 << 20;
  w.open();
  w.put({envelope()});
  w.put_later({node(1, {2})});
  w.disk.fail_after(0, Errc::no_space, true);
  w.put_later({chunk(2)});
  w.run(w.vault->flush());  // nothing is left of them
  w.settle();
  w.disk.heal();
  CHECK(w.put_results[1] == Errc::no_space);
  CHECK(w.put_results[2] == Errc::no_space);
  CHECK_FALSE(w.has(object(1)));
  CHECK_FALSE(w.has(object(2)));
  w.put({node(1, {2}), chunk(2)});
  CHECK(w.get({object(1), object(2)}).records.size() == 2);
}
