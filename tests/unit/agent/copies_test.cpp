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
  /// Only the record that `id` lies in.
  void damage(std::size_t which, const ObjectId& id) {
    auto const good = stores[which].where.at(id);
    auto const bad = std::make_shared<Buffer>(*good);
    bad->back() ^= 1;
    for (auto& [other, record] : stores[which].where)
      if (record == good) record = bad;
  }
  RestoreResult restore_from(FakeVault& vault, OtherVault* other, RestoreProgress* done = nullptr) {
    SnapshotInfo snapshot;
    snapshot.root = value_or_throw(Manifest::parse(stores[0].snapshots.rbegin()->second.manifest), "test").statement().root;
    Restore r(vault, *keys, workers, reporter, MemoryPlan{}, other);
    if (!done || !done->snapshot) fs::remove_all(base / "out");
    RestoreOrder order;
    order.target = (base / "out").string();
    return run(r.run(snapshot, order, done));
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

/// Many records of content; one of them is damaged on both servers.
struct OneDamaged : Overwritten {
  OneDamaged() {
    for (int i = 0; i < 12; ++i) write("more/" + std::to_string(i), noise(1'000'000, 100U + static_cast<unsigned>(i)));
    write("more/large", noise(9'000'000, 7));
    write("more/zz", "inline");
    fs::create_hard_link(base / "source/more/0", base / "source/zero");
    backup();
    stores[1] = stores[0];
    std::map<const Buffer*, ObjectId> records;
    for (auto& [id, record] : stores[0].where)
      if (RecordView::parse(*record)->type() == ObjectType::data) records.emplace(record.get(), id);
    bad = records.begin()->second;
    damage(0, bad);
  }
  /// How many files of the source are not in the target as they were; none may be there in another form.
  std::size_t not_restored() {
    std::size_t n = 0;
    for (auto& e : fs::recursive_directory_iterator(base / "source")) {
      if (!e.is_regular_file()) continue;
      const fs::path to = restored(fs::relative(e.path(), base / "source").string());
      const auto read = [](const fs::path& p) {
        std::ifstream in(p, std::ios::binary);
        return std::string{std::istreambuf_iterator<char>{in}, {}};
      };
      if (!fs::exists(to)) ++n;
      else CHECK(read(to) == read(e.path()));
    }
    return n;
  }
  ObjectId bad;
};

}  // namespace

TEST_CASE("copies: a damaged record costs the files in it, each is named, and the rest is restored") {
  OneDamaged m;
  m.damage(1, m.bad);
  FakeVault vault(m.stores[0]), other(m.stores[1]);
  Partner partner(other);
  const RestoreResult r = m.restore_from(vault, &partner);
  const std::size_t n = m.not_restored();
  CHECK(n > 0);
  CHECK(n < 25);
  CHECK(r.lost == n);
  CHECK(r.problems.size() == n);
  CHECK(r.progress.unreadable == n);
  CHECK_THAT(r.problems.front(), Catch::Contains("source/") && Catch::Contains("damaged"));
}

TEST_CASE("copies: a damaged part of the catalog costs what it names, which is told, and the rest is restored") {
  Overwritten m;
  // Names that share nothing, so that the catalog is more than one record.
  for (int i = 0; i < 12'000; ++i) {
    std::string name = m.noise(100, static_cast<unsigned>(i));
    for (char& c : name) c = static_cast<char>('a' + (static_cast<unsigned char>(c) & 15));
    m.write("many/" + name + name, "");
  }
  m.backup();
  m.stores[1] = m.stores[0];
  const ObjectId root = value_or_throw(Manifest::parse(m.stores[0].snapshots.rbegin()->second.manifest), "test").statement().root;
  const Buffer* const with_root = m.stores[0].where.at(root).get();
  ObjectId bad;
  std::vector<ObjectId> line{root};
  while (!line.empty() && bad.is_zero()) {
    const ObjectId id = line.back();
    line.pop_back();
    if (!m.stores[0].nodes.contains(id)) continue;
    if (m.stores[0].where.at(id).get() != with_root) bad = id;
    line.insert(line.end(), m.stores[0].refs[id].begin(), m.stores[0].refs[id].end());
  }
  REQUIRE_FALSE(bad.is_zero());
  m.damage(0, bad);
  m.damage(1, bad);
  FakeVault vault(m.stores[0]), other(m.stores[1]);
  Partner partner(other);
  const RestoreResult r = m.restore_from(vault, &partner);
  CHECK(r.lost > 0);
  CHECK(r.progress.files > 0);
  CHECK(r.progress.unreadable == r.lost);
  REQUIRE_FALSE(r.problems.empty());
  CHECK_THAT(r.problems.front(), Catch::Contains("part of the catalog") && Catch::Contains("entries behind"));
}

