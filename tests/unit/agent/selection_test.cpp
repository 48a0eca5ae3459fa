// What a job leaves out, and how it is explained: both by the same rules.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/changes.hpp"
#include "agent/explain.hpp"
#include "agent/scanner.hpp"
#include "base/limits.hpp"
#include "platform/printable.hpp"
#include "platform/process.hpp"
#include "restless_tree.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;
using Catch::Contains;

namespace {

struct Tree : Machine {
  std::string at(const std::string& name) const { return (base / "source" / name).string(); }
  // The names that a walk finds, relative to the source.
  std::vector<std::string> walk() {
    Scanner scanner(*files, job.sources, job.rules, job.scan);
    std::vector<std::string> out;
    const std::string prefix = (base / "source").string().substr(1) + "/";
    problems.clear();
    while (auto found = scanner.next(1000))
      for (auto& item : *found) {
        const std::string name = item.path.starts_with(prefix) ? item.path.substr(prefix.size()) : "/" + item.path;
        if (!item.problem.empty()) problems[name] = item.problem;
        else if (name[0] != '/') out.push_back(name);
      }
    return out;
  }
  Explanation why(const std::string& name) { return explain(*files, job, at(name)); }
  // Of each name below the source, explain() says what the walk does; the number of names.
  std::size_t explained_as_walked() {
    const std::vector<std::string> kept = walk();
    std::size_t looked = 0;
    for (auto& entry : fs::recursive_directory_iterator(base / "source")) {
      const std::string name = fs::relative(entry.path(), base / "source").string();
      INFO(name);
      CHECK(why(name).kept == (std::find(kept.begin(), kept.end(), name) != kept.end()));
      ++looked;
    }
    return looked;
  }
  void rules(std::vector<ExcludeLine> lines) { job.rules = ExcludeRules::parse(lines).value.value(); }

