// A server that lies, refuses or falls silent in the middle of the work: the other one of the pair does it.
#include <map>

#include "agent/check.hpp"
#include "agent/reading.hpp"
#include "agent/second_server.hpp"
#include "liar.hpp"
#include "signing_server.hpp"

using namespace farkeep;
using namespace farkeep::test;
using Catch::Contains;

namespace {

struct LiedToReader : Liars {
  LiedToReader() {
    for (int i = 0; i < 3; ++i) {
      write("a", std::to_string(i));
      backup();
      mirror();
    }
  }
  task<void> list(VaultPort& vault) {
    ++begun;
    const Head pinned = Heads(*state).pinned(vault.server_id());
    SnapshotTrust with{*keys, root.value_or(keys->chain.front()), ids_of(pair()), Heads(*state).bound_from()};
    all = co_await list_snapshots(vault, std::move(with), workers);
    compare_listing(vault, *state, pinned, all);
    from = vault.server_id();
  }
  // What came of it; Errc{}: it was read.
  Errc read(Servers::Work work) {
    text.clear();
    begun = 0;
    alarms.clear();
    try {
      const HeadParts heads{*this, *state, *keys, workers, timers, clock};
      ReadParts parts{heads, *choice, reporter, [this](const std::string& alarm) { alarms.push_back(alarm); }};
      run_void(read_vault(std::move(parts), std::chrono::seconds{5}, std::move(work)));
      return Errc{};
    } catch (const boost::system::system_error& e) {
      text = e.what();
      return classify(e.code());
    }
  }
  Errc read() {
    return read([this](VaultPort& vault) -> task<void> { return list(vault); });
  }

  // A server signs a receipt for all that is stored, and the list is held against its root.
  void acknowledge() {
    root = authority->certificate();
    const SigningServer server(*this, *authority);
    for (auto& store : stores)
      for (auto& [number, row] : store.snapshots) row.receipt = server.receipt(*this, value_or_throw(Manifest::parse(row.manifest), "test").snapshot_id(), number);
  }

  std::optional<Certificate> root;  // none: no receipt holds
  std::vector<SnapshotInfo> all;
  std::vector<std::string> alarms;
  std::string text;
  ServerId from;
  int begun = 0;
};

std::vector<RemoteSnapshot> one_row(const char* bytes) { return {RemoteSnapshot{to_buffer(as_bytes(std::string(bytes))), {}, {}}}; }

}  // namespace

TEST_CASE("liar: a list that cannot be used is read from the other server") {
  LiedToReader r;
  bool is_alarm = false;
  SECTION("a row that cannot be read") {
    r.liars[0].snapshots = [](std::uint64_t, std::vector<RemoteSnapshot>) { return one_row("junk"); };
  }
  SECTION("rows out of order") {
    r.liars[0].snapshots = [](std::uint64_t, std::vector<RemoteSnapshot> rows) {
      std::reverse(rows.begin(), rows.end());
      return rows;
    };
  }
  SECTION("a list that ends before what the server acknowledged") {
    is_alarm = true;
    r.liars[0].snapshots = [](std::uint64_t, std::vector<RemoteSnapshot> rows) {
      if (!rows.empty()) rows.pop_back();
      return rows;
    };
  }
  SECTION("more forged rows than are listened to") {
    is_alarm = true;
    const RemoteSnapshot true_row = r.stores[0].snapshots.at(3);
    r.liars[0].snapshots = [&r](std::uint64_t after, std::vector<RemoteSnapshot> rows) {
      if (after < 3) return rows;
      rows.clear();
      for (std::uint64_t n = after + 1; n < after + 100; ++n) rows.push_back(RemoteSnapshot{r.forged(n), {}, {}});
      return rows;
    };
  }
  SECTION("a connection that is cut") { r.liars[0].fails = [](Liar::Asked, int) { throw failure(Errc::disconnected, "reading"); }; }
  CHECK(r.read() == Errc{});
  CHECK(r.from == Machine::id_of(1));
  CHECK(r.all.size() == 3);
  CHECK(r.alarms.empty() == !is_alarm);
  CHECK(history_alarms(*r.state).empty() == !is_alarm);
}

