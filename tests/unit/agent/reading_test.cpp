// What a disk can do to the one who reads it: errors of every kind, names twice and in no order.
#include <algorithm>
#include <cerrno>

#include <spdlog/fmt/fmt.h>

#include "platform/process.hpp"
#include "restless_tree.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

constexpr std::size_t kSmall = 3000, kLarge = 5'000'000;

struct Noted final : Reporter {
  void progress(const Progress&) override {}
  void problem(std::string_view path, std::string_view text) override { problems.emplace_back(std::string(path) + ": " + std::string(text)); }
  void note(std::string_view text) override { notes.emplace_back(text); }
  std::vector<std::string> problems, notes;
};

BackupResult backup(Machine& m, RestlessTree& tree, Noted& noted) {
  BackupParts parts{*m.state, *m.keys, m.workers, m.timers, m.clock, m.random, noted, tree};
  JobRunner runner(parts, m, *m.choice);
  return m.run(runner.run(m.job, Patience::one_round)).value();
}

}  // namespace

TEST_CASE("reading: whatever error number a file gives, it alone is named, and no server is blamed, small or large") {
  for (const int error : {EIO, EACCES, EPERM, ESTALE, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNRESET, ECONNABORTED, ENOTCONN, EPIPE, ECANCELED, ENOSPC, EDQUOT, EEXIST, ENOTDIR, ELOOP}) {
    for (const bool at_open : {true, false}) {
      INFO(error << (at_open ? " when it is opened" : " when it is read"));
      Machine m;
      RestlessTree tree;
      Noted noted;
      if (at_open) tree.unrest.cannot_open = {{"small", error}, {"large", error}};
      else tree.unrest.cannot_read = {{"small", {kSmall, error}}, {"large", {3'000'000, error}}};
      m.write("a", m.noise(kSmall, 1));
      m.write("small", m.noise(2 * kSmall, 2));
      m.write("large", m.noise(kLarge, 3));
      m.write("z", m.noise(kLarge, 4));
      const BackupResult r = backup(m, tree, noted);
      CHECK(r.progress.unreadable == 2);
      CHECK(r.progress.files == 2);
      CHECK_FALSE(r.complete());
      CHECK(noted.notes.empty());
      REQUIRE(noted.problems.size() == 2);
      CHECK(noted.problems[0].find("/large: ") != std::string::npos);
      CHECK(noted.problems[1].find("/small: ") != std::string::npos);
      m.restore();
      CHECK(m.restored_text("z") == m.noise(kLarge, 4));
      CHECK_FALSE(fs::exists(m.restored("large")));
      CHECK_FALSE(fs::exists(m.restored("small")));
    }
  }
}

TEST_CASE("reading: a server's trouble while a large file is read stays the server's") {
  Machine m;
  m.write("large", m.noise(kLarge, 1));
  m.puts_left[0] = 1;
  CHECK(m.backup().progress.unreadable == 0);
  m.restore(1);
  CHECK(m.same());
}

TEST_CASE("reading: names that come twice, or in no order, are in the snapshot once and in their place") {
  Machine m;
  RestlessTree tree;
  Noted noted;
  tree.unrest.lists = [](std::vector<SourceName>& names) {
    const std::vector<SourceName> once = names;
    for (auto& n : once) names.push_back(n);
    std::reverse(names.begin(), names.end());
  };
  for (const char* name : {"a", "b/in", "b/deep/in", "c", "large"}) m.write(name, m.noise(name == std::string("large") ? kLarge : kSmall, 1));
  fs::create_symlink("a", m.base / "source" / "link");
  const BackupResult r = backup(m, tree, noted);
  CHECK(r.complete());
  CHECK(r.progress.files == 5);
  m.restore();
  CHECK(m.same());
  m.let_time_pass();
  backup(m, tree, noted);
  m.let_time_pass();
  CHECK(backup(m, tree, noted).progress.unchanged == 5);
}

