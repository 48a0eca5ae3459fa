// What a disk can do to the one who reads it: errors of every kind.
#include <cerrno>

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
