// What a job leaves out, and how it is explained: both by the same rules.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/explain.hpp"
#include "agent/scanner.hpp"
#include "base/limits.hpp"
#include "platform/process.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;
using Catch::Contains;

namespace {

struct Tree : Machine {
  std::string at(const std::string& name) const { return (base / "source" / name).string(); }
  // The names that a walk finds, relative to the source.
  std::vector<std::string> walk() {
    Scanner scanner(system_sources(), job.sources, job.rules, job.scan);
    std::vector<std::string> out;
    const std::string prefix = (base / "source").string().substr(1) + "/";
    for (auto found = scanner.next(1000); !found.empty(); found = scanner.next(1000))
      for (auto& item : found)
        if (item.path.starts_with(prefix)) out.push_back(item.path.substr(prefix.size()));
    return out;
  }
  Explanation why(const std::string& name) { return explain(system_sources(), job, at(name)); }
  void rules(std::vector<ExcludeLine> lines) { job.rules = ExcludeRules::parse(lines).value.value(); }
};
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("exclude_larger_than: a file of just that size stays, folders and links do not count") {
  Tree t;
  t.write("ten", "0123456789");
  t.write("eleven", "01234567890");
  fs::create_symlink("a target that is longer than that", t.at("link"));
  t.job.scan.larger_than = 10;
  CHECK(t.walk() == Names{"link", "ten"});
  CHECK(t.why("ten").kept);
  CHECK_THAT(t.why("eleven").why, Contains("exclude_larger_than"));
  t.job.scan.larger_than = 0;
  t.write("empty", "");
  CHECK(t.walk() == Names{"empty", "link"});
}

TEST_CASE("exclude_if_present: of a marked folder the mark stays, and its folder; a folder of that name is no mark") {
  Tree t;
  t.write("marked/.nobackup", "");
  t.write("marked/data", "x");
  t.write("marked/deep/data", "x");
  t.write("other/.nobackup/data", "x");
  t.write("plain", "x");
  t.job.scan.if_present = {".absent", ".nobackup"};
  CHECK(t.walk() == Names{"marked", "marked/.nobackup", "other", "other/.nobackup", "other/.nobackup/data", "plain"});
  const Explanation e = t.why("marked/deep/data");
  CHECK_FALSE(e.kept);
  CHECK(e.decides == t.at("marked/deep"));
  CHECK_THAT(e.why, Contains(".nobackup") && Contains("exclude_if_present"));
  CHECK(t.why("marked/.nobackup").kept);
}

TEST_CASE("ignore_file: rules count from their folder, the innermost that matches decides, the job has the last word") {
  Tree t;
  t.write("a/.ignore", "*.o\n/build\n!keep.tmp\n");
  t.write("a/x.o", "");
  t.write("a/build/out", "");
  t.write("a/deep/build/out", "");
  t.write("a/deep/.ignore", "!y.o\n");
  t.write("a/deep/y.o", "");
  t.write("a/deep/z.o", "");
  t.write("a/keep.tmp", "");
  t.write("b/x.o", "");
  t.write("b/vital", "");
  t.write("b/.ignore", "vital\n");
  t.rules({{"*.tmp", "agent.ini", 7}, {"!vital", "agent.ini", 8}});
  t.job.scan.ignore_file = ".ignore";
  CHECK(t.walk() == Names{"a", "a/.ignore", "a/deep", "a/deep/.ignore", "a/deep/build", "a/deep/build/out", "a/deep/y.o", "b", "b/.ignore", "b/vital", "b/x.o"});

  const Explanation ignored = t.why("a/x.o");
  CHECK_FALSE(ignored.kept);
  CHECK_THAT(ignored.file, Contains("a/.ignore"));
  CHECK(ignored.line == 1);
  CHECK(t.why("a/deep/y.o").line == 1);
  CHECK(t.why("a/deep/y.o").kept);
  const Explanation job = t.why("a/keep.tmp");
  CHECK_FALSE(job.kept);
  CHECK(job.file == "agent.ini");
  CHECK(job.line == 7);
  CHECK(t.why("b/vital").line == 8);
  CHECK(t.why("b/vital").kept);
  CHECK(t.why("a/build/out/below").decides == t.at("a/build"));
}

TEST_CASE("ignore_file: a line that is no rule does not count, the others do") {
  Tree t;
  t.write("a/.ignore", "[\n*.o\n");
  t.write("a/x.o", "");
  t.write("a/y.c", "");
  t.job.scan.ignore_file = ".ignore";
  CHECK(t.walk() == Names{"a", "a/.ignore", "a/y.c"});
}

TEST_CASE("explain: every answer is that of the walk, for all that is there") {
  Tree t;
  t.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
  t.write("cache/data", "x");
  t.write("m/.nobackup", "");
  t.write("m/sub/data", "x");
  t.write("src/.ignore", "obj/\n");
  t.write("src/obj/a", "x");
  t.write("src/a.c", "x");
  t.write("large", std::string(5000, 'x'));
  t.write("tmp/a", "x");
  t.rules({{"tmp/", "f", 1}, {"/nowhere", "f", 2}, {"tmp", "f", 3}, {"!tmp", "f", 4}, {"*.c", "f", 5}});
  t.job.scan.larger_than = 1000;
  t.job.scan.if_present = {".nobackup"};
  t.job.scan.ignore_file = ".ignore";
  t.job.scan.exclude_caches = true;
  const Names kept = t.walk();
  std::size_t looked = 0;
  for (auto& entry : fs::recursive_directory_iterator(t.base / "source")) {
    const std::string name = fs::relative(entry.path(), t.base / "source").string();
    INFO(name);
    CHECK(t.why(name).kept == (std::find(kept.begin(), kept.end(), name) != kept.end()));
    ++looked;
  }
  CHECK(looked == 15);
}

TEST_CASE("explain: paths above, beside and below the sources, and ones that do not exist") {
  Tree t;
  t.write("there/file", "x");
  t.rules({{"*.tmp", "f", 1}, {"old/", "f", 2}});
  CHECK(explain(system_sources(), t.job, t.base.string()).kept);
  CHECK_THAT(explain(system_sources(), t.job, t.base.string()).why, Contains("above"));
  CHECK_FALSE(explain(system_sources(), t.job, t.base.string() + "/source-2").kept);
  CHECK(t.why("not/there/yet").kept);
  CHECK(t.why("not/there/yet.tmp").line == 1);
  CHECK(t.why("not/old/there").decides == t.at("not/old"));
  CHECK(explain(system_sources(), t.job, (t.base / "source").string()).kept);
  t.job.sources = {"/"};
  CHECK(t.why("there/file").kept);
  CHECK(t.why("there/x.tmp").line == 1);
}

namespace {

// So deep that no single path names it; the innermost folder.
struct Deep {
  Deep(const fs::path& top, const std::string& name, int levels) : at(::open(top.c_str(), O_RDONLY | O_DIRECTORY)) {
    for (int i = 0; i < levels; ++i) {
      REQUIRE(::mkdirat(at, name.c_str(), 0755) == 0);
      const int inner = ::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY);
      REQUIRE(inner >= 0);
      ::close(std::exchange(at, inner));
    }
    ::close(::openat(at, "innermost", O_WRONLY | O_CREAT, 0644));
  }
  ~Deep() { ::close(at); }
  int at;
};

}  // namespace

TEST_CASE("a path that no catalog takes leaves out what it names, and the rest is backed up") {
  Tree t;
  t.write("before", "1");
  t.write("zz", "2");
  Deep deep(t.base / "source", std::string(250, 'n'), 300);
  const BackupResult r = t.backup();
  CHECK(r.progress.unreadable == 1);
  REQUIRE(r.problems.size() == 1);
  CHECK_THAT(r.problems.front().text, Contains("its path has more than 65536 bytes"));
  CHECK(r.problems.front().path.size() <= 1000);
  CHECK(r.progress.files == 2);
  CHECK(t.restore().problems.empty());
}

TEST_CASE("folders deeper than a walk goes are named, and the rest is backed up") {
  Tree t;
  t.write("zz", "2");
  Deep deep(t.base / "source", "d", limits::kMaxFolderDepth + 50);
  raise_descriptor_limit();
  const BackupResult r = t.backup();
  CHECK(r.progress.unreadable == 1);
  REQUIRE(r.problems.size() == 1);
  CHECK_THAT(r.problems.front().text, Contains("it lies more than 4096 folders deep"));
  CHECK(r.progress.files == 1);
  CHECK(t.restore().problems.empty());
}
