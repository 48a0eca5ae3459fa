#include "unit/vault/vault_world.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

struct Rotten {
  World w;
  SmallSnapshot one{100, 1, Digest{}};
  std::string segment, nodes, snapshot;

  Rotten() {
    w.open();
    std::vector<Buffer> records{envelope()};
    records.insert(records.end(), one.records.begin(), one.records.end());
    w.put(records);
    REQUIRE(w.commit(one.manifest).receipt);
    const std::string top = "/store/v/" + w.account.hex() + "/" + w.agent.hex();
    segment = top + "/seg/0000000000000001.obj";
    nodes = top + "/seg/0000000000000002.obj";
    snapshot = top + "/snap/0000000000000001.obj";
  }

  /// Nothing wrong is ever handed out; true when all is still there.
  bool nothing_wrong() {
    bool all = true;
    for (const Buffer& r : one.records) {
      auto got = w.get({RecordView::parse(r)->id(0)});
      if (got.records.empty()) {
        all = false;
        REQUIRE(got.missing.size() == 1);
        REQUIRE_FALSE(w.has(got.missing[0]));  // so that it is sent again
      } else {
        REQUIRE(got.records == std::vector<Buffer>{r});
      }
    }
    return all;
  }
};

}  // namespace

TEST_CASE("rot: a flipped bit in any byte of a segment is never handed out, and what is lost can be sent again") {
  Rotten r;
  for (const std::string& file : {r.segment, r.nodes}) {
    const Buffer good = r.w.disk.content(file);
    for (std::size_t i = 0; i < good.size(); ++i) {
      INFO(file << " byte " << i);
      Buffer bad = good;
      bad[i] ^= 0x04;
      r.w.disk.set_content(file, bad);
      if (i % 2) r.w.disk.remove_tree("/cache");  // with the old index, and with one made from what is there
      r.w.reopen();
      bool const all = r.nothing_wrong();
      if (i % 50 == 49 && !all) {
        std::vector<Buffer> again{envelope()};
        again.insert(again.end(), r.one.records.begin(), r.one.records.end());
        r.w.put(again);
        REQUIRE(r.nothing_wrong());
        r.w.reopen();
        REQUIRE(r.nothing_wrong());
        r.w.close();
        // Back to two segments for the next byte.
        for (const std::string& f : r.w.disk.files())
          if (f.starts_with("/store/v/") && f.find("/seg/") != std::string::npos && f != r.segment && f != r.nodes) r.w.disk.remove(f);
        r.w.disk.remove_tree("/cache");
      }
      r.w.disk.set_content(file, good);
    }
  }
  r.w.disk.remove_tree("/cache");
  r.w.reopen();
  CHECK(r.nothing_wrong());
}

