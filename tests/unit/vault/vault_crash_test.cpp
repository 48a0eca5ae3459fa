#include "unit/vault/vault_world.hpp"

using namespace farkeep;
using namespace farkeep::test;
using sim::Cut;

namespace {

struct Workload {
  SmallSnapshot one{100, 1, Digest{}}, two{200, 2, one.manifest.digest()};
  std::map<ObjectId, Buffer> all;  // every object's record

  Workload() {
    std::vector<Buffer> records{envelope()};
    for (const auto* s : {&one, &two}) records.insert(records.end(), s->records.begin(), s->records.end());
    for (const Buffer& r : records) all[RecordView::parse(r)->id(0)] = r;
  }

  /// What was promised before the power went.
  struct Promises {
    std::set<ObjectId> durable;
    std::map<std::uint64_t, Buffer> receipts;
  };
  static void promise(Promises& p, const std::vector<Buffer>& records) {
    for (const Buffer& r : records) p.durable.insert(RecordView::parse(r)->id(0));
  }

  task<void> put(Vault& vault, std::vector<Buffer> records, Promises& p) const {
    Buffer body = join(records);
    co_await vault.put(std::move(body));
    promise(p, records);
  }

  task<void> run(World& w, Promises& p) const {
    const std::vector<Buffer> first(1, envelope());
    co_await put(*w.vault, first, p);
    for (const auto* s : {&one, &two}) {
      // Two segments a snapshot, the second ended by the commit.
      std::vector<Buffer> half(s->records.begin(), s->records.begin() + 3);
      co_await put(*w.vault, half, p);
      std::vector<Buffer> rest(s->records.begin() + 3, s->records.end());
      co_await put(*w.vault, rest, p);
      auto outcome = co_await w.vault->commit(s->manifest.bytes(), w.judge, w.receipts, false);
      REQUIRE(outcome.receipt);
      p.receipts[s->manifest.sequence] = *outcome.receipt;
      Buffer theirs = receipt_by('a', s->manifest.digest());
      co_await w.vault->note_pushed(s->manifest.sequence, theirs, false);
      co_await w.vault->note_came(s->manifest.sequence, theirs);
    }
  }

  void check(World& w, const Promises& p) const {
    for (const ObjectId& id : p.durable) REQUIRE(w.has(id));
    for (const auto& [id, bytes] : all) {
      auto got = w.get({id});
      // Either it is here and is right, or it is not here and nobody says so.
      if (w.has(id)) {
        REQUIRE(got.records == std::vector<Buffer>{bytes});
      } else {
        REQUIRE(got.records.empty());
      }
    }
    auto rows = w.run(w.vault->snapshots(0, 10));
    std::map<std::uint64_t, Buffer> visible;
    for (const SnapshotRow& row : rows) visible[row.sequence] = row.receipt;
    for (const auto& [sequence, receipt] : p.receipts) REQUIRE(visible[sequence] == receipt);
    // A snapshot that is visible is complete, acknowledged or not.
    for (const auto& [sequence, receipt] : visible) {
      const SmallSnapshot& s = sequence == 1 ? one : two;
      std::vector<ObjectId> ids{envelope_id(session())};
      for (const Buffer& r : s.records) ids.push_back(RecordView::parse(r)->id(0));
      REQUIRE(w.get(ids).missing.empty());
    }
  }

  /// An agent that lost the connection: asks what is there, sends the rest, commits again.
  void finish(World& w) const {
    for (const auto* s : {&one, &two}) {
      std::vector<Buffer> records{envelope()};
      records.insert(records.end(), s->records.begin(), s->records.end());
      for (const Buffer& r : records)
        if (!w.has(RecordView::parse(r)->id(0))) w.put({r});
      if (s->manifest.sequence < w.vault->head().sequence) continue;
      REQUIRE(w.commit(s->manifest).receipt);
    }
    for (const auto& [id, bytes] : all) REQUIRE(w.get({id}).records == std::vector<Buffer>{bytes});
    REQUIRE(w.vault->head().digest == two.manifest.digest());
  }
};

}  // namespace