TEST_CASE("reading: what a folder lists that is no name is left out and told, and leads nowhere") {
  Machine m;
  RestlessTree tree;
  Noted noted;
  tree.unrest.lists = [](std::vector<SourceName>& names) {
    if (names.empty() || names.front().name != "a") return;
    for (const char* none : {"", ".", "..", "a/b", "../../a"}) {
      SourceName strange = names.front();
      strange.name = none;
      names.push_back(strange);
    }
    names.push_back(names.front());
    names.back().name.push_back('\0');
  };
  m.write("a", m.noise(kSmall, 1));
  m.write("z", m.noise(kSmall, 2));
  const BackupResult r = backup(m, tree, noted);
  CHECK(r.progress.unreadable == 6);
  CHECK(noted.problems.size() == 6);
  CHECK(r.progress.files == 2);
  m.restore();
  CHECK(m.same());
}

TEST_CASE("reading: a folder that is listed in parts gives the same walk, with sources below it and marks in it") {
  Machine m;
  for (int i = 0; i < 40; ++i) {
    m.write(fmt::format("many/{:02}", i), "x");
    m.write(fmt::format("many/folder{:02}/in", i), "x");
    m.write(fmt::format("many/folder{:02}/out", i), "x");
    if (i % 7 == 0) m.write(fmt::format("many/folder{:02}/zmark", i), "");
    if (i % 9 == 0) m.write(fmt::format("many/folder{:02}/ignore", i), "out\n");
  }
  m.job.sources.push_back((m.base / "source/many/folder07/in").string());
  m.job.sources.push_back((m.base / "source/many/folder33/out").string());
  m.job.sources.push_back((m.base / "source/many/folder38/none").string());
  m.job.scan.if_present = {"zmark"};
  m.job.scan.ignore_file = "ignore";
  const auto walk = [&](std::size_t room) {
    Scanner scanner(system_sources(), m.job.sources, m.job.rules, m.job.scan, Scanner::Reach::everything, room);
    std::vector<std::string> out;
    while (auto found = scanner.next(100))
      for (auto& item : *found) out.push_back(item.path + (item.problem.empty() ? "" : ": " + item.problem));
    return out;
  };
  const std::vector<std::string> whole = walk(kNamesRoom);
  CHECK(whole.size() > 100);
  for (const std::size_t room : {std::size_t{0}, std::size_t{1000}, std::size_t{5000}, std::size_t{20'000}}) CHECK(walk(room) == whole);
}

TEST_CASE("reading: a folder whose rest cannot be listed is named, and what was listed of it is in the snapshot") {
  Machine m;
  RestlessTree tree;
  int asked = 0;
  tree.unrest.lists = [&](std::vector<SourceName>& names) {
    if (!names.empty() && names.front().name.starts_with("many") && ++asked == 3) throw_errno(EIO, "reading folder 'source'");
  };
  for (int i = 0; i < 10; ++i) m.write(fmt::format("many{}", i), "x");
  Scanner scanner(tree, m.job.sources, m.job.rules, m.job.scan, Scanner::Reach::everything, 0);
  std::vector<std::string> files, problems;
  while (auto found = scanner.next(100))
    for (auto& item : *found) {
      if (!item.problem.empty()) problems.push_back(item.path + ": " + item.problem);
      else if (item.stat.kind == EntryKind::file) files.push_back(item.name);
    }
  CHECK(files == std::vector<std::string>{"many0", "many1"});
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].find("/source: reading folder 'source': ") != std::string::npos);
  CHECK(problems[0].find("'many1'") != std::string::npos);
}

TEST_CASE("reading: attributes that cannot be read cost themselves alone, are named in every run, and come back when they can be read") {
  Machine m;
  RestlessTree tree;
  for (const char* name : {"small", "large", "folder", "link"}) tree.unrest.lost[name] = "'user.x': Input/output error";
  m.write("small", m.noise(kSmall, 1));
  m.write("large", m.noise(kLarge, 2));
  m.write("folder/in", m.noise(kSmall, 3));
  fs::create_symlink("small", m.base / "source" / "link");
  m.let_time_pass();
  for (int run = 0; run < 2; ++run) {  // also when nothing has changed
    Noted noted;
    const BackupResult r = backup(m, tree, noted);
    CHECK(r.progress.without_attributes == 4);
    CHECK(r.progress.unreadable == 0);
    CHECK_FALSE(r.complete());
    CHECK_THAT(r.shortcomings(), Catch::Contains("4 files lack attributes"));
    REQUIRE(noted.problems.size() == 4);
    for (auto& p : noted.problems) CHECK_THAT(p, Catch::Contains("kept without") && Catch::Contains("'user.x'"));
    m.restore();
    CHECK(m.same());
  }
  tree.unrest.lost.clear();
  Noted noted;
  CHECK(backup(m, tree, noted).complete());
  CHECK(backup(m, tree, noted).progress.unchanged == 3);
}

TEST_CASE("reading: after runs that were not shown all attributes, those of unchanged files are read anew, until they were") {
  if (!sees_trusted_attributes()) return;
  Machine m;
  m.write("asked", m.noise(kSmall, 1));
  m.write("lossy", m.noise(kSmall, 2));
  m.write("mute", m.noise(kSmall, 3));
  m.let_time_pass();
  RestlessTree tree;
  Noted noted;
  REQUIRE(backup(m, tree, noted).complete());
  auto record = m.state->job("main");
  CHECK_FALSE(record.lacks_trusted());
  record.set_lacks_trusted(true);
  m.state->set_job("main", record);

  tree.unrest.lost["lossy"] = "'user.x': Input/output error";
  tree.unrest.cannot_ask.insert("mute");
  const BackupResult r = backup(m, tree, noted);
  CHECK(r.progress.unchanged == 3);
  CHECK(r.progress.files == 3);  // what cannot be asked is kept
  CHECK(r.progress.without_attributes == 2);
  CHECK(r.progress.unreadable == 0);
  CHECK(r.progress.bytes_read == 0);
  CHECK_FALSE(m.state->job("main").lacks_trusted());

  tree.unrest.lost.clear();
  tree.unrest.cannot_ask.clear();
  const BackupResult next = backup(m, tree, noted);
  CHECK(next.complete());
  CHECK(next.progress.unchanged == 1);  // the other two are read again
  m.restore();
  CHECK(m.same());
}

TEST_CASE("reading: what was removed since it was listed is counted apart, and nothing is wrong with such a snapshot") {
  Machine m;
  RestlessTree tree;
  Noted noted;
  const fs::path at = m.base / "source";
  tree.unrest.lists = [](std::vector<SourceName>& names) {  // one that goes before it can be looked at
    if (names.empty() || names.front().name != "a") return;
    names.push_back(names.front());
    names.back().name = "mayfly";
    names.back().error = {ENOENT, boost::system::system_category()};
  };
  tree.unrest.opens = [&](const std::string& name) {
    if (name.starts_with("gone")) fs::remove_all(at / name);
  };
  m.write("a", m.noise(kSmall, 1));
  m.write("gone-small", m.noise(kSmall, 2));
  m.write("gone-large", m.noise(kLarge, 3));
  m.write("gone-folder/in", m.noise(kSmall, 4));
  m.write("z", m.noise(kSmall, 5));
  const BackupResult r = backup(m, tree, noted);
  CHECK(r.progress.vanished == 4);
  CHECK_FALSE(r.vanished.first.empty());
  CHECK(r.progress.unreadable == 0);
  CHECK(r.complete());
  CHECK(noted.problems.empty());
  CHECK(m.state->job("main").last_good_ns() > 0);
  CHECK(r.progress.files == 2);
  m.restore();
  fs::last_write_time(at, fs::last_write_time(m.restored()));  // of before the removals
  CHECK(m.same());
}

TEST_CASE("reading: what is listed and never to be found has not vanished") {
  Machine m;
  RestlessTree tree;
  Noted noted;
  tree.unrest.cannot_open = {{"small", ENOENT}, {"large", ENOENT}};
  m.write("small", m.noise(kSmall, 1));
  m.write("large", m.noise(kLarge, 2));
  const BackupResult r = backup(m, tree, noted);
  CHECK(r.progress.vanished == 0);
  CHECK(r.progress.unreadable == 2);
  CHECK_FALSE(r.complete());
}

TEST_CASE("reading: a source that vanishes when it is entered is one that is missing") {
  Machine m;
  RestlessTree tree;
  Noted noted;
  m.write("a", "x");
  m.write("b/in", "x");
  m.job.sources = {(m.base / "source/a").string(), (m.base / "source/b").string()};
  tree.unrest.opens = [&](const std::string& name) {
    if (name == "b") fs::remove_all(m.base / "source" / name);
  };
  const BackupResult r = backup(m, tree, noted);
  CHECK(r.progress.vanished == 0);
  CHECK(r.lacks.size() == 1);
  CHECK_FALSE(r.complete());
}