TEST_CASE("rot: a segment that ends early gives what is before its end") {
  Rotten r;
  const Buffer good = r.w.disk.content(r.segment);
  for (std::size_t size = 0; size < good.size(); size += 7) {
    r.w.disk.set_content(r.segment, Buffer(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    r.w.reopen();
    r.nothing_wrong();
  }
}

TEST_CASE("rot: a segment that is gone is noticed, and its number is not used again") {
  Rotten r;
  r.w.put({chunk(500)});
  r.w.reopen();
  auto last = r.w.run(r.w.store->list("v/"));
  r.w.close();
  const std::string top = r.segment.substr(0, r.segment.rfind('/'));
  r.w.disk.remove(top + "/0000000000000003.obj");
  r.w.open();
  CHECK_FALSE(r.w.has(object(500)));
  r.w.put({chunk(501)});
  CHECK(r.w.disk.exists(top + "/0000000000000004.obj"));
  CHECK_FALSE(r.w.disk.exists(top + "/0000000000000003.obj"));
  CHECK(r.nothing_wrong());
}

TEST_CASE("rot: a damaged file of the index cache, whichever and wherever, costs time and nothing else") {
  Rotten r;
  r.w.put({node(900, {901})});  // incomplete, and nothing may make it look complete
  FakeManifest two;
  two.sequence = 2;
  two.previous = r.one.manifest.digest();
  two.root = object(900);
  r.w.close();  // writes the table
  std::map<std::string, Buffer> cache;
  for (const std::string& f : r.w.disk.files())
    if (f.starts_with("/cache/")) cache[f] = r.w.disk.content(f);
  REQUIRE(cache.size() == 3);  // a table, the list of tables, the complete nodes
  for (const auto& [damaged, good] : cache) {
    for (std::size_t i = 0; i < good.size(); ++i) {
      INFO(damaged << " byte " << i);
      // A rebuild wrote other files: back to those that fit each other, but for one byte.
      r.w.close();
      r.w.disk.remove_tree("/cache");
      r.w.disk.make_folders("/cache");
      for (const auto& [path, bytes] : cache) r.w.disk.open(path, Open::create_new)->append(bytes);
      Buffer bad = good;
      bad[i] ^= 0x20;
      r.w.disk.set_content(damaged, bad);
      r.w.open();
      REQUIRE(r.nothing_wrong());
      REQUIRE(r.w.vault->objects() == 7);
      REQUIRE(r.w.commit(two).missing == std::vector<ObjectId>{object(901)});
    }
  }
}

TEST_CASE("rot: a table that no list speaks of goes, and its number is not used again") {
  Rotten r;
  r.w.close();
  r.w.disk.remove("/cache/index");
  r.w.open();
  CHECK(r.nothing_wrong());
  r.w.close();
  CHECK_FALSE(r.w.disk.exists("/cache/table-0000000000000001"));
  CHECK(r.w.disk.exists("/cache/table-0000000000000002"));
}

TEST_CASE("rot: a table that is damaged while it is in use is replaced before the question is answered") {
  Rotten r;
  r.w.reopen();
  std::string table;
  for (const std::string& f : r.w.disk.files())
    if (f.starts_with("/cache/table-")) table = f;
  REQUIRE_FALSE(table.empty());
  Buffer bytes = r.w.disk.content(table);
  bytes[40] ^= 1;  // in its first block
  r.w.disk.set_content(table, bytes);
  CHECK(r.nothing_wrong());
  CHECK_FALSE(r.w.has(object(12345)));
  r.w.put({chunk(700)});
  CHECK(r.w.has(object(700)));
}

TEST_CASE("rot: a damaged commit object is set aside, and the mirror brings the snapshot back") {
  Rotten r;
  SmallSnapshot two{200, 2, r.one.manifest.digest()};
  r.w.put(two.records);
  REQUIRE(r.w.commit(two.manifest).receipt);
  Digest const both = r.w.vault->set_digest();
  Buffer bytes = r.w.disk.content(r.snapshot);
  bytes[50] ^= 1;
  r.w.disk.set_content(r.snapshot, bytes);
  r.w.reopen();
  CHECK_FALSE(r.w.vault->set_digest() == both);
  CHECK(r.w.run(r.w.vault->snapshots(0, 10)).size() == 1);
  CHECK(r.w.commit(r.one.manifest, true).receipt);
  CHECK(r.w.vault->set_digest() == both);
  // What rotted is kept for people to look at.
  std::size_t aside = 0;
  for (const auto& object : r.w.run(r.w.store->list("v/"))) aside += object.name.ends_with("/damaged/snap-0000000000000001");
  CHECK(aside == 1);
}

TEST_CASE("rot: a bad sector below one commit object, or one slot, hides that one alone") {
  Rotten r;
  SmallSnapshot two{200, 2, r.one.manifest.digest()}, three{300, 3, two.manifest.digest()};
  for (auto const* one : {&two, &three}) {
    r.w.put(one->records);
    REQUIRE(r.w.commit(one->manifest).receipt);
  }
  for (std::uint8_t i = 0; i < 3; ++i) r.w.run(r.w.vault->add_slot(Buffer(100, i), SlotFrom::agent, 0));
  auto const top = r.snapshot.substr(0, r.snapshot.rfind("/snap/"));
  r.w.disk.set_unreadable(top + "/snap/0000000000000002.obj");
  std::string slot;
  for (auto const& file : r.w.disk.files())
    if (file.starts_with(top + "/slot")) slot = file;
  r.w.disk.set_unreadable(slot);
  auto const whole = [&r] {
    auto const rows = r.w.run(r.w.vault->snapshots(0, 10));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].sequence == 1);
    CHECK(rows[1].sequence == 3);
    CHECK(r.w.run(r.w.vault->snapshots(1, 1)).at(0).sequence == 3);  // one at a time, as a page is filled
    CHECK(r.w.run(r.w.vault->slots()).size() == 2);
  };
  for (int times = 0; times < 5; ++times) whole();  // two files are bad, however often they are read
  r.w.reopen();
  whole();
}

