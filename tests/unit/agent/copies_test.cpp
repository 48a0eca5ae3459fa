#include "agent/check.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

/// A server whose first copy of every object is junk, as a thief of the agent's key could have put it there.
struct Overwritten : Machine {
  Overwritten() {
    for (int i = 0; i < 20; ++i) write("f" + std::to_string(i), noise(50'000, static_cast<unsigned>(i)));
    backup();
    stores[1] = stores[0];
  }
  /// `spares`: the good copies stay as second ones.
  void overwrite(std::size_t which, bool spares, bool envelopes = false) {
    FakeVault::Store& store = stores[which];
    std::map<const Buffer*, std::shared_ptr<Buffer>> junk;
    for (auto& [id, record] : store.where) {
      auto const view = RecordView::parse(*record);
      if ((view->type() == ObjectType::envelope) != envelopes) continue;
      auto& bad = junk[record.get()];
      if (!bad) {
        bad = std::make_shared<Buffer>(*record);
        bad->back() ^= 1;
      }
      if (spares) store.spares[id].push_back(record);
      record = bad;
    }
  }
  RestoreResult restore_from(FakeVault& vault, OtherVault* other) {
    SnapshotInfo snapshot;
    snapshot.root = value_or_throw(Manifest::parse(stores[0].snapshots.rbegin()->second.manifest), "test").statement().root;
    Restore r(vault, *keys, workers, reporter, MemoryPlan{}, other);
    fs::remove_all(base / "out");
    RestoreOrder order;
    order.target = (base / "out").string();
    return run(r.run(snapshot, order));
  }
  CheckResult check(FakeVault& vault) {
    SnapshotInfo snapshot;
    snapshot.root = value_or_throw(Manifest::parse(stores[0].snapshots.rbegin()->second.manifest), "test").statement().root;
    return run(check_snapshots(vault, *keys, workers, reporter, {snapshot}, CheckDepth::data));
  }
};

struct Partner final : OtherVault {
  explicit Partner(FakeVault& v) : vault(v) {}
  task<void> use(std::function<task<void>(VaultPort&)> work) override {
    ++used;
    if (down) throw failure(Errc::unreachable, "connecting");
    co_await work(vault);
  }
  FakeVault& vault;
  int used = 0;
  bool down = false;
};

}  // namespace

TEST_CASE("copies: a record that does not open is passed over for the server's other copy") {
  for (bool envelopes : {false, true}) {
    Overwritten m;
    m.overwrite(0, true, envelopes);
    FakeVault vault(m.stores[0]);
    CHECK(m.restore_from(vault, nullptr).problems.empty());
    CHECK(vault.others_asked > 0);
    CHECK(m.same());
    CHECK(m.check(vault).error_count == 0);
  }
}

TEST_CASE("copies: what a server has no usable copy of comes from the other one") {
  for (bool old_server : {false, true}) {
    for (bool envelopes : {false, true}) {
      Overwritten m;
      m.overwrite(0, false, envelopes);
      FakeVault vault(m.stores[0]), right(m.stores[1]);
      vault.ignores_not_these = old_server;
      Partner partner(right);
      CHECK(m.restore_from(vault, &partner).problems.empty());
      CHECK(partner.used > 0);
      CHECK(m.same());
      CHECK(m.check(vault).error_count > 0);  // of this server
    }
  }
}

TEST_CASE("copies: an object that the server lost comes from the other one") {
  Overwritten m;
  for (auto at = m.stores[0].where.begin(); at != m.stores[0].where.end();) at = m.stores[0].nodes.contains(at->first) ? std::next(at) : m.stores[0].where.erase(at);
  FakeVault vault(m.stores[0]), right(m.stores[1]);
  Partner partner(right);
  CHECK(m.restore_from(vault, &partner).problems.empty());
  CHECK(m.same());
}

TEST_CASE("copies: with no usable copy anywhere the restore ends with what is wrong, and writes nothing false") {
  for (bool down : {false, true}) {
    Overwritten m;
    m.overwrite(0, false);
    m.overwrite(1, false);
    FakeVault vault(m.stores[0]), other(m.stores[1]);
    Partner partner(other);
    partner.down = down;
    try {
      m.restore_from(vault, &partner);
      FAIL("it restored junk");
    } catch (const failure& f) {
      CHECK(classify(f.code()) == Errc::damaged);
    }
  }
}

namespace {

/// Floods with junk before the first object.
struct Flood final : FakeVault {
  using FakeVault::FakeVault;
  task<std::vector<ObjectId>> get(std::vector<ObjectId> ids, Sink sink) override {
    if (std::find(ids.begin(), ids.end(), before) != ids.end()) {
      Buffer many;
      for (int i = 0; i < 100; ++i) many.insert(many.end(), junk.begin(), junk.end());
      for (std::size_t sent = 0; sent < total; sent += 100) {
        Buffer copy = many;
        co_await sink(std::move(copy));
      }
    }
    std::vector<ObjectId> missing = co_await FakeVault::get(std::move(ids), std::move(sink));
    co_return missing;
  }
  ObjectId before;
  Buffer junk;
  std::size_t total = 0;
};

}  // namespace

TEST_CASE("copies: what is noted of records that are of no use is bounded, and what comes behind them is asked for again") {
  Machine m;
  for (const char* file : {"a", "b"}) {
    m.write(file, m.noise(100, static_cast<unsigned>(*file)));
    m.backup();
  }
  std::vector<ObjectId> ids;
  for (auto const& [id, record] : m.stores[0].where)
    if (RecordView::parse(*record)->type() == ObjectType::data) ids.push_back(id);
  REQUIRE(ids.size() == 2);
  // The second one's only copy is junk, whose spare is good; the first is good, and brings the flood.
  auto& second = m.stores[0].where[ids[1]];
  m.stores[0].spares[ids[1]].push_back(second);
  auto bad = std::make_shared<Buffer>(*second);
  bad->back() ^= 1;
  second = bad;
  Flood vault(m.stores[0]);
  vault.before = ids[0];
  vault.junk = *m.stores[0].where[ids[0]];
  vault.junk.back() ^= 1;
  vault.total = 50'000;  // a hundred bytes are noted of each
  Fetcher fetcher(vault, *m.keys, m.workers);
  for (auto const& id : ids) m.run(fetcher.session(RecordView::parse(*m.stores[0].where[id])->session()));
  vault.gets = 0;
  const auto set = m.run(fetcher.objects(ids));
  CHECK(set->find(ids[0]) != nullptr);
  CHECK(set->find(ids[1]) != nullptr);
  CHECK(vault.gets == 2);
}

TEST_CASE("copies: what comes before its key is here is kept up to 32 MiB, and asked for again beyond") {
  Machine m;
  for (int i = 0; i < 12; ++i) m.write("f" + std::to_string(i), m.noise(4'000'000, static_cast<unsigned>(i)));
  m.backup();
  std::vector<ObjectId> ids;
  for (auto const& [id, record] : m.stores[0].where)
    if (RecordView::parse(*record)->type() == ObjectType::data) ids.push_back(id);
  FakeVault vault(m.stores[0]);
  Fetcher fetcher(vault, *m.keys, m.workers);
  auto const set = m.run(fetcher.objects(ids));
  for (auto const& id : ids) CHECK(set->find(id) != nullptr);
  CHECK(vault.gets > 2);  // its key is one
}