TEST_CASE("copies: what could not be had while the other server was away is the end of the restore, after all else, and comes from that one then") {
  OneDamaged m;
  FakeVault vault(m.stores[0]), other(m.stores[1]);
  Partner partner(other);
  partner.down = true;
  RestoreProgress done;
  try {
    m.restore_from(vault, &partner, &done);
    FAIL("it restored what is damaged");
  } catch (const failure& f) {
    CHECK(classify(f.code()) == Errc::damaged);
    CHECK_THAT(f.what(), Catch::Contains("the rest is restored"));
  }
  const std::size_t n = m.not_restored();
  CHECK(n > 0);
  CHECK(n < 25);
  done.snapshot = Digest{};
  FakeVault second(m.stores[1]);
  const RestoreResult r = m.restore_from(second, nullptr, &done);
  CHECK(r.lost == 0);
  CHECK(r.problems.empty());
  CHECK(m.not_restored() == 0);
  CHECK(m.same());
}

TEST_CASE("copies: further names of a file whose content came late are no loss any more") {
  Overwritten m;
  m.write("a", m.noise(100'000, 1));
  fs::create_hard_link(m.base / "source/a", m.base / "source/b");
  m.backup();
  m.stores[1] = m.stores[0];
  std::map<const Buffer*, ObjectId> records;
  for (auto& [id, record] : m.stores[0].where)
    if (RecordView::parse(*record)->type() == ObjectType::data) records.emplace(record.get(), id);
  for (auto& [record, id] : records) m.damage(0, id);
  FakeVault vault(m.stores[0]), other(m.stores[1]);
  Partner partner(other);
  partner.down = true;
  RestoreProgress done;
  CHECK_THROWS_AS(m.restore_from(vault, &partner, &done), failure);
  done.snapshot = Digest{};
  FakeVault second(m.stores[1]);
  const RestoreResult r = m.restore_from(second, nullptr, &done);
  CHECK(r.lost == 0);
  CHECK(r.problems.empty());
  CHECK(m.same());
}

TEST_CASE("copies: what comes late into a folder that was finished leaves the folder with its own time, also where what is there is kept") {
  for (const Overwrite over : {Overwrite::always, Overwrite::never}) {
    Machine m;
    m.write("0", m.noise(50'000, 1));
    for (int i = 0; i < 8000; ++i) m.write("many/" + std::to_string(i), "x");
    m.write("other/z", "z");
    for (const char* folder : {"many", "other", ""}) fs::last_write_time(m.base / "source" / folder, fs::file_time_type::clock::now() - std::chrono::hours(24));
    m.backup();
    m.stores[1] = m.stores[0];
    for (auto& [id, record] : m.stores[0].where) {
      if (RecordView::parse(*record)->type() != ObjectType::data) continue;
      record = std::make_shared<Buffer>(*record);
      record->back() ^= 1;
    }
    SnapshotInfo snapshot;
    snapshot.root = value_or_throw(Manifest::parse(m.stores[0].snapshots.rbegin()->second.manifest), "test").statement().root;
    RestoreOrder order;
    order.target = (m.base / "out").string();
    order.overwrite = over;
    RestoreProgress done;
    const auto restore_at = [&](std::size_t which) {
      FakeVault vault(m.stores[which]), other(m.stores[1 - which]);
      Partner partner(other);
      partner.down = true;
      Restore r(vault, *m.keys, m.workers, m.reporter, {}, &partner);
      return m.run(r.run(snapshot, order, &done));
    };
    CHECK_THROWS_AS(restore_at(0), failure);
    CHECK_FALSE(fs::exists(m.restored("0")));
    CHECK(fs::exists(m.restored("other/z")));
    CHECK(restore_at(1).problems.empty());
    CHECK(m.same());
  }
}

TEST_CASE("copies: a server that does not answer is asked more and more rarely for what the first has not") {
  Overwritten m;
  std::vector<ObjectId> ids;
  for (auto& [id, record] : m.stores[0].where)
    if (RecordView::parse(*record)->type() == ObjectType::data) ids.push_back(id);
  m.overwrite(0, false);
  FakeVault vault(m.stores[0]), other(m.stores[1]);
  Partner partner(other);
  partner.down = true;
  Fetcher fetcher(vault, *m.keys, m.workers, MemoryPlan{}.kept, &partner);
  for (int i = 0; i < 100; ++i) CHECK_THROWS_AS(m.run(fetcher.objects({ids[0]})), failure);
  CHECK(partner.used < 10);
  CHECK_FALSE(fetcher.asked_everybody());
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