TEST_CASE("liar: whatever a server refuses while it is read, the other one is asked") {
  for (int code = 1; code <= static_cast<int>(Errc::command); ++code) {
    INFO(code);
    if (static_cast<Errc>(code) == Errc::cancelled) continue;  // no word of a peer becomes this (wire/refusal.hpp)
    LiedToReader r;
    r.liars[0].fails = [&](Liar::Asked, int) { throw wire::Refusal(static_cast<Errc>(code), "asking a liar", {}); };
    CHECK(r.read() == Errc{});
    CHECK(r.from == Machine::id_of(1));
  }
}

TEST_CASE("liar: when no server can be read the worst of what they said counts") {
  LiedToReader r;
  r.liars[0].fails = [](Liar::Asked, int) { throw wire::Refusal(Errc::unauthorised, "asking a liar", {}); };
  r.liars[1].fails = [](Liar::Asked, int) { throw failure(Errc::timed_out, "asking a liar"); };
  CHECK(r.read() == Errc::unauthorised);
  r.liars[0].fails = [](Liar::Asked, int) { throw failure(Errc::protocol, "asking a liar"); };
  CHECK(r.read() == Errc::unreachable);
  r.liars[0].fails = {};
  r.liars[0].snapshots = [](std::uint64_t, std::vector<RemoteSnapshot>) { return std::vector<RemoteSnapshot>{}; };
  CHECK(r.read() == Errc::rollback);
}

TEST_CASE("liar: what is this machine's own affair is not asked of the other server") {
  for (const Errc code : {Errc::cancelled, Errc::usage, Errc::not_found, Errc::io, Errc::no_space, Errc::exists}) {
    LiedToReader r;
    CHECK(r.read([&](VaultPort&) -> task<void> {
      ++r.begun;
      throw failure(code, "writing here");
      co_return;
    }) == code);
    CHECK(r.begun == 1);
  }
}

