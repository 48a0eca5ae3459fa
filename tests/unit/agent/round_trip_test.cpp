#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/check.hpp"
#include "agent/own_snapshots.hpp"
#include "base/shown_path.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;

TEST_CASE("round trip: files, links, holes, odd names, times and modes come back as they were") {
  Machine m;
  m.write("empty", "");
  m.write("one", "1");
  m.write("inline 96", m.noise(96, 1));
  m.write("inline 97", m.noise(97, 2));
  m.write("deep/er/and/deeper/file", "content");
  m.write("large", m.noise(9'000'000, 3));
  m.write(std::string("latin-\xe9-1"), "a name that is not UTF-8");
  m.write("new\nline", "x");
  m.write("a-b", "sorts around");
  m.write("a/b", "the slash");
  m.write("a0", "trap");
  const fs::path s = m.base / "source";
  fs::create_symlink("does/not/exist", s / "dangling");
  fs::create_hard_link(s / "large", s / "deep/large link");
  REQUIRE(::mkfifo((s / "fifo").c_str(), 0640) == 0);
  REQUIRE(::chmod((s / "one").c_str(), 04751) == 0);
  {
    std::ofstream sparse(s / "sparse", std::ios::binary);
    sparse.seekp(5'000'000);
    sparse << "in the middle";
    sparse.seekp(9'999'999);
    sparse << "e";
  }
  timespec times[2] = {{-5, 123}, {-5, 123456789}};
  REQUIRE(::utimensat(AT_FDCWD, (s / "empty").c_str(), times, 0) == 0);

  const BackupResult r = m.backup();
  CHECK(r.sequence == 1);
  CHECK(r.progress.unreadable == 0);
  const RestoreResult back = m.restore();
  CHECK(back.problems.empty());
  CHECK(m.same());
  struct stat a {}, b {};
  REQUIRE(::stat((m.base / "out" / (m.base / "source").relative_path() / "sparse").c_str(), &b) == 0);
  REQUIRE(::stat((s / "sparse").c_str(), &a) == 0);
  CHECK(b.st_blocks <= a.st_blocks + 64);
}

TEST_CASE("second run: nothing changed sends no content and makes the same catalog") {
  Machine m;
  for (int i = 0; i < 300; ++i) m.write("folder" + std::to_string(i % 7) + "/file" + std::to_string(i), m.noise(1000, static_cast<unsigned>(i)));
  m.let_time_pass();
  m.backup();
  const auto stored = m.stores[0].where.size();
  const BackupResult second = m.backup();
  CHECK(second.sequence == 2);
  CHECK(second.progress.bytes_read == 0);
  CHECK(second.progress.unchanged == 300);
  // The new session's envelope; and the leaf with the folders above the source, whose times others change.
  CHECK(m.stores[0].where.size() <= stored + 3);
}