TEST_CASE("rot: a bad sector below a report of unusable copies, or below what was set aside, keeps no vault closed") {
  Rotten r;
  SmallSnapshot two{200, 2, r.one.manifest.digest()};
  r.w.put(two.records);
  REQUIRE(r.w.commit(two.manifest).receipt);
  r.w.run(r.w.vault->set_snapshot_aside(2, "a drill", 5));
  auto const nothing = [](Buffer) -> task<void> { co_return; };
  r.w.run(r.w.vault->get_others({RecordView::parse(r.one.records[0])->id(0)}, {sha256(r.one.records[0])}, nothing));
  std::size_t spoilt = 0;
  for (auto const& file : r.w.disk.files()) {
    if (file.find("/aside/") == std::string::npos && file.find("/reported/") == std::string::npos) continue;
    r.w.disk.set_unreadable(file);
    ++spoilt;
  }
  REQUIRE(spoilt == 2);
  r.w.reopen();
  CHECK(r.w.vault->head().sequence == 1);
  CHECK(r.w.commit_error(two.manifest, true) == Errc::fork);  // what was set aside stays so, by its name
}

TEST_CASE("rot: a disk that gives nothing any more is not taken for an empty vault") {
  Rotten r;
  Digest last = r.one.manifest.digest();
  for (std::uint64_t n = 2; n < 9; ++n) {
    SmallSnapshot next{100 * n, n, last};
    r.w.put(next.records);
    REQUIRE(r.w.commit(next.manifest).receipt);
    last = next.manifest.digest();
  }
  r.w.close();
  for (auto const& file : r.w.disk.files())
    if (file.find("/snap/") != std::string::npos) r.w.disk.set_unreadable(file);
  CHECK_THROWS_AS(r.w.open(), failure);
}

TEST_CASE("rot: a store made anew is not mistaken for the one that the cache was made of") {
  Rotten r;
  r.w.reopen();
  r.w.close();
  r.w.disk.remove_tree("/store");
  r.w.open();
  CHECK(r.w.vault->objects() == 0);
  CHECK(r.w.vault->head().sequence == 0);
  CHECK_FALSE(r.w.has(object(100)));
}

TEST_CASE("rot: a damaged receipt of the partner counts as none, and its place is free for the same one again") {
  Rotten r;
  r.w.protect(1);
  const std::string file = r.snapshot.substr(0, r.snapshot.rfind("/snap/")) + "/partner/0000000000000001.obj";
  Buffer bad = r.w.disk.content(file);
  bad[20] ^= 1;
  r.w.disk.set_content(file, bad);
  r.w.reopen();
  auto rows = r.w.run(r.w.vault->snapshots(0, 10));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].partner_receipt.empty());
  CHECK_FALSE(r.w.vault->is_protected(1));
  CHECK(r.w.vault->numbers_with_receipt().empty());
  r.w.protect(1);
  r.w.reopen();
  rows = r.w.run(r.w.vault->snapshots(0, 10));
  CHECK(rows[0].partner_receipt == receipt_by('a', rows[0].digest));
}

TEST_CASE("full disk: a vault opens with its cache and without, serves what is whole, and goes on when there is room") {
  for (bool cached : {true, false}) {
    for (Errc trouble : {Errc::no_space, Errc::io}) {
      INFO((cached ? "with" : "without") << " its cache, " << make_error_code(trouble).message());
      Rotten r;
      SmallSnapshot two{200, 2, r.one.manifest.digest()};
      r.w.put(two.records);
      REQUIRE(r.w.commit(two.manifest).receipt);
      r.w.close();
      if (!cached) r.w.disk.remove_tree("/cache");
      Buffer bytes = r.w.disk.content(r.snapshot);
      bytes[50] ^= 1;
      r.w.disk.set_content(r.snapshot, bytes);  // which cannot be put aside now
      r.w.disk.fail_after(0, trouble, true);
      r.w.open();
      CHECK(r.nothing_wrong());
      auto rows = r.w.run(r.w.vault->snapshots(0, 10));
      REQUIRE(rows.size() == 1);
      CHECK(rows[0].sequence == 2);
      CHECK(r.w.error_of(r.w.vault->put(chunk(900))) == trouble);
      CHECK(r.w.commit_error(r.one.manifest, true) == trouble);

      r.w.disk.heal();
      REQUIRE(r.w.run(r.w.store->tend()).takes_writes);
      r.w.put({chunk(900)});
      CHECK(r.w.has(object(900)));
      CHECK(r.w.commit(r.one.manifest, true).receipt);
      CHECK(r.w.run(r.w.vault->snapshots(0, 10)).size() == 2);
    }
  }
}
