// Runs whose sources are not there, or not what they were.
#include "agent/lacking.hpp"

#include "agent/changes.hpp"
#include "base/limits.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;
using Catch::Contains;

namespace {

struct Sources : Machine {
  std::string at(const std::string& name) const { return (base / "source" / name).string(); }
  void files(const std::string& folder, int many) {
    for (int i = 0; i < many; ++i) write(folder + "/" + std::to_string(i), "x");
  }
  void remove(const std::string& name) { fs::remove_all(at(name)); }
  agent::pb::Job record() const { return state->job("main"); }
  std::size_t snapshots() const { return stores[0].snapshots.size(); }
  Changes look() { return run(look_for_changes(*state, *keys, job, workers, system_sources(), [] { return true; })); }
};

}  // namespace

TEST_CASE("lacking sources: a run without any source makes no snapshot and fails, whether they are gone or empty now") {
  Sources s;
  s.job.sources = {s.at("a"), s.at("b")};
  CHECK_THROWS_WITH(s.backup(), Contains("nothing of its sources is there") && Contains("not found"));
  CHECK(s.snapshots() == 0);
  CHECK(s.record().failures() == 1);
  CHECK(s.record().last_good_ns() == 0);

  s.files("a", 3);
  s.files("b", 3);
  CHECK(s.backup().complete());
  const auto good = s.record().last_good_ns();
  CHECK(good > 0);
  s.remove("a");
  s.remove("b");
  fs::create_directory(s.at("b"));
  for (int run = 0; run < 2; ++run) CHECK_THROWS_WITH(s.backup(), Contains("not found") && Contains("it is empty, and had 3 files before"));
  CHECK(s.snapshots() == 1);
  CHECK(s.record().last_good_ns() == good);
  CHECK(std::none_of(fs::directory_iterator(s.state->job_folder("main")), {}, [](auto& e) { return e.path().filename().string().starts_with("journal"); }));
}

TEST_CASE("lacking sources: where a link takes the place of the only one there is no snapshot; one that always was a link is kept, and not a good one") {
  Sources s;
  s.files("a", 3);
  s.job.sources = {s.at("a")};
  s.backup();
  s.remove("a");
  s.files("b", 3);
  fs::create_symlink("b", s.at("a"));
  CHECK_THROWS_WITH(s.backup(), Contains("symbolic link to 'b'"));
  s.job.name = "other";
  const BackupResult r = s.backup();
  CHECK_FALSE(r.complete());
  CHECK(r.progress.others == 1);
  CHECK(r.progress.files == 0);
  CHECK(s.state->job("other").last_good_ns() == 0);
}

TEST_CASE("lacking sources: of one behind a link nothing is kept, so there is no snapshot of it alone") {
  Sources s;
  s.files("a/in", 3);
  fs::create_symlink("a", s.at("b"));
  s.job.sources = {s.at("b/in")};
  CHECK_THROWS_WITH(s.backup(), Contains("nothing of its sources is there") && Contains("symbolic link to 'a'"));
  CHECK(s.snapshots() == 0);
}

TEST_CASE("lacking sources: a snapshot without one of them is made, is not good, and says what it lacks until that is back") {
  Sources s;
  s.files("a", 3);
  s.files("b", 3);
  s.job.sources = {s.at("a"), s.at("b")};
  s.backup();
  const auto good = s.record().last_good_ns();
  s.let_time_pass();
  s.remove("b");
  for (const char* text : {"not found", "it is empty, and had 3 files before"}) {
    const BackupResult r = s.backup();
    CHECK_FALSE(r.complete());
    REQUIRE(r.lacks.size() == 1);
    CHECK(r.lacks[0].path == s.at("b"));
    CHECK_THAT(r.lacks[0].text, Contains(text));
    CHECK(r.problems.size() == 1);
    CHECK(s.record().last_good_ns() == good);
    CHECK_THAT(s.record().lacks(), Contains(s.at("b")));
    CHECK_THAT(s.record().last_text(), Contains("incomplete") && Contains(text));
    CHECK(s.record().last_exit() == static_cast<std::uint32_t>(Exit::incomplete));
    const Changes now = s.look();
    REQUIRE(now.lacks.size() == 1);
    CHECK_THAT(now.lacks[0].text, Contains(text));
    CHECK(now.files == 0);
    fs::create_directory(s.at("b"));
  }
  s.files("b", 1);
  CHECK(s.backup().complete());
  CHECK(s.record().last_good_ns() > good);
  CHECK(s.record().lacks().empty());
  CHECK(s.look().lacks.empty());
}

TEST_CASE("lacking sources: one that was always empty is good, and one that is rightly empty is when somebody says so") {
  Sources s;
  s.files("a", 3);
  fs::create_directory(s.at("b"));
  s.job.sources = {s.at("a"), s.at("b")};
  CHECK(s.backup().complete());
  s.remove("a");
  fs::create_directory(s.at("a"));
  CHECK_THROWS_AS(s.backup(), failure);
  s.job.shrunk = Shrunk::accepted;
  CHECK(s.backup().complete());
  s.job.shrunk = Shrunk::told;
  CHECK(s.backup().complete());
}

TEST_CASE("lacking sources: one that has far less than in the run before is told once, from a number of files on") {
  Sources s;
  s.job.sources = {s.at("a")};
  s.files("a", 20);
  s.backup();
  for (int i = 4; i < 20; ++i) s.remove("a/" + std::to_string(i));
  const BackupResult r = s.backup();
  REQUIRE(r.lacks.size() == 1);
  CHECK_THAT(r.lacks[0].text, Contains("it has 4 files, far fewer than the 20 of the run before"));
  CHECK(s.backup().complete());
  for (int i = 1; i < 4; ++i) s.remove("a/" + std::to_string(i));
  CHECK(s.backup().complete());
}

TEST_CASE("lacking sources: bytes that go with one large file are nothing unusual, those that go with half of the files are told") {
  const auto lacks = [](std::uint64_t files, std::uint64_t bytes) {
    agent::pb::Job before;
    SourceFound was{"/a", {}, SourceFound::Link::none, true, 4, 4, 64 * limits::kMiB};
    keep_counts(before, {was}, Shrunk::told);
    was.files = was.entries = files;
    was.bytes = bytes;
    return in_words(lacks_of({was}, before, Shrunk::told));
  };
  CHECK(lacks(3, 1).empty());
  CHECK(lacks(2, 16 * limits::kMiB).empty());
  CHECK_THAT(lacks(2, 16 * limits::kMiB - 1), Contains("far less than the 67108864 of the run before"));
}

TEST_CASE("lacking sources: the counts are of each source, without those in it, and of what rules leave") {
  Sources s;
  s.files("a", 3);
  s.files("a/in", 2);
  s.write("a/in/junk.tmp", "x");
  const std::vector<ExcludeLine> lines{{"*.tmp", "f", 1}};
  s.job.rules = ExcludeRules::parse(lines).value.value();
  s.job.sources = {s.at("a"), s.at("a/in"), s.at("a/1")};
  const BackupResult r = s.backup();
  REQUIRE(r.sources.size() == 3);
  CHECK(r.sources[0].files == 2);
  CHECK(r.sources[1].files == 1);
  CHECK(r.sources[1].bytes == 1);
  CHECK(r.sources[2].files == 2);
  CHECK(r.sources[2].is_folder);
  CHECK(r.progress.files == 5);
}
