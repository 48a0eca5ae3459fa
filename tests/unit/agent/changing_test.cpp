// Files that change while they are read, and folders when they are entered.
#include <utility>

#include "agent/explain.hpp"
#include "restless_tree.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

BackupResult backup(Machine& m, RestlessTree& tree) {
  BackupParts parts{*m.state, *m.keys, m.workers, m.timers, m.clock, m.random, m.reporter, tree};
  JobRunner runner(parts, m, *m.choice);
  return m.run(runner.run(m.job, Patience::one_round)).value();
}

}  // namespace

TEST_CASE("changing files: one that changes once is read again and kept without a mark, small or large") {
  for (const std::size_t size : {3000u, 5'000'000u}) {
    Machine m;
    RestlessTree tree;
    tree.unrest.changes = 1;
    m.write("restless", m.noise(size, 1));
    m.write("calm", m.noise(size, 2));
    const BackupResult r = backup(m, tree);
    CHECK(tree.unrest.opened == 2);
    CHECK(r.progress.changed_while_read == 0);
    CHECK(r.progress.files == 2);
    m.restore();
    CHECK(m.same());
  }
}

TEST_CASE("changing files: one that never rests is kept with a mark, counted, and not read for ever, small or large") {
  for (const std::size_t size : {3000u, 5'000'000u}) {
    Machine m;
    RestlessTree tree;
    tree.unrest.changes = 1000;
    m.write("restless", m.noise(size, 1));
    const BackupResult r = backup(m, tree);
    CHECK(tree.unrest.opened == 2);
    CHECK(r.progress.changed_while_read == 1);
    CHECK_FALSE(r.complete());
    const BackupResult again = backup(m, tree);  // and next time, for the mark says that nobody knows what it was
    CHECK(tree.unrest.opened == 4);
    CHECK(again.progress.unchanged == 0);
  }
}

TEST_CASE("changing files: one that changes once more within the tick of its file system's clock has its later content in the next snapshot, small or large") {
  for (const std::size_t size : {100u, 3000u, 5'000'000u}) {
    Machine m;
    RestlessTree tree;
    tree.unrest.stamp_ns = std::chrono::nanoseconds(std::chrono::floor<std::chrono::seconds>(m.clock.wall()).time_since_epoch()).count();
    m.write("restless", m.noise(size, 1));
    tree.unrest.was_read = [&] { m.write("restless", m.noise(size, 2)); };
    CHECK(backup(m, tree).complete());
    m.let_time_pass();
    const BackupResult again = backup(m, tree);
    CHECK(again.progress.unchanged == 0);
    m.restore();
    CHECK(m.restored_text("restless") == m.noise(size, 2));
    CHECK(backup(m, tree).progress.unchanged == 1);
  }
}

TEST_CASE("changing files: one that grows as fast as it is read comes to an end") {
  Machine m;
  RestlessTree tree;
  tree.unrest.changes = 1000;
  tree.unrest.endless = true;
  m.write("restless", m.noise(3'000'000, 1));
  const BackupResult r = backup(m, tree);
  CHECK(r.progress.changed_while_read == 1);
  CHECK(r.progress.bytes > 64u << 20);
  CHECK(r.progress.bytes < 80u << 20);
}

TEST_CASE("changing files: an inode's number that is given again while a snapshot is made gives no file another one's content or metadata") {
  for (const std::size_t size : {3000u, 5'000'000u}) {
    Machine m;
    RestlessTree tree;
    const fs::path at = m.base / "source";
    m.write("a1", m.noise(size, 1));
    m.write("b1", m.noise(size, 2));
    m.write("c1", m.noise(size, 1));
    fs::permissions(at / "c1", fs::perms::owner_read);
    for (const std::string name : {"a", "b", "c"}) {
      fs::create_hard_link(at / (name + "1"), at / (name + "2"));
      tree.unrest.inodes[name + "1"] = tree.unrest.inodes[name + "2"] = 7;
    }
    backup(m, tree);
    CHECK(m.restore().problems.empty());
    CHECK(m.same());
    CHECK(fs::equivalent(m.restored("a1"), m.restored("a2")));
    CHECK_FALSE(fs::equivalent(m.restored("a1"), m.restored("b1")));
    CHECK_FALSE(fs::equivalent(m.restored("a1"), m.restored("c1")));
  }
}

TEST_CASE("changing folders: one where something is mounted when it is entered is taken for what it then is") {
  for (const char* name : {"source", "folder"}) {
    Machine m;
    RestlessTree tree;
    tree.unrest.mounts = name;
    m.write("f", m.noise(3000, 1));
    m.write("folder/f", m.noise(3000, 2));
    CHECK(backup(m, tree).progress.files == 2);
    m.restore();
    CHECK(m.same());
  }
}

TEST_CASE("changing folders: one_file_system means that of the source after it was entered, and enters no other one") {
  for (const auto& [name, files] : {std::pair{"source", 2u}, std::pair{"folder", 1u}}) {
    Machine m;
    RestlessTree tree;
    tree.unrest.mounts = name;
    m.write("f", m.noise(3000, 1));
    m.write("folder/f", m.noise(3000, 2));
    m.job.scan.one_file_system = true;
    CHECK(backup(m, tree).progress.files == files);
  }
}

TEST_CASE("changing folders: one_file_system enters nothing that is mounted by entering it, and explain says so") {
  Machine m;
  RestlessTree tree;
  tree.unrest.comes_up["snapshot"] = 4711;
  m.write("f", m.noise(3000, 1));
  m.write("snapshot/f", m.noise(3000, 2));
  m.job.scan.one_file_system = true;
  CHECK(backup(m, tree).progress.files == 1);
  CHECK_FALSE(explain(tree, m.job, (m.base / "source/snapshot/f").string()).kept);
}

TEST_CASE("changing files: one that was small when it was listed and is large when it is read is read in pieces, and what is beside it stays what it is") {
  for (const std::size_t size : {3'000'000u, 5'000'000u, 90'000'000u}) {
    Machine m;
    RestlessTree tree;
    m.write("a", m.noise(3000, 1));
    m.write("grows", "");
    m.write("h", m.noise(3'000'000, 2));
    m.write("i", m.noise(70'000, 3));
    bool grown = false;
    tree.unrest.opens = [&](const std::string& name) {
      if (name == "grows" && !std::exchange(grown, true)) m.write("grows", m.noise(size, 4));
    };
    const BackupResult r = backup(m, tree);
    CHECK(grown);
    CHECK(r.complete());
    CHECK(r.progress.files == 4);
    m.restore();
    CHECK(m.same());
  }
}