TEST_CASE("vault: the power goes at every disk operation: what was acknowledged is there, what is there is right") {
  const Workload load;
  std::uint64_t length = 0;
  {
    World w;
    w.open();
    Workload::Promises p;
    w.run(load.run(w, p));
    w.close();
    length = w.disk.operations();
  }
  REQUIRE(length > 60);
  std::mt19937 rng{7};
  for (Cut cut : {Cut::drop_all, Cut::keep_some, Cut::tear_last}) {
    for (std::uint64_t at = 0; at <= length; ++at) {
      for (int repeat = 0; repeat < (cut == Cut::drop_all ? 1 : 3); ++repeat) {
        INFO("operation " << at << ", cut " << static_cast<int>(cut));
        World w;
        Workload::Promises p;
        w.disk.cut_power_after(at);
        try {
          w.open();
          w.run(load.run(w, p));
          w.close();
        } catch (const failure& f) {
          REQUIRE(classify(f.code()) == Errc::io);
        }
        try {
          w.close();
        } catch (const failure&) {
        }
        w.disk.power_on(cut, rng);
        w.open();
        load.check(w, p);
        if (repeat == 1) {
          w.close();
          w.disk.remove_tree("/cache");
          w.open();
          load.check(w, p);
        }
        load.finish(w);
        w.reopen();
        load.check(w, p);
        REQUIRE(w.run(w.store->leftovers("")).empty());
      }
    }
  }
}

// A process that dies leaves names that only the page cache knows.  The next process sees them, promises because of them, and then
// the power goes.
TEST_CASE("vault: killed at every disk operation, carried on by the next process, then without power: what was acknowledged is there") {
  const Workload load;
  std::mt19937 rng{11};
  std::uint64_t length = 0;
  {
    World w;
    Workload::Promises p;
    w.open();
    w.run(load.run(w, p));
    length = w.disk.operations();
  }
  for (std::uint64_t at = 0; at <= length; ++at) {
    INFO("operation " << at);
    World w;
    Workload::Promises p;
    w.disk.kill_after(at);
    try {
      w.open();
      w.run(load.run(w, p));
    } catch (const failure& f) {
      REQUIRE(classify(f.code()) == Errc::io);
    }
    try {
      w.close();
    } catch (const failure&) {
    }
    w.disk.heal();
    w.open();
    load.check(w, p);
    // An agent that asks first, and one that sends everything again: either hears of no difference.
    if (at % 2 == 0) {
      load.finish(w);
    } else {
      std::vector<Buffer> all;
      for (const auto& [id, bytes] : load.all) all.push_back(bytes);
      std::stable_partition(all.begin(), all.end(), [](const Buffer& b) { return RecordView::parse(b)->type() == ObjectType::envelope; });
      w.run(w.vault->put(join(all)));
    }
    for (const auto& [id, bytes] : load.all) p.durable.insert(id);
    for (const auto* s : {&load.one, &load.two}) {
      auto outcome = w.commit(s->manifest);
      REQUIRE(outcome.receipt);
      p.receipts[s->manifest.sequence] = *outcome.receipt;
    }
    w.disk.cut_power_after(0);
    try {
      w.close();
    } catch (const failure&) {
    }
    w.disk.power_on(Cut::drop_all, rng);
    w.open();
    load.check(w, p);
  }
}

namespace {

/// A vault whose one snapshot has the receipt of a partner that was since replaced.
struct Replaced {
  World w;
  Replaced() {
    SmallSnapshot const one{100, 1, Digest{}};
    w.open();
    w.put({envelope()});
    w.put(one.records);
    REQUIRE(w.commit(one.manifest).receipt);
    w.protect(1, 'a');
  }
  /// True: it was promised that the new partner's is kept.
  bool replace() {
    try {
      w.protect(1, 'b');
      return true;
    } catch (const failure&) {
      return false;
    }
  }
  void check(bool promised) {
    REQUIRE(w.vault->is_protected(1));
    auto const rows = w.run(w.vault->snapshots(0, 10));
    REQUIRE(rows.size() == 1);
    bool const fresh = rows[0].partner_receipt == receipt_by('b', rows[0].digest);
    REQUIRE((fresh || (!promised && rows[0].partner_receipt == receipt_by('a', rows[0].digest))));
  }
  std::uint64_t operations() {
    auto const before = w.disk.operations();
    REQUIRE(replace());
    return w.disk.operations() - before;
  }
};

}  // namespace