TEST_CASE("liar: a restore goes on from the other server and writes no file twice") {
  for (const Overwrite mode : {Overwrite::always, Overwrite::if_changed, Overwrite::if_newer, Overwrite::never}) {
    for (const int gets : {2, 4, 8, 12}) {
      INFO(static_cast<int>(mode) << ' ' << gets);
      LiedToReader r;
      for (int i = 0; i < 40; ++i) {
        r.write("d" + std::to_string(i / 10) + "/f" + std::to_string(i), r.noise(900'000, static_cast<unsigned>(i)));
        fs::create_hard_link(r.base / "source" / ("d" + std::to_string(i / 10)) / ("f" + std::to_string(i)), r.base / "source" / ("z" + std::to_string(i)));
      }
      r.write("large", r.noise(6'000'000, 99));
      fs::create_directory(r.base / "source" / "empty");
      fs::create_symlink("nowhere", r.base / "source" / "link");
      r.backup();
      r.mirror();
      r.backup();  // its folders' times are those of the tree, and all is read once more
      r.mirror();
      int asked = 0;
      r.liars[0].fails = [&](Liar::Asked what, int) {
        if (what == Liar::Asked::get && ++asked > gets) throw failure(Errc::disconnected, "reading");
      };
      std::map<std::string, std::pair<ino_t, std::int64_t>> before;
      RestoreProgress done;
      RestoreResult result;
      SnapshotInfo snapshot;
      RestoreOrder order;
      order.target = (r.base / "out").string();
      order.special = Special::restore;
      order.overwrite = mode;
      int attempts = 0;
      CHECK(r.read([&](VaultPort& vault) -> task<void> {
        if (++attempts == 2 && fs::exists(r.base / "out"))
          for (auto& e : fs::recursive_directory_iterator(r.base / "out")) {
            struct stat st {};
            REQUIRE(::lstat(e.path().c_str(), &st) == 0);
            if (!S_ISDIR(st.st_mode)) before[e.path().string()] = {st.st_ino, st.st_mtim.tv_nsec};
          }
        co_await r.list(vault);
        snapshot = pick_for_restore(r.all, r.all.back().id.hex(), done);
        MemoryPlan memory;
        memory.restored = 1'000'000;
        SecondServer second(r, vault.server_id(), r.pair());
        Restore restore(vault, *r.keys, r.workers, r.reporter, memory, attempts == 1 ? nullptr : &second);
        result = co_await restore.run(snapshot, order, &done);
      }) == Errc{});
      CHECK(attempts == 2);
      CHECK(r.same());
      CHECK(result.problems.empty());
      CHECK(result.progress.unreadable == 0);
      CHECK(result.progress.files == 1 + 80 + 1);
      CHECK(result.progress.others == 1);
      CHECK(result.progress.folders >= 5);
      for (auto& [path, was] : before) {
        struct stat st {};
        REQUIRE(::lstat(path.c_str(), &st) == 0);
        INFO(path);
        CHECK(st.st_ino == was.first);
      }
    }
  }
}

TEST_CASE("liar: objects that are neither sent nor named as missing come from the other server") {
  LiedToReader r;
  r.write("b", r.noise(300'000, 1));
  r.backup();
  r.mirror();
  r.liars[0].withholds = true;
  RestoreOrder order;
  order.target = (r.base / "out").string();
  order.special = Special::restore;
  int attempts = 0;
  CHECK(r.read([&](VaultPort& vault) -> task<void> {
    ++attempts;
    SnapshotInfo snapshot;
    snapshot.root = value_or_throw(Manifest::parse(r.stores[1].snapshots.rbegin()->second.manifest), "test").statement().root;
    SecondServer second(r, vault.server_id(), r.pair());
    Restore restore(vault, *r.keys, r.workers, r.reporter, MemoryPlan{}, &second);
    co_await restore.run(snapshot, order);
  }) == Errc{});
  CHECK(attempts == 1);  // object by object, not all of it anew
  CHECK(r.same());
}

TEST_CASE("liar: a server that closes the newest snapshot does not lead `latest` to an older one") {
  LiedToReader r;
  const auto newest = r.stores[1].snapshots.rbegin()->first;
  const auto closes = [&](std::size_t which) {
    r.liars[which].snapshots = [newest](std::uint64_t, std::vector<RemoteSnapshot> rows) {
      for (auto& row : rows)
        if (value_or_throw(Manifest::parse(row.manifest), "test").statement().sequence == newest) row.receipt.back() ^= 1;
      return rows;
    };
  };
  r.acknowledge();
  std::uint64_t picked = 0;
  const auto latest = [&](const std::string& name) {
    picked = 0;
    return r.read([&, name](VaultPort& vault) -> task<void> {
      co_await r.list(vault);
      picked = pick_snapshot(r.all, name).sequence;
    });
  };
  closes(0);
  for (const std::string name : {"latest", "latest:main"}) {
    INFO(name);
    CHECK(latest(name) == Errc{});
    CHECK(picked == newest);
    CHECK(r.from == Machine::id_of(1));
    CHECK(r.alarms.empty() == (name != "latest"));  // the second time that server is not asked first
  }
  closes(1);
  CHECK(latest("latest") == Errc::damaged);
  CHECK(picked == 0);
  CHECK_THAT(r.text, Contains("the newest that does is " + r.all[r.all.size() - 2].id.brief()));
}

TEST_CASE("liar: a snapshot that only the other server shows is found there by its id, and nobody rests for it") {
  LiedToReader r;
  r.acknowledge();
  r.liars[0].snapshots = [](std::uint64_t, std::vector<RemoteSnapshot> rows) {
    if (rows.size() > 1) rows.erase(rows.begin(), rows.end() - 1);
    return rows;
  };
  std::uint64_t picked = 0;
  const auto pick = [&](const std::string& name) {
    picked = 0;
    const Errc came = r.read([&, name](VaultPort& vault) -> task<void> {
      co_await r.list(vault);
      picked = pick_snapshot(r.all, name).sequence;
    });
    return came;
  };
  const auto rests = [&] {
    const auto endpoints = r.state->endpoints();
    return std::any_of(endpoints.endpoint().begin(), endpoints.endpoint().end(), [](auto& e) { return e.failures() > 0; });
  };
  const auto first = value_or_throw(Manifest::parse(r.stores[1].snapshots.at(1).manifest), "test").snapshot_id().hex();
  CHECK(pick(first) == Errc{});
  CHECK(picked == 1);
  CHECK(r.from == Machine::id_of(1));
  CHECK(pick(first.substr(0, 12)) == Errc{});
  CHECK(picked == 1);
  for (const std::string nowhere : {"ffffffffffff", "latest:other"}) {
    INFO(nowhere);
    if (nowhere.starts_with("latest")) r.liars[0] = {};
    CHECK(pick(nowhere) == Errc::not_found);
    CHECK(r.begun == 2);
    CHECK_THAT(r.text, Contains("primary: ") && Contains("alternate: ") && Contains(nowhere) && !Contains("connecting"));
  }
  CHECK_FALSE(rests());
  CHECK(pick(first) == Errc{});
  CHECK(r.from == Machine::id_of(0));
  r.down[1] = true;
  CHECK(pick("ffffffffffff") == Errc::unreachable);  // it may be there
  CHECK_THAT(r.text, Contains("connecting to alternate") && Contains("ffffffffffff"));
}

TEST_CASE("liar: a snapshot that this agent did not make is never the latest") {
  LiedToReader r;
  const auto newest = r.stores[0].snapshots.rbegin()->first;
  r.liars[0].snapshots = [&](std::uint64_t after, std::vector<RemoteSnapshot> rows) {
    if (after == 0) rows.push_back(RemoteSnapshot{r.forged(newest + 1), {}, {}});
    return rows;
  };
  r.acknowledge();
  std::uint64_t picked = 0;
  CHECK(r.read([&](VaultPort& vault) -> task<void> {
    co_await r.list(vault);
    picked = pick_snapshot(r.all, "latest").sequence;
  }) == Errc{});
  CHECK(picked == newest);
}

TEST_CASE("liar: below a thief's snapshot on top of both servers the newest of this agent's is read, with an alarm of each") {
  LiedToReader r;
  const auto newest = r.stores[0].snapshots.rbegin()->first;
  r.acknowledge();
  for (auto& store : r.stores) {
    const Buffer forged = r.forged(newest + 1);
    store.snapshots[newest + 1] = RemoteSnapshot{forged, {}, {}};
    store.digests[newest + 1] = value_or_throw(Manifest::parse(forged), "test").snapshot_id();
  }
  for (const std::string name : {"latest", "latest:main"}) {
    std::uint64_t picked = 0;
    CHECK(r.read([&, name](VaultPort& vault) -> task<void> {
      co_await r.list(vault);
      picked = pick_snapshot(r.all, name).sequence;
    }) == Errc{});
    CHECK(picked == newest);
    CHECK(newest_there(r.all)->sequence == newest);
    CHECK(r.alarms.size() == 2);
  }
  CHECK(history_alarms(*r.state).size() == 2);
}

TEST_CASE("liar: a snapshot that a server leaves out is missed, whichever it is") {
  LiedToReader r;
  r.write("a", "3");
  r.backup();  // 4
  r.mirror();
  r.acknowledge();
  for (std::uint64_t left_out = 1; left_out <= 3; ++left_out) {
    INFO(left_out);
    r.liars[0].snapshots = [left_out](std::uint64_t, std::vector<RemoteSnapshot> rows) {
      std::erase_if(rows, [&](const RemoteSnapshot& row) { return value_or_throw(Manifest::parse(row.manifest), "test").statement().sequence == left_out; });
      return rows;
    };
    CHECK(r.read() == Errc{});
    REQUIRE(r.all.size() == 4);
    const SnapshotInfo& gap = r.all.at(left_out - 1);
    CHECK(gap.missing_from == left_out);
    CHECK(gap.sequence == left_out);
    CHECK(gap.id == value_or_throw(Manifest::parse(r.stores[0].snapshots.at(left_out).manifest), "test").snapshot_id());
    CHECK_FALSE(gap.problem.empty());
    CHECK_THROWS_AS(pick_snapshot(r.all, "latest:other"), failure);
    CHECK(pick_snapshot(r.all, "latest").sequence == 4);
  }
  // All but the newest.
  r.liars[0].snapshots = [](std::uint64_t, std::vector<RemoteSnapshot> rows) {
    if (rows.size() > 1) rows.erase(rows.begin(), rows.end() - 1);
    return rows;
  };
  CHECK(r.read() == Errc{});
  REQUIRE(r.all.size() == 2);
  CHECK(r.all.front().missing_from == 1);
  CHECK(r.all.front().sequence == 3);
}

TEST_CASE("liar: another snapshot in the place of one that is left out does not stand for it") {
  LiedToReader r;
  r.acknowledge();
  r.liars[0].snapshots = [&](std::uint64_t, std::vector<RemoteSnapshot> rows) {
    for (auto& row : rows)
      if (value_or_throw(Manifest::parse(row.manifest), "test").statement().sequence == 2) row = RemoteSnapshot{r.forged(2), {}, {}};
    return rows;
  };
  CHECK(r.read() == Errc{});
  REQUIRE(r.all.size() == 4);
  CHECK(std::count_if(r.all.begin(), r.all.end(), [](auto& s) { return s.missing_from == 2 && s.sequence == 2; }) == 1);
}

TEST_CASE("missing: numbers that no server took are missed by nobody") {
  LiedToReader r;
  r.liars[0].fails = r.liars[1].fails = [](Liar::Asked what, int) {
    if (what == Liar::Asked::commit) throw failure(Errc::missing_object, "a server that takes nothing");
  };
  r.write("a", "3");
  CHECK_THROWS_AS(r.backup(), failure);  // 4, and it is sent again
  r.state->clear_pending();
  r.liars[0].fails = r.liars[1].fails = {};
  r.backup();
  r.mirror();
  r.acknowledge();
  CHECK(r.read() == Errc{});
  REQUIRE(r.all.size() == 4);
  CHECK(r.all.back().sequence > 4);
  CHECK(r.all.back().details.follows == 3);
  CHECK(std::none_of(r.all.begin(), r.all.end(), [](auto& s) { return s.missing_from != 0; }));
}

TEST_CASE("missing: what the other server alone has is on its way, and what both must have is a problem") {
  const auto row = [](std::uint64_t number, std::uint64_t missing_from, bool is_protected) {
    SnapshotInfo s;
    s.sequence = number;
    s.id.bytes.fill(static_cast<std::uint8_t>(number));
    s.missing_from = missing_from;
    s.is_protected = is_protected;
    s.ours = missing_from == 0;
    if (missing_from) s.problem = "here does not show it";
    s.details.job = "main";
    return s;
  };
  const std::vector<SnapshotInfo> others{row(1, 0, false), row(2, 0, false), row(3, 0, false)};
  for (const bool later_is_protected : {false, true}) {
    INFO(later_is_protected);
    const std::vector<SnapshotInfo> here{row(1, 0, true), row(2, 2, false), row(3, 0, later_is_protected)};
    auto all = here;
    look_elsewhere(all, Elsewhere{"east", "west", others, 0});
    CHECK(all[1].on_its_way == !later_is_protected);
    CHECK(all[1].problem.empty() == !later_is_protected);
    CHECK(all[1].details.job == "main");
    CHECK(all[1].elsewhere == "west");
    CHECK_THROWS_AS(pick_snapshot(all, all[1].id.hex()), failure);
    all = here;
    look_elsewhere(all, Elsewhere{"east", "west", std::nullopt, 2});
    CHECK(all[1].on_its_way == !later_is_protected);
    CHECK_THAT(all[1].problem, Contains("was not reached"));
    all = here;
    look_elsewhere(all, Elsewhere{"east", "west", std::nullopt, 1});
    CHECK_FALSE(all[1].on_its_way);
    all = here;
    look_elsewhere(all, Elsewhere{"east", "west", std::vector<SnapshotInfo>{others[0], row(2, 2, false)}, 9});
    CHECK_FALSE(all[1].on_its_way);
    CHECK_THAT(all[1].problem, Contains("neither east nor west shows it"));
  }
}

TEST_CASE("liar: content that no reader takes is a snapshot's error, and the check goes on") {
  LiedToReader r;
  std::optional<CheckResult> result;
  const auto check = [&] {
    result.reset();
    FakeVault inner(r.stores[0]);
    Liar vault(inner, r.liars[0]);
    SnapshotInfo snapshot;
    snapshot.root = value_or_throw(Manifest::parse(r.stores[0].snapshots.rbegin()->second.manifest), "test").statement().root;
    result = r.run(check_snapshots(vault, *r.keys, r.workers, r.reporter, {snapshot}, CheckDepth::data));
  };
  for (const Errc code : {Errc::too_large, Errc::unsupported_version, Errc::bad_secret, Errc::damaged}) {
    INFO(static_cast<int>(code));
    r.liars[0].fails = [code](Liar::Asked what, int) {
      if (what == Liar::Asked::get) throw failure(code, "reading a record");
    };
    CHECK_NOTHROW(check());
    REQUIRE(result);
    CHECK(result->error_count == 1);
  }
  r.liars[0].fails = [](Liar::Asked, int) { throw wire::Refusal(Errc::too_large, "asking a liar", {}); };
  CHECK_THROWS_AS(check(), failure);
}