  SourceTree* files = &system_sources();
  std::map<std::string, std::string> problems;  // of the last walk
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

TEST_CASE("exclude_if_present: of a marked folder the mark stays, be it a file, a folder or a link that leads nowhere, and nothing that is in it") {
  Tree t;
  t.write("marked/.nobackup", "");
  t.write("marked/data", "x");
  t.write("marked/deep/data", "x");
  t.write("other/.nobackup/data", "x");
  t.write("other/data", "x");
  t.write("third/data", "x");
  fs::create_symlink("/nowhere", t.at("third/.nobackup"));
  t.write("plain", "x");
  t.job.scan.if_present = {".absent", ".nobackup"};
  CHECK(t.walk() == Names{"marked", "marked/.nobackup", "other", "other/.nobackup", "plain", "third", "third/.nobackup"});
  CHECK(t.explained_as_walked() == 13);
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

TEST_CASE("ignore_file: of a file of a hundred thousand wrong lines one warning names it, and the whole file does not count") {
  std::string wrong = "*.o\n";
  for (int i = 0; i < 100'000; ++i) wrong += "/\n";
  const IgnoreFile found = read_ignore_file(wrong, "/a", ".ignore", nullptr);
  REQUIRE(found.warnings.size() == 1);
  CHECK_THAT(found.warnings[0], Contains("'/a/.ignore':2: ") && Contains("the whole file does not count"));
  CHECK_FALSE(found.rules);
  // Those above go on to count.
  const auto above = read_ignore_file("*.c\n", "", ".ignore", nullptr).rules;
  CHECK(read_ignore_file(wrong, "/a", ".ignore", above).rules == above);
}

TEST_CASE("ignore_file: a file of nothing but blank lines and comments costs nothing") {
  const auto above = read_ignore_file("*.c\n", "", ".ignore", nullptr).rules;
  const IgnoreFile found = read_ignore_file(std::string(250'000, '\n') + "# c\n", "/" + std::string(60'000, 'a'), ".ignore", above);
  CHECK(found.rules == above);
  CHECK(found.warnings.empty());
}

TEST_CASE("ignore_file: rules are bounded over all the folders above, and a file beyond that is named once and does not count") {
  std::shared_ptr<const IgnoreRules> rules;
  std::string folder, text;
  std::size_t warnings = 0;
  const auto enter = [&] {
    folder += "/d";
    const IgnoreFile found = read_ignore_file(text, folder, ".ignore", rules);
    warnings += found.warnings.size();
    if (!found.warnings.empty()) {
      CHECK(found.rules == rules);
      CHECK_THAT(found.warnings[0], Contains(printable(folder + "/.ignore") + ": "));
    }
    rules = found.rules;
  };
  const auto held = [&] {
    std::size_t out = 0;
    for (const IgnoreRules* at = rules.get(); at; at = at->above.get()) out += at->rules.size();
    return out;
  };
  SECTION("many rules") {
    for (int i = 0; i < 4000; ++i) text += "a" + std::to_string(i) + "\n";
    for (int i = 0; i < 5; ++i) enter();
    CHECK(held() == 8000);
    CHECK(warnings == 3);
    text = "*.o\n";  // there is still room for this
    enter();
    CHECK(held() == 8001);
    CHECK(warnings == 3);
  }
  SECTION("rules that take much memory") {
    for (int i = 0; i < 20; ++i) {
      for (int k = 0; k < 2000; ++k) text += "/a";
      text += "\n";
    }
    for (int i = 0; i < 5; ++i) enter();
    CHECK(held() == 20);
    CHECK(warnings == 4);
    REQUIRE(rules);
    CHECK(rules->bytes_in_all <= IgnoreRules::kMaxBytes);
  }
  SECTION("a rule in each of thousands of folders below a long path: the names count too") {
    text = "a\n";
    folder = "/" + std::string(50'000, 'x');
    for (int i = 0; i < 4000; ++i) enter();
    CHECK(held() + warnings == 4000);
    CHECK(warnings > 0);
    REQUIRE(rules);
    CHECK(rules->bytes_in_all <= IgnoreRules::kMaxBytes);
  }
}

TEST_CASE("ignore_file: of a tree full of wrong ignore files the log has a bounded number of lines") {
  Tree t;
  t.job.scan.ignore_file = ".ignore";
  t.write(".ignore", "/\n[\n*.o\n");
  const Selection selection(t.job.rules, t.job.scan);
  const auto folder = t.files->open((t.base / "source").string());
  for (std::size_t i = 0; i < Selection::kMaxWarnings; ++i) CHECK(selection.look_into(*folder, folder->names({}, kNamesRoom), (t.base / "source").string(), {}).ignore);
  CHECK(selection.warnings() == Selection::kMaxWarnings);
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
  CHECK(t.explained_as_walked() == 15);
}

TEST_CASE("sources: one below another is a source of its own where a rule, a mark or another file system keeps the outer one out, in either order") {
  Tree t;
  RestlessTree mounted;
  mounted.unrest.devices["home"] = 4711;
  t.files = &mounted;
  t.write("cache/junk", "x");
  t.write("cache/keep/k", "x");
  t.write("cache/keep/junk", "x");
  t.write("etc/e", "x");
  t.write("home/me/thesis", "x");
  t.write("home/you/thesis", "x");
  t.write("marked/.nobackup", "x");
  t.write("marked/data", "x");
  t.write("marked/sub/s", "x");
  t.rules({{t.at("cache"), "f", 1}, {"junk", "f", 2}, {"keep", "f", 3}});
  t.job.scan.if_present = {".nobackup"};
  t.job.scan.one_file_system = true;
  t.job.sources = {t.at("cache/keep"), t.at("home/me"), t.at("marked/sub"), (t.base / "source").string()};
  for (int order = 0; order < 2; ++order) {
    CHECK(t.walk() == Names{"cache", "cache/keep", "cache/keep/k", "etc", "etc/e", "home", "home/me", "home/me/thesis", "marked", "marked/.nobackup", "marked/sub", "marked/sub/s"});
    CHECK(t.problems.empty());
    CHECK(t.explained_as_walked() == 17);
    std::reverse(t.job.sources.begin(), t.job.sources.end());
  }
  CHECK(t.why("cache/junk").decides == t.at("cache"));
  CHECK_THAT(t.why("cache").why, Contains("it is a folder above " + t.at("cache/keep")));
  CHECK_THAT(t.why("home/you/thesis").why, Contains("one_file_system"));
}

TEST_CASE("walk: however much is left out in a row, what comes behind it is in the snapshot, and its changes are seen") {
  Tree t;
  for (int i = 0; i < 12'000; ++i) t.write("spool/" + std::string(200, 's') + std::to_string(i) + ".tmp", "");
  t.write("zz/important", "x");
  t.rules({{"*.tmp", "f", 1}});
  CHECK(t.walk() == Names{"spool", "zz", "zz/important"});
  CHECK(t.backup().progress.files == 1);
  t.write("zz/later", "y");
  const Changes seen = t.run(look_for_changes(*t.state, *t.keys, t.job, t.workers, *t.files, [] { return true; }));
  CHECK(seen.files == 1);
}

TEST_CASE("walk: what it gives at once lies in few folders, for each of them is held open") {
  Tree t;
  for (int i = 0; i < 300; ++i) t.write(fmt::format("in{:03}/f", i), "x");
  Scanner scanner(*t.files, t.job.sources, t.job.rules, t.job.scan);
  std::size_t items = 0;
  while (auto found = scanner.next(1000)) {
    std::set<const SourceFolder*> folders;
    for (auto& item : *found) folders.insert(item.folder.get());
    CHECK(folders.size() <= 66);
    items += found->size();
  }
  CHECK(items > 600);
}

TEST_CASE("walk: a folder that cannot be looked at is left out by a rule for folders") {
  Tree t;
  RestlessTree odd;
  t.files = &odd;
  t.write("doc/f", "x");
  t.write("f", "x");
  odd.unrest.lists = [](std::vector<SourceName>& names) {
    for (auto& n : names)
      if (n.name == "doc") n.error = {EACCES, boost::system::system_category()};  // its kind is known by what lists it
  };
  t.rules({{"doc/", "f", 1}});
  CHECK(t.walk() == Names{"f"});
  CHECK(t.problems.empty());
}

TEST_CASE("sources: those that cannot be come to are named, each, and what is beside them is walked") {
  Tree t;
  t.write("file", "x");
  t.write("there/f", "x");
  t.write("zz", "x");
  const std::string source = (t.base / "source").string();
  t.job.sources = {source, t.at("file/below"), t.at("gone"), t.at("gone/deep"), t.at("there/gone")};
  CHECK(t.walk() == Names{"file", "there", "there/f", "zz"});
  CHECK(t.problems.size() == 4);
  CHECK_THAT(t.problems["file/below"], Contains("which is not a folder"));
  CHECK_THAT(t.problems["gone"], Contains("not found"));
  CHECK_THAT(t.problems["gone/deep"], Contains("/gone': not found"));
  CHECK_THAT(t.problems["there/gone"], Contains("not found"));
  t.job.sources = {"/no/such/source"};
  CHECK(t.walk().empty());
  CHECK_THAT(t.problems["/no/such/source"], Contains("/no': not found"));
}

TEST_CASE("sources: what the running system makes up is not entered unless it is named, and said") {
  Tree t;
  RestlessTree machine;
  machine.root = (t.base / "source").string();
  for (const char* name : {"dev/shm/x", "etc/e", "proc/kcore", "run/r", "srv/chroot/proc/kcore", "srv/proc/f", "sys/kernel/s"}) t.write(name, "x");
  machine.unrest.devices = {{"chroot", 5}};
  machine.unrest.kernels = {"chroot"};
  t.job.sources = {"/"};
  const auto walk = [&] {
    Scanner scanner(machine, t.job.sources, t.job.rules, t.job.scan);
    Names out;
    while (auto found = scanner.next(1000))
      for (auto& item : *found) {
        out.push_back(item.path);
        INFO(item.path);
        CHECK(explain(machine, t.job, "/" + item.path).kept);
      }
    out.push_back("|");
    for (auto& path : scanner.not_entered()) out.push_back(path);
    return out;
  };
  CHECK(walk() == Names{"dev", "etc", "etc/e", "proc", "run", "srv", "srv/chroot", "srv/proc", "srv/proc/f", "sys", "|", "/dev", "/proc", "/run", "/srv/chroot", "/sys"});
  for (const char* path : {"/dev/shm/x", "/proc/kcore", "/sys/no/such", "/srv/chroot/proc/kcore"}) {
    INFO(path);
    CHECK_FALSE(explain(machine, t.job, path).kept);
    CHECK_THAT(explain(machine, t.job, path).why, Contains("the running system makes it up"));
  }
  t.job.sources = {"/", "/dev/shm", "/srv/chroot", "/sys"};
  CHECK(walk() == Names{"dev", "dev/shm", "dev/shm/x", "etc", "etc/e", "proc", "run", "srv", "srv/chroot", "srv/chroot/proc", "srv/chroot/proc/kcore", "srv/proc", "srv/proc/f", "sys", "sys/kernel",
                        "sys/kernel/s", "|", "/dev", "/proc", "/run"});
}

TEST_CASE("sources: of folders that are not entered the first are named, and the others counted") {
  Tree t;
  RestlessTree machine;
  machine.root = (t.base / "source").string();
  for (int i = 0; i < 33; ++i) {
    const std::string name = "box" + std::to_string(i);
    t.write("containers/" + name + "/f", "x");
    machine.unrest.devices[name] = static_cast<std::uint64_t>(i) + 5;
    machine.unrest.kernels.insert(name);
  }
  t.job.sources = {"/"};
  Scanner scanner(machine, t.job.sources, t.job.rules, t.job.scan);
  while (scanner.next(1000)) {
  }
  CHECK(scanner.not_entered().size() == 20);
  CHECK(scanner.more_not_entered() == 13);
}

TEST_CASE("sources: a file that the kernel makes up, and whose size it does not tell, is taken for what it holds") {
  Machine m;
  m.job.sources = {"/proc/sys/kernel/ostype"};
  const BackupResult r = m.backup();
  CHECK(r.complete());
  CHECK(r.progress.files == 1);
  CHECK(r.progress.bytes == 6);  // Linux
}

TEST_CASE("sources: a symbolic link is not followed, and that is a problem, of the source and of the way to it") {
  Tree t;
  t.write("real/docs/thesis", "x");
  fs::create_symlink("real", t.at("via"));
  t.job.sources = {t.at("via")};
  CHECK(t.walk() == Names{"via"});
  CHECK_THAT(t.problems["via"], Contains("symbolic link to 'real'"));
  CHECK_FALSE(t.why("via/docs/thesis").kept);
  CHECK_THAT(t.why("via/docs/thesis").why, Contains("symbolic link"));
  CHECK_THAT(t.why("via").why, Contains("only the symbolic link itself"));
  CHECK(t.backup().progress.unreadable == 1);
  CHECK(t.backup().progress.others == 1);  // the link

  t.job.sources = {t.at("via/docs")};
  CHECK(t.walk() == Names{});
  CHECK_THAT(t.problems["via/docs"], Contains(t.at("via").substr(1)) && Contains("symbolic link to 'real'"));

  t.job.sources = {t.at("real"), t.at("via"), t.at("via/docs"), t.at("gone")};
  const auto found = look_at_sources(system_sources(), t.job.sources);
  REQUIRE(found.size() == 4);
  CHECK(found[0].path == t.at("gone"));
  CHECK_THAT(found[0].problem, Contains("not found"));
  using enum SourceFound::Link;
  CHECK(found[0].link == none);
  CHECK(found[1].problem.empty());
  CHECK(found[2].link == itself);
  CHECK(found[3].link == on_the_way);
}

TEST_CASE("sources: a catalog with sources in sources is in order, so that the next run takes all over") {
  Machine m;
  for (const char* name : {"a/f", "a/out/in/f", "a/out/junk", "a-b/f", "a/z", "b"}) m.write(name, m.noise(3000, 1));
  const std::vector<ExcludeLine> lines{{"out", "f", 1}};
  m.job.rules = ExcludeRules::parse(lines).value.value();
  m.job.sources = {(m.base / "source").string(), (m.base / "source/a/out/in").string(), (m.base / "source/a/z").string(), (m.base / "source/a/zz").string()};
  m.let_time_pass();
  CHECK(m.backup().progress.unreadable == 1);
  const BackupResult again = m.backup();
  CHECK(again.progress.files == 5);
  CHECK(again.progress.unchanged == 5);
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