TEST_CASE("vault: the power goes while the receipt of a new partner takes the place of the old one's: one of them is there") {
  std::mt19937 rng{13};
  auto const length = Replaced{}.operations();
  REQUIRE(length >= 4);
  for (Cut cut : {Cut::drop_all, Cut::keep_some, Cut::tear_last}) {
    for (std::uint64_t at = 0; at <= length; ++at) {
      for (int repeat = 0; repeat < (cut == Cut::drop_all ? 1 : 5); ++repeat) {
        INFO("operation " << at << ", cut " << static_cast<int>(cut));
        Replaced r;
        r.w.disk.cut_power_after(at);
        bool const promised = r.replace();
        try {
          r.w.close();
        } catch (const failure&) {
        }
        r.w.disk.power_on(cut, rng);
        r.w.open();
        r.check(promised);
      }
    }
  }
}

TEST_CASE("vault: a disk that fails while the receipt of a new partner takes the place of the old one's leaves one of them, now and after a power loss") {
  std::mt19937 rng{17};
  auto const length = Replaced{}.operations();
  for (Errc trouble : {Errc::no_space, Errc::io}) {
    for (bool stays : {false, true}) {
      for (std::uint64_t at = 0; at < length; ++at) {
        INFO("operation " << at << ", " << make_error_code(trouble).message() << (stays ? ", for good" : ""));
        Replaced r;
        r.w.disk.fail_after(at, trouble, stays);
        bool promised = r.replace();
        r.check(promised);
        r.w.disk.heal();
        REQUIRE(r.w.run(r.w.store->tend()).takes_writes);
        r.check(promised);
        if (at % 2 == 0) REQUIRE((promised = r.replace()));
        r.w.disk.cut_power_after(0);
        try {
          r.w.close();
        } catch (const failure&) {
        }
        r.w.disk.power_on(Cut::drop_all, rng);
        r.w.open();
        r.check(promised);
      }
    }
  }
}

TEST_CASE("vault: the receipt of an old partner that the disk does not give is replaced like one that it does") {
  Replaced r;
  std::string file;
  for (auto const& one : r.w.disk.files())
    if (one.find("/partner/") != std::string::npos) file = one;
  r.w.disk.set_unreadable(file);
  REQUIRE(r.replace());
  r.check(true);
  r.w.reopen();
  r.check(true);
}

TEST_CASE("vault: of an interrupted segment the records whose envelope did not last are dropped, and it goes") {
  World w;
  w.open();
  w.put({envelope()});
  auto upload = w.run(w.store->begin(VaultLayout{w.account, w.agent}.segment(7)));
  SegmentHeader header;
  header.account = w.account;
  header.agent = w.agent;
  header.number = 7;
  auto stranger = record(ObjectType::data, {Made{object(2), {}}}, 2 << 20, session(9));
  auto framed = frame_records(join({chunk(1, 1 << 20), stranger, chunk(3)}));
  w.run(upload->append(encode(header)));
  w.run(upload->append(std::move(framed->bytes)));
  w.disk.fail_after(0, Errc::io, true);  // killed
  upload.reset();
  try {
    w.close();
  } catch (const failure&) {
  }
  w.disk.heal();
  w.open();
  CHECK(w.get({object(1)}).records == std::vector<Buffer>{chunk(1, 1 << 20)});
  CHECK_FALSE(w.has(object(2)));
  CHECK(w.get({object(3)}).records == std::vector<Buffer>{chunk(3)});
  CHECK(w.run(w.store->leftovers("")).empty());
  CHECK_FALSE(w.disk.exists("/store/" + VaultLayout{w.account, w.agent}.segment(7) + ".obj"));  // it may have been finished
}

TEST_CASE("vault: a process that is killed loses nothing that it wrote whole: interrupted segments are salvaged") {
  World w;
  w.open();
  w.put({envelope()});
  w.put_later({chunk(1, 500)});
  w.put_later({chunk(2, 500)});
  CHECK_FALSE(w.put_results[2]);
  // Killed: nothing is synced, but the machine lives on and so do its files.
  auto files = w.disk.files();
  std::map<std::string, Buffer> alive;
  for (const std::string& f : files) alive[f] = w.disk.content(f);

  World after;
  after.disk.make_folders("/store/tmp");
  after.disk.make_folders("/cache");
  for (const auto& [path, bytes] : alive) {
    after.disk.make_folders(path.substr(0, path.rfind('/')));
    after.disk.open(path, Open::create_new)->append(bytes);
  }
  after.open();
  CHECK(after.has(object(1)));
  CHECK(after.get({object(1), object(2)}).records == std::vector<Buffer>{chunk(1, 500), chunk(2, 500)});
  CHECK(after.run(after.store->leftovers("")).empty());
}
