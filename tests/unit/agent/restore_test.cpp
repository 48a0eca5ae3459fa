#include "agent/restore.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/restore_folders.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

/// "mode seconds nanoseconds owner" of what is there.
std::string meta(const fs::path& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0) return "nothing";
  return std::to_string(st.st_mode & 07777) + ' ' + std::to_string(st.st_mtim.tv_sec) + ' ' + std::to_string(st.st_mtim.tv_nsec) + ' ' + std::to_string(st.st_uid);
}

void set(const fs::path& path, mode_t mode, time_t seconds) {
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  timespec const times[2] = {{seconds, 0}, {seconds, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

mode_t mode_of(const fs::path& path) {
  struct stat st {};
  REQUIRE(::lstat(path.c_str(), &st) == 0);
  return st.st_mode & 07777;
}

}  // namespace

TEST_CASE("restore: what overwriting keeps keeps its metadata, folders too") {
  Machine m;
  m.write("d/kept", "old");
  m.write("d/missing", "old");
  m.write("d/same", "old");
  set(m.base / "source/d/kept", 0644, 1'500'000'000);
  set(m.base / "source/d", 0755, 1'500'000'000);
  m.backup();
  m.restore();
  for (auto const overwrite : {Overwrite::never, Overwrite::if_newer}) {
    fs::remove(m.restored("d/missing"));
    std::ofstream(m.restored("d/kept")) << "newer and longer";
    set(m.restored("d/kept"), 0600, 1'700'000'000);
    REQUIRE(::chmod(m.restored("d/same").c_str(), 0600) == 0);
    set(m.restored("d"), 0700, 1'700'000'000);
    auto const before = meta(m.restored("d/kept"));
    m.over = overwrite;
    CHECK(m.restore().problems.empty());
    CHECK(meta(m.restored("d/kept")) == before);
    CHECK(content(m.restored("d/kept")) == "newer and longer");
    CHECK(content(m.restored("d/missing")) == "old");
    CHECK(mode_of(m.restored("d")) == 0700);
    CHECK(mode_of(m.restored("d/same")) == 0600);
  }
  m.over = Overwrite::always;
  m.restore();
  CHECK(meta(m.restored("d")) == meta(m.base / "source/d"));
}

TEST_CASE("restore: folders that only lead to what was asked for are made as in the snapshot, and left alone where they stand") {
  Machine m;
  m.write("home/docs/a", "a");
  m.write("home/docs/b", "b");
  set(m.base / "source/home/docs", 0750, 1'500'000'000);
  set(m.base / "source/home", 0755, 1'500'000'000);
  set(m.base / "source", 0755, 1'500'000'000);
  m.backup();
  const std::string a = (m.base / "source/home/docs/a").string(), b = (m.base / "source/home/docs/b").string();
  m.restore(0, {a});
  CHECK(meta(m.restored("home/docs")) == meta(m.base / "source/home/docs"));
  m.restore(0, {b, a});  // the same folder is come to twice
  CHECK(meta(m.restored("home/docs")) == meta(m.base / "source/home/docs"));
  for (auto const overwrite : {Overwrite::always, Overwrite::never}) {
    set(m.restored("home"), 0700, 1'700'000'000);
    set(m.restored("home/docs"), 02710, 1'700'000'000);
    fs::remove(m.restored("home/docs/a"));
    auto const before = meta(m.restored("home"));
    m.over = overwrite;
    CHECK(m.restore(0, {a}).problems.empty());
    CHECK(content(m.restored("home/docs/a")) == "a");
    CHECK(meta(m.restored("home")) == before);
    CHECK(mode_of(m.restored("home/docs")) == 02710);
  }
  // All of the job: what lies above its sources was not asked for.
  const fs::path above = m.base / "out" / m.base.relative_path();
  set(above, 0711, 1'700'000'000);
  m.over = Overwrite::always;
  m.restore();
  CHECK(mode_of(above) == 0711);
  CHECK(meta(m.restored("home")) == meta(m.base / "source/home"));
}

TEST_CASE("restore: paths that lie in one another, come twice or are written oddly are each restored once") {
  Machine m;
  m.write("d/x", "x");
  m.write("d/e/y", "y");
  m.write("z", "z");
  fs::create_hard_link(m.base / "source/d/x", m.base / "source/d/xx");
  m.backup();
  const std::string s = (m.base / "source").string();
  const std::vector<std::vector<std::string>> orders{{s + "/d/x", s + "/d/x"}, {s + "/d", s + "/d/x"}, {s + "/d/x", s + "/d"}, {s + "/d/e", s + "/z", s + "/d"}, {s + "//d/./"}, {"/"}};
  for (auto const& order : orders) {
    INFO(order.front());
    const RestoreResult r = m.restore(0, order);
    CHECK(r.problems.empty());
    CHECK(content(m.restored("d/x")) == "x");
    if (order.size() != 2 || order[0] != order[1]) CHECK(fs::equivalent(m.restored("d/x"), m.restored("d/xx")));
  }
  CHECK(m.same());
  CHECK(m.restore(0, {s + "/d", s + "/z"}).progress.files == 4);
  CHECK(m.restore(0, {s + "/d", s + "/d/x", s + "/z"}).progress.files == 4);
  CHECK_THROWS_AS(m.restore(0, {s + "/d", s + "/none"}), failure);
  CHECK_FALSE(fs::exists(m.restored("d")));  // nothing is written before all paths are known to be there
  CHECK_THROWS_AS(m.restore(0, {s + "/../x"}), failure);
}

TEST_CASE("restore: with if-changed a set-uid file whose mode was changed is written anew, and names of one file become that again") {
  Machine m;
  m.write("tool", "#!/bin/sh\n");
  m.write("one", m.noise(3'000, 1));
  fs::create_hard_link(m.base / "source/one", m.base / "source/two");
  REQUIRE(::chmod((m.base / "source/tool").c_str(), 04755) == 0);
  m.backup();
  m.restore();
  REQUIRE(::chmod(m.restored("tool").c_str(), 0777) == 0);
  REQUIRE(::chmod(m.restored("one").c_str(), 0777) == 0);
  m.over = Overwrite::if_changed;
  const RestoreResult r = m.restore();
  CHECK(r.not_applied == 0);
  CHECK(m.same());
  CHECK(fs::equivalent(m.restored("one"), m.restored("two")));
}

TEST_CASE("restore: a folder that cannot be made is named with what lies in it, and the rest goes on") {
  Machine m;
  m.write("a", "a");
  m.write("b/f", "f");
  m.write("b/sub/subsub/f", "f");
  m.write("c/f", "c");
  m.write("z", "z");
  m.backup();
  m.restore();
  fs::remove_all(m.restored("b"));
  std::ofstream(m.restored("b")) << "in the way";
  fs::remove(m.restored("z"));
  fs::remove(m.restored("c/f"));
  for (auto const overwrite : {Overwrite::never, Overwrite::if_newer}) {
    m.over = overwrite;
    const RestoreResult r = m.restore();
    CHECK(content(m.restored("z")) == "z");
    CHECK(content(m.restored("c/f")) == "c");
    CHECK(content(m.restored("b")) == "in the way");
    REQUIRE(r.problems.size() == 5);  // two folders below it, two files
    CHECK_THAT(r.problems.front(), Catch::Contains("source/b'"));
    CHECK_THAT(r.problems.back(), Catch::Contains("subsub/f'") && Catch::Contains("its folder"));
    CHECK(r.progress.unreadable == 5);
  }
}

TEST_CASE("restore: where the first name of a file cannot be made, the others have its content and are names of one file") {
  for (std::size_t const size : {std::size_t{3'000}, std::size_t{5'000'000}}) {
    Machine m;
    m.write("a/one", m.noise(size, 1));
    m.write("b/keep", "x");
    fs::create_hard_link(m.base / "source/a/one", m.base / "source/b/two");
    fs::create_hard_link(m.base / "source/a/one", m.base / "source/b/three");
    m.backup();
    fs::create_directories(m.restored("a/one/full"));
    m.over = Overwrite::always;
    const RestoreResult r = m.restore();
    CHECK(r.problems.size() == 1);
    CHECK(content(m.restored("b/two")) == content(m.base / "source/a/one"));
    CHECK(fs::equivalent(m.restored("b/two"), m.restored("b/three")));
  }
}

TEST_CASE("restore: descriptors are bounded, however many folders and however deep") {
  Machine m;
  std::string deep = "deep";
  for (int i = 0; i < 200; ++i) deep += "/d";
  m.write(deep + "/bottom", "bottom");
  for (int i = 0; i < 800; ++i) {
    const std::string folder = "f" + std::to_string(i);
    m.write(folder + "/file", "x");
    fs::create_directories(m.base / "source" / ("empty" + std::to_string(i)));
    m.write(folder + "/one", folder);
    fs::create_hard_link(m.base / "source" / folder / "one", m.base / "source" / folder / "two");
  }
  m.write("deep/z", "after the depth");
  m.backup();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few = before;
  few.rlim_cur = 700;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  RestoreResult r;
  CHECK_NOTHROW(r = m.restore());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(r.problems.empty());
  CHECK(m.same());
}

TEST_CASE("restore: a folder to which the walk does not come back is named, for it lacks its metadata") {
  Machine m;
  const std::string out = (m.base / "out").string();
  TargetOptions options;
  std::unordered_set<std::string> made;
  restoring::FolderWalk walk(TargetFolder::open_root(out, options), restoring::Asked({}), made);
  std::vector<std::string> parts;
  Entry entry;
  entry.kind = EntryKind::folder;
  for (std::uint64_t depth = 1; depth <= 100; ++depth) {  // more than stay open
    parts.push_back("d");
    entry.path += depth == 1 ? "d" : "/d";
    REQUIRE(walk.reach(parts, &entry, depth).empty());
  }
  fs::rename(m.base / "out/d/d", m.base / "moved");
  const auto left = walk.leave_to({});
  REQUIRE(left.size() == 100);
  CHECK(left.front().gone.empty());  // held open
  CHECK(left.front().first == 100);
  CHECK_THAT(left[98].gone, Catch::Contains("not found"));
  CHECK(left[99].gone.empty());
  CHECK(left[99].entry.path == "d");

  restoring::Unit unit;
  unit.folders_done = {left[98]};
  restoring::LinkTargets none;
  const restoring::Written w = restoring::finish_unit(&unit, nullptr, &none);
  CHECK(w.not_applied == 1);
  REQUIRE(w.not_set.size() == 1);
  CHECK_THAT(w.not_set.front(), Catch::Contains("'/d/d': its owner, mode and times are not set"));
}

TEST_CASE("restore: a path that no snapshot has is refused with what is wrong with it") {
  Machine m;
  m.write("a", "a");
  m.backup();
  CHECK_THROWS_WITH(m.restore(0, {"/a/../b"}), Catch::Contains("no .. in it"));
  CHECK_THROWS_WITH(m.restore(0, {"/" + std::string(70'000, 'x')}), Catch::Contains("longer than a path in a snapshot may be"));
}

TEST_CASE("restore: what could not be restored is told as a path and a reason, of each folder above once") {
  struct Told final : Reporter {
    void progress(const Progress&) override {}
    void problem(std::string_view path, std::string_view text) override { said.emplace_back(path, text); }
    void note(std::string_view) override {}
    std::vector<std::pair<std::string, std::string>> said;
  };
  Machine m;
  m.write("b/one", "1");
  m.write("b/two", "2");
  m.backup();
  const fs::path restored = m.restored("b").parent_path();
  fs::create_directories(restored.parent_path());
  std::ofstream(restored) << "in the way";
  FakeVault vault(m.stores[0]);
  SnapshotInfo snapshot;
  snapshot.root = value_or_throw(Manifest::parse(m.stores[0].snapshots.rbegin()->second.manifest), "test").statement().root;
  const std::string source = (m.base / "source").string();
  RestoreOrder order;
  order.target = (m.base / "out").string();
  order.overwrite = Overwrite::never;
  order.paths = {source + "/b/one", source + "/b/two"};
  Told told;
  Restore r(vault, *m.keys, m.workers, told);
  const RestoreResult result = m.run(r.run(snapshot, order));
  REQUIRE(told.said.size() == 4);  // two folders, two files
  CHECK(told.said.front().first == source);
  CHECK(told.said.back().first == source + "/b/two");
  for (auto& [path, text] : told.said) CHECK_FALSE(text.empty());
  CHECK(result.progress.unreadable == 4);
}

TEST_CASE("restore: owners by number, or none at all, where that is asked for") {
  if (::geteuid() != 0) return;
  Machine m;
  m.write("f", "x");
  REQUIRE(::chown((m.base / "source/f").c_str(), 4242, 4243) == 0);
  m.backup();
  const auto owner = [&](Ownership how) {
    m.owners = how;
    m.restore();
    struct stat st {};
    REQUIRE(::stat(m.restored("f").c_str(), &st) == 0);
    return st.st_uid;
  };
  CHECK(owner(Ownership::ids) == 4242);
  CHECK(owner(Ownership::none) == 0);
}