TEST_CASE("failover: the primary breaks in the middle, the run ends on the alternate and restores from there") {
  Machine m;
  for (int i = 0; i < 40; ++i) m.write("f" + std::to_string(i), m.noise(400'000, static_cast<unsigned>(i)));
  m.puts_left[0] = 5;
  const BackupResult r = m.backup();
  CHECK(r.sequence == 1);
  CHECK(m.stores[0].snapshots.empty());
  REQUIRE(m.stores[1].snapshots.size() == 1);
  m.restore(1);
  CHECK(m.same());
}

TEST_CASE("resume: connections that break again and again end in a snapshot, and nothing is sent twice") {
  Machine m;
  for (int i = 0; i < 40; ++i) m.write("f" + std::to_string(i), m.noise(400'000, static_cast<unsigned>(i)));
  m.let_time_pass();
  m.down[1] = true;
  m.puts_left[0] = 8;  // of about twenty
  const BackupResult r = m.backup();
  CHECK(r.sequence == 1);
  CHECK(m.timers.sleeps > 0);
  CHECK(m.stores[0].bytes < 16'000'000 + 4'000'000);  // what stood in line when a connection broke may come again
  m.restore();
  CHECK(m.same());
}

TEST_CASE("no server: the run says what both of them answered, and the job's record keeps it") {
  Machine m;
  m.write("file", "x");
  m.down[0] = m.down[1] = true;
  try {
    m.backup();
    FAIL("a backup without a server");
  } catch (const failure& f) {
    CHECK(exit_code(f.code()) == Exit::unreachable);
    CHECK(std::string(f.what()).find("primary") != std::string::npos);
    CHECK(std::string(f.what()).find("alternate") != std::string::npos);
  }
  CHECK(m.state->job("main").failures() == 1);
  CHECK(m.state->job("main").last_exit() == 4);
}

TEST_CASE("lost acknowledgement: the pending manifest is settled with its own bytes, no number is used twice") {
  Machine m;
  m.write("file", m.noise(100'000, 1));
  m.let_time_pass();
  m.lose_ack = true;
  m.down[1] = true;
  CHECK_THROWS_AS(m.backup(), failure);
  REQUIRE(m.state->pending());
  m.lose_ack = false;
  const BackupResult r = m.backup();
  CHECK_FALSE(m.state->pending());
  CHECK(r.sequence == 2);
  CHECK(m.stores[0].snapshots.size() == 2);
  CHECK(r.progress.bytes_read == 0);  // the settled snapshot is what the run compares with
}

TEST_CASE("lost acknowledgement, then the other server: the chain goes on from the snapshot that only the first one has") {
  Machine m;
  m.write("file", m.noise(100'000, 1));
  m.lose_ack = true;
  m.down[1] = true;
  CHECK_THROWS_AS(m.backup(), failure);
  REQUIRE(m.stores[0].digests.contains(1));
  m.lose_ack = false;
  m.down[0] = true;
  m.down[1] = false;
  const BackupResult r = m.backup();
  CHECK(r.sequence == 2);
  REQUIRE_FALSE(m.stores[1].digests.contains(1));  // number 1 is complete on the first one only
  const Manifest second = value_or_throw(Manifest::parse(m.stores[1].snapshots.at(2).manifest), "test");
  CHECK(second.statement().previous == m.stores[0].digests[1]);
}

TEST_CASE("last catalog: neither on this machine nor on a server that lags behind, the files are read again") {
  Machine m;
  for (int i = 0; i < 20; ++i) m.write("f" + std::to_string(i), m.noise(50'000, static_cast<unsigned>(i)));
  m.let_time_pass();
  m.backup();
  fs::remove(m.base / "state/jobs/main/catalog");
  m.down[0] = true;
  const BackupResult r = m.backup();
  CHECK(r.sequence == 2);
  CHECK(r.progress.unchanged == 0);
  m.restore(1);
  CHECK(m.same());
}

TEST_CASE("a server whose disk fails or is full: the run goes on at the other one") {
  for (Errc code : {Errc::io, Errc::no_space, Errc::damaged}) {
    Machine m;
    m.write("file", m.noise(100'000, 1));
    m.refuses_puts[0] = code;
    CHECK(m.backup().sequence == 1);
    CHECK(m.stores[0].snapshots.empty());
    CHECK(m.stores[1].snapshots.size() == 1);
  }
  // The same words about this machine's own disk are no reason to try elsewhere.
  CHECK_FALSE(is_server_trouble(failure(Errc::io, "writing the journal")));
  CHECK_FALSE(is_server_trouble(failure(Errc::no_space, "writing the journal")));
}

TEST_CASE("missing chunk: a server that lost one gets it again before the snapshot counts") {
  Machine m;
  for (int i = 0; i < 20; ++i) m.write("f" + std::to_string(i), m.noise(50'000, static_cast<unsigned>(i)));
  m.let_time_pass();
  m.backup();
  // Not a node: the leaf refers to it.  Nor the envelope, without which nothing of its session can be read.
  for (auto& [id, record] : m.stores[0].where) {
    const auto prefix = parse_record_prefix(*record);
    REQUIRE(prefix.has_value());
    if (m.stores[0].nodes.contains(id) || prefix->type == ObjectType::envelope) continue;
    const auto copy = id;
    m.stores[0].lose(copy);
    break;
  }
  const BackupResult r = m.backup();
  CHECK(r.sequence >= 2);
  m.restore();
  CHECK(m.same());
}

TEST_CASE("alternate without history: every id is asked about and the snapshot is complete there") {
  Machine m;
  for (int i = 0; i < 20; ++i) m.write("f" + std::to_string(i), m.noise(50'000, static_cast<unsigned>(i)));
  m.let_time_pass();
  m.backup();
  m.down[0] = true;
  const BackupResult r = m.backup();
  CHECK(r.sequence == 2);
  m.restore(1);
  CHECK(m.same());
}

TEST_CASE("changes: edits, removals, renames and new files give what is on disk") {
  Machine m;
  for (int i = 0; i < 200; ++i) m.write("d" + std::to_string(i % 9) + "/f" + std::to_string(i), m.noise(3'000, static_cast<unsigned>(i)));
  m.backup();
  const fs::path s = m.base / "source";
  m.write("d1/f1", "edited");
  fs::remove(s / "d2/f2");
  fs::rename(s / "d3", s / "renamed");
  m.write("new/file", m.noise(500'000, 999));
  fs::remove_all(s / "d4");
  m.write("d4", "a file where a folder was");
  m.backup();
  m.restore();
  CHECK(m.same());
}

TEST_CASE("excludes: what a rule leaves out is not in the snapshot, cache folders keep their tag only") {
  Machine m;
  m.write("keep", "1");
  m.write("drop.tmp", "2");
  m.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
  m.write("cache/data", "3");
  m.write("not-cache/CACHEDIR.TAG", "something else");
  m.write("not-cache/data", "4");
  const ExcludeLine line{"*.tmp", "test", 1};
  m.job.rules = *ExcludeRules::parse(std::span(&line, 1)).value;
  m.job.scan.exclude_caches = true;
  m.backup();
  m.restore();
  const fs::path out = m.base / "out" / (m.base / "source").relative_path();
  CHECK(fs::exists(out / "keep"));
  CHECK_FALSE(fs::exists(out / "drop.tmp"));
  CHECK(fs::exists(out / "cache/CACHEDIR.TAG"));
  CHECK_FALSE(fs::exists(out / "cache/data"));
  CHECK(fs::exists(out / "not-cache/data"));
}

TEST_CASE("restore of one path brings it, the folders above it, and nothing else") {
  Machine m;
  m.write("a/b/wanted", "yes");
  m.write("a/b/other", "no");
  m.write("c/too", "no");
  m.backup();
  m.restore(0, {(m.base / "source/a/b/wanted").string()});
  const fs::path out = m.base / "out" / (m.base / "source").relative_path();
  CHECK(fs::exists(out / "a/b/wanted"));
  CHECK_FALSE(fs::exists(out / "a/b/other"));
  CHECK_FALSE(fs::exists(out / "c"));
  CHECK_THROWS_AS(m.restore(0, {"/does/not/exist"}), failure);
}

TEST_CASE("restore: a path that a list shows is found, and a name that only looks like one of those is itself") {
  Machine m;
  m.write(std::string("latin-\xe9"), "in another encoding");
  m.write("new\nline", "two lines");
  m.write("back\\x27", "a backslash of its own");
  m.write("back'", "an apostrophe");
  m.backup();
  const std::string source = (m.base / "source").string();
  m.restore(0, {shown_path(source + "/latin-\xe9"), shown_path(source + "/new\nline"), shown_path(source + "/back\\x27")});
  const fs::path out = m.base / "out" / (m.base / "source").relative_path();
  CHECK(fs::exists(out / "latin-\xe9"));
  CHECK(fs::exists(out / "new\nline"));
  CHECK(fs::exists(out / "back\\x27"));
  CHECK_FALSE(fs::exists(out / "back'"));
  CHECK_THROWS_WITH(m.restore(0, {source + "/none\\xff"}), Catch::Contains("does not have it"));
}

TEST_CASE("restore: slashes too many in a path change nothing, and / is all of the snapshot") {
  Machine m;
  m.write("a/wanted", "yes");
  m.write("c", "yes");
  m.backup();
  m.restore(0, {"/" + (m.base / "source").string() + "//a///"});
  CHECK(m.restored_text("a/wanted") == "yes");
  CHECK_FALSE(fs::exists(m.restored("c")));
  for (const char* all : {"/", "//", "/./"}) {
    CHECK(m.restore(0, {all}).problems.empty());
    CHECK(m.same());
  }
}

TEST_CASE("restore: names of one file come back whichever of them was kept, as names of one file where that one is the snapshot's") {
  Machine m;
  m.write("a", m.noise(3'000, 1));
  m.write("large-a", m.noise(12'000'000, 2));
  for (const char* name : {"a", "large-a"})
    for (const char* more : {".b", ".c"}) fs::create_hard_link(m.base / "source" / name, m.base / "source" / (std::string{name} + more));
  m.backup();
  const fs::path out = m.base / "out" / (m.base / "source").relative_path();
  for (auto const overwrite : {Overwrite::if_changed, Overwrite::never, Overwrite::if_newer, Overwrite::always})
    for (std::string const name : {"a", "large-a"})
      for (unsigned gone = 0; gone < 8; ++gone) {
        INFO(name << " " << gone << " " << static_cast<int>(overwrite));
        m.over = {};
        m.restore();
        const std::vector<std::string> names{name, name + ".b", name + ".c"};
        for (unsigned i = 0; i < 3; ++i)
          if (gone & 1U << i) fs::remove(out / names[i]);
        m.over = overwrite;
        CHECK(m.restore().problems.empty());
        for (auto const& n : names) CHECK(fs::file_size(out / n) == fs::file_size(m.base / "source" / n));
        if (!(gone & 1U))
          for (auto const& n : names) CHECK(fs::equivalent(out / name, out / n));
      }
  m.over = {};
  m.restore();
  m.over = Overwrite::never;
  fs::remove(out / "a.b");
  fs::remove(out / "a");
  std::ofstream{out / "a"} << "the user's own";
  fs::permissions(out / "a", static_cast<fs::perms>(0751));
  auto const before = fs::last_write_time(out / "a");
  CHECK(m.restore().problems.empty());
  CHECK(fs::last_write_time(out / "a") == before);
  CHECK(fs::status(out / "a").permissions() == static_cast<fs::perms>(0751));
  CHECK(fs::file_size(out / "a.b") == 3'000);
}

TEST_CASE("check: a whole vault has no errors, a lost chunk and a damaged record are named") {
  Machine m;
  for (int i = 0; i < 20; ++i) m.write("f" + std::to_string(i), m.noise(50'000, static_cast<unsigned>(i)));
  m.backup();
  const auto check = [&m](CheckDepth depth) {
    FakeVault vault(m.stores[0]);
    SnapshotInfo snapshot;
    snapshot.root = value_or_throw(Manifest::parse(m.stores[0].snapshots.rbegin()->second.manifest), "test").statement().root;
    return m.run(check_snapshots(vault, *m.keys, m.workers, m.reporter, {snapshot}, depth));
  };
  CHECK(check(CheckDepth::data).error_count == 0);
  ObjectId victim;
  for (auto& [id, record] : m.stores[0].where)
    if (!m.stores[0].nodes.contains(id) && record->size() > 100'000) victim = id;
  const auto record = m.stores[0].where[victim];
  (*record)[record->size() / 2] ^= 1;
  CHECK(check(CheckDepth::structure).error_count == 0);
  CHECK(check(CheckDepth::data).error_count > 0);
  (*record)[record->size() / 2] ^= 1;
  m.stores[0].lose(victim);
  CHECK(check(CheckDepth::structure).error_count == 1);
}

TEST_CASE("restore: only what was made counts as restored") {
  Machine m;
  REQUIRE(::mkfifo((m.base / "source" / "fifo").c_str(), 0600) == 0);
  if (::mknod((m.base / "source" / "device").c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0) return;  // needs privilege
  m.backup();
  m.special = Special::leave_out;
  const RestoreResult held = m.restore();
  CHECK(held.left_out == 1);
  CHECK(held.progress.others == 1);
  m.special = Special::restore;
  CHECK(m.restore().progress.others == 2);
}

TEST_CASE("restore: set-uid bits of a snapshot that this machine did not make stay away, counted, and its own newest ones are known") {
  Machine m;
  m.write("tool", "#!/bin/sh\n");
  m.write("plain", "x");
  const fs::path s = m.base / "source";
  REQUIRE(::chmod((s / "tool").c_str(), 06755) == 0);
  m.backup();
  const Digest first = m.newest();
  CHECK(made_here(*m.state, first));
  m.special = Special::leave_out;
  const RestoreResult held = m.restore();
  CHECK(held.left_out == 1);
  CHECK(held.not_applied == 0);
  CHECK(held.problems.empty());
  struct stat st {};
  const fs::path out = m.base / "out" / s.relative_path();
  REQUIRE(::stat((out / "tool").c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0755);
  m.special = Special::restore;
  CHECK(m.restore().left_out == 0);
  REQUIRE(::stat((out / "tool").c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 06755);

  m.write("plain", "other");
  m.let_time_pass();
  m.backup();
  CHECK(made_here(*m.state, m.newest()));
  CHECK_FALSE(made_here(*m.state, first));  // its digest is not in the state any more
  Digest other = m.newest();
  other.bytes[0] ^= 1;
  CHECK_FALSE(made_here(*m.state, other));
}
