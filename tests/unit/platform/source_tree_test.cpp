#include "platform/source_tree.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "platform/target_tree.hpp"
#include "scratch.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

Buffer read_all(SourceFile& f) {
  Buffer out(1 << 20);
  out.resize(f.read(out));
  return out;
}

template <class F>
std::string text_of_failure(F f) {
  try {
    f();
  } catch (const failure& e) {
    return e.what();
  }
  return "no failure";
}

}  // namespace

TEST_CASE("source: names are bytes, sorted as bytes, each with its own lstat") {
  Scratch s;
  for (const char* n : {"z", "\xff\xfe", "a\nb", "A"}) put(s.at(n), n);
  REQUIRE(::symlink("z", s.at("link").c_str()) == 0);
  REQUIRE(::mkdir(s.at("dir").c_str(), 0751) == 0);
  auto const names = SourceFolder::open(s.path())->entries();
  REQUIRE(names.size() == 6);
  std::vector<std::string> only;
  for (auto& n : names) {
    only.push_back(n.name);
    CHECK_FALSE(n.error);
  }
  CHECK(only == std::vector<std::string>{"A", "a\nb", "dir", "link", "z", "\xff\xfe"});
  CHECK(names[0].stat.kind == EntryKind::file);
  CHECK(names[0].stat.size == 1);
  CHECK(names[2].stat.kind == EntryKind::folder);
  CHECK((names[2].stat.mode & 0700) == 0700);
  CHECK(names[3].stat.kind == EntryKind::symlink);
  CHECK(names[5].stat.size == 2);
}

TEST_CASE("source: a folder is listed in parts, each name once and in order, however little they may take") {
  Scratch s;
  std::vector<std::string> want;
  for (int i = 0; i < 300; ++i) {
    std::string const name = "name" + std::to_string(1000 + (i * 7) % 300);
    put(s.at(name), "x");
    want.push_back(name);
  }
  std::sort(want.begin(), want.end());
  auto const folder = SourceFolder::open(s.path());
  for (std::size_t const room : {std::size_t{0}, std::size_t{1}, std::size_t{2000}, std::size_t{30'000}, std::size_t{1} << 30}) {
    INFO(room);
    std::vector<std::string> got;
    std::string last;
    for (bool more = true; more;) {
      SourceNames const some = folder->names(last, room);
      REQUIRE_FALSE(some.names.empty());
      std::size_t held = 0;
      for (auto& n : some.names) {
        got.push_back(n.name);
        held += weight_of(n);
        CHECK(n.stat.size == 1);
      }
      CHECK((held <= room || some.names.size() == 1));
      last = got.back();
      more = some.more;
    }
    CHECK(got == want);
  }
  CHECK(folder->names("name1299", 1000).names.empty());
  CHECK(folder->names("name1298", 1000).names.size() == 1);
}

TEST_CASE("source: whether a name is still in a folder, after any number of questions") {
  Scratch s;
  REQUIRE(::mkdir(s.at("d").c_str(), 0700) == 0);
  for (int i = 0; i < 300; ++i) put(s.at("d/f" + std::to_string(i)), "");
  auto const folder = SourceFolder::open(s.at("d"));
  for (int i = 0; i < 70; ++i) {
    REQUIRE(::unlink(s.at("d/f" + std::to_string(i)).c_str()) == 0);
    CHECK_FALSE(folder->lists("f" + std::to_string(i)));
  }
  for (int i = 70; i < 300; ++i) CHECK(folder->lists("f" + std::to_string(i)));
  CHECK_FALSE(folder->lists("f0"));
}

TEST_CASE("source: of a folder that is emptied while it is read no name counts as listed") {
  Scratch s;
  REQUIRE(::mkdir(s.at("d").c_str(), 0700) == 0);
  for (int i = 0; i < 1000; ++i) put(s.at("d/f" + std::to_string(i)), "");
  auto const folder = SourceFolder::open(s.at("d"));
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(::unlink(s.at("d/f" + std::to_string(i)).c_str()) == 0);
    CHECK_FALSE(folder->lists("f" + std::to_string(i)));
  }
}

TEST_CASE("source: whether a name is still in a folder, also when the folder itself is gone") {
  Scratch s;
  REQUIRE(::mkdir(s.at("d").c_str(), 0700) == 0);
  put(s.at("d/f"), "");
  auto const folder = SourceFolder::open(s.at("d"));
  CHECK(folder->lists("f"));
  CHECK_FALSE(folder->lists("none"));
  REQUIRE(::unlink(s.at("d/f").c_str()) == 0);
  CHECK_FALSE(folder->lists("f"));
  REQUIRE(::rmdir(s.at("d").c_str()) == 0);
  CHECK_FALSE(folder->lists("f"));
  CHECK(folder->names({}, 1000).names.empty());
}

TEST_CASE("source: a folder can be listed twice, and shows what came in between") {
  Scratch s;
  auto const f = SourceFolder::open(s.path());
  CHECK(f->entries().empty());
  put(s.at("x"), "");
  CHECK(f->entries().size() == 1);
  CHECK(f->entries().size() == 1);
}

TEST_CASE("source: a name whose lstat fails carries its error, the others their data") {
  Scratch s;
  put(s.at("x"), "");
  if (!open_to_everybody(s)) return;
  REQUIRE(::chmod(s.path().c_str(), 0444) == 0);  // may be listed and not searched
  std::string const said = in_unprivileged_child([&]() -> std::string {
    auto const names = SourceFolder::open(s.path())->entries();
    CHILD_CHECK(names.size() == 1);
    CHILD_CHECK(names[0].name == "x");
    CHILD_CHECK(names[0].error);
    return "";
  });
  CHECK(said == "");
  REQUIRE(::chmod(s.path().c_str(), 0700) == 0);
}

TEST_CASE("source: 300 folders deep, far beyond PATH_MAX, by steps and by one path") {
  Scratch s;
  TargetOptions const options;
  auto target = TargetFolder::open_root(s.at("t"), options);
  std::string relative;
  std::string const part(30, 'd');
  for (int i = 0; i < 300; ++i) {
    target = target->folder(part);
    relative += (i == 0 ? "" : "/") + part;
  }
  auto const file = target->file("f", {});
  file->write_at(0, as_bytes("deep"));
  CHECK_FALSE(file->finish(EntryStat{}, {}).times);

  auto folder = SourceFolder::open(s.at("t"));
  for (int i = 0; i < 300; ++i) folder = folder->folder(part);
  CHECK(as_text(read_all(*folder->file("f"))) == "deep");
  auto const direct = SourceFolder::open(s.at("t") + '/' + relative + "///");
  CHECK(direct->stat().inode == folder->stat().inode);
  CHECK(SourceFolder::open(s.at("t") + '/' + relative.substr(0, relative.size() - 31))->entries().size() == 1);

  for (auto const walk : {TargetOptions::Walk::best, TargetOptions::Walk::by_component}) {
    TargetOptions o;
    o.walk = walk;
    auto const down = TargetFolder::open_root(s.at("t"), o)->descend(relative);
    CHECK(down->plan("f", EntryStat{}).action == TargetPlan::Action::replace);
  }
}

TEST_CASE("source: the root path may pass through symlinks, and may not be one") {
  Scratch s;
  REQUIRE(::mkdir(s.at("real").c_str(), 0700) == 0);
  REQUIRE(::mkdir(s.at("real/in").c_str(), 0700) == 0);
  REQUIRE(::symlink("real", s.at("link").c_str()) == 0);
  CHECK_NOTHROW(SourceFolder::open(s.at("link/in")));
  CHECK_THROWS_AS(SourceFolder::open(s.at("link")), failure);
  CHECK_THROWS_AS(SourceFolder::open(s.at("link/")), failure);
  CHECK_THAT(text_of_failure([&] { SourceFolder::open(s.at("none")); }), Catch::Contains("/none'"));
  CHECK_THROWS_AS(SourceFolder::open("relative"), failure);
  CHECK_THROWS_AS(SourceFolder::open(""), failure);
  CHECK(SourceFolder::open("/")->stat().kind == EntryKind::folder);
  CHECK(SourceFolder::open("///")->stat().kind == EntryKind::folder);
}

TEST_CASE("source: what was exchanged since it was listed is refused, and nothing hangs") {
  Scratch s;
  put(s.at("secret"), "secret");
  auto const folder = SourceFolder::open(s.path());
  REQUIRE(::symlink("secret", s.at("link").c_str()) == 0);
  REQUIRE(::symlink(".", s.at("here").c_str()) == 0);
  REQUIRE(::mkfifo(s.at("fifo").c_str(), 0600) == 0);
  CHECK_THAT(text_of_failure([&] { folder->file("link"); }), Catch::Contains("'link'"));
  CHECK_THAT(text_of_failure([&] { folder->folder("here"); }), Catch::Contains("'here'"));
  CHECK_THAT(text_of_failure([&] { folder->file("fifo"); }), Catch::Contains("no longer a regular file"));
  CHECK_THAT(text_of_failure([&] { folder->folder("secret"); }), Catch::Contains("'secret'"));
  CHECK_THAT(text_of_failure([&] { folder->link_target("secret"); }), Catch::Contains("'secret'"));
  CHECK(folder->link_target("link") == "secret");
}

TEST_CASE("source: a folder that may be entered and not listed is passed through") {
  Scratch s;
  for (const char* folder : {"passage", "passage/in"}) REQUIRE(::mkdir(s.at(folder).c_str(), 0755) == 0);
  put(s.at("passage/in/f"), "mine");
  REQUIRE(::chmod(s.at("passage").c_str(), 0711) == 0);
  REQUIRE(::chmod(s.path().c_str(), 0755) == 0);
  const bool root = ::geteuid() == 0;  // who is not asked
  if (root) REQUIRE(::seteuid(65534) == 0);
  if (!root) REQUIRE(::chmod(s.at("passage").c_str(), 0111) == 0);
  auto const back = [&](const char*) {
    if (root) REQUIRE(::seteuid(0) == 0);
    REQUIRE(::chmod(s.at("passage").c_str(), 0755) == 0);
  };
  std::unique_ptr<const char, decltype(back)> const at_end("", back);
  auto const passage = SourceFolder::open(s.path())->folder("passage");
  CHECK(passage->stat().kind == EntryKind::folder);
  CHECK(passage->stat("in").kind == EntryKind::folder);
  CHECK_THAT(text_of_failure([&] { passage->entries(); }), Catch::Contains("passage"));
  CHECK(as_text(read_all(*passage->folder("in")->file("f"))) == "mine");
  CHECK(SourceFolder::open(s.at("passage"))->folder("in")->entries().size() == 1);
}

TEST_CASE("source: what the kernel makes up is known, by the folder and by the file") {
  Scratch s;
  put(s.at("f"), "x");
  CHECK_FALSE(SourceFolder::open(s.path())->is_kernels());
  CHECK_FALSE(SourceFolder::open(s.path())->file("f")->is_kernels());
  auto const kernel = SourceFolder::open("/proc/sys/kernel");
  CHECK(kernel->is_kernels());
  CHECK(kernel->file("ostype")->is_kernels());
}

TEST_CASE("source: an unreadable file is a failure that names it") {
  Scratch s;
  if (!open_to_everybody(s)) return;
  put(s.at("f"), "x");
  REQUIRE(::chmod(s.at("f").c_str(), 0) == 0);
  CHECK_THAT(in_unprivileged_child([&]() -> std::string {
               SourceFolder::open(s.path())->file("f");
               return "opened";
             }),
             Catch::Contains("opening file 'f'"));
}

TEST_CASE("source: somebody else's readable file is read, though its access time cannot be spared") {
  Scratch s;
  if (!open_to_everybody(s)) return;
  put(s.at("f"), "content");
  REQUIRE(::chmod(s.at("f").c_str(), 0644) == 0);
  std::string const said =
      in_unprivileged_child([&] { return to_string(read_all(*SourceFolder::open(s.path())->file("f"))); });
  CHECK(said == "content");
}

TEST_CASE("source: a long link target comes whole") {
  Scratch s;
  std::string const target(4000, 't');
  REQUIRE(::symlink(target.c_str(), s.at("l").c_str()) == 0);
  CHECK(SourceFolder::open(s.path())->link_target("l") == target);
}

TEST_CASE("source: reading goes on where it ended, and skips where it is told") {
  Scratch s;
  put(s.at("f"), "0123456789");
  auto const f = SourceFolder::open(s.path())->file("f");
  Buffer b(4);
  CHECK(f->read(b) == 4);
  CHECK(as_text(b) == "0123");
  CHECK(f->data_ranges() == std::vector<DataRange>{{0, 10}});  // does not move the position
  CHECK(f->read(b) == 4);
  CHECK(as_text(b) == "4567");
  CHECK(f->read(b) == 2);
  CHECK(f->read(b) == 0);
  f->skip_to(1);
  CHECK(f->read(b) == 4);
  CHECK(as_text(b) == "1234");
}

TEST_CASE("source: holes are found at the start, in the middle and at the end") {
  Scratch s;
  constexpr std::uint64_t kMiB = 1 << 20;
  Buffer const block(1 << 16, 7);
  int const f = ::open(s.at("f").c_str(), O_CREAT | O_WRONLY, 0600);
  REQUIRE(f >= 0);
  REQUIRE(::pwrite(f, block.data(), block.size(), kMiB) == 1 << 16);
  REQUIRE(::pwrite(f, block.data(), block.size(), 3 * kMiB) == 1 << 16);
  REQUIRE(::ftruncate(f, 5 * kMiB) == 0);
  ::close(f);
  auto const folder = SourceFolder::open(s.path());
  CHECK(folder->file("f")->data_ranges() == std::vector<DataRange>{{kMiB, 1 << 16}, {3 * kMiB, 1 << 16}});
  put(s.at("empty"), "");
  CHECK(folder->file("empty")->data_ranges().empty());
  put(s.at("hole"), "");
  REQUIRE(::truncate(s.at("hole").c_str(), 100 * kMiB) == 0);
  CHECK(folder->file("hole")->data_ranges().empty());
}

TEST_CASE("source: attributes of files, folders and links, with empty values and many bytes") {
  Scratch s;
  put(s.at("f"), "");
  REQUIRE(::mkdir(s.at("d").c_str(), 0700) == 0);
  if (!put_xattr(s.at("f"), "user.empty", {})) {
    WARN("skipped: no extended attributes here");
    return;
  }
  Buffer const large(2000, 0x5a);
  put_xattr(s.at("f"), "user.large", large);
  put_xattr(s.at("d"), "user.d", as_bytes("folder"));
  auto const folder = SourceFolder::open(s.path());
  auto const sorted = [](Xattrs all) {
    CHECK(all.lost.empty());
    std::vector<Xattr> x = std::move(all.kept);
    std::erase_if(x, [](auto& a) { return !a.name.starts_with("user."); });  // the system may add labels of its own
    std::sort(x.begin(), x.end(), [](auto& a, auto& b) { return a.name < b.name; });
    return x;
  };
  std::vector<Xattr> const want{{"user.empty", {}}, {"user.large", large}};
  CHECK(sorted(folder->xattrs("f")) == want);
  CHECK(sorted(folder->file("f")->xattrs()) == want);
  CHECK(sorted(folder->folder("d")->xattrs()) == std::vector<Xattr>{{"user.d", to_buffer(as_bytes("folder"))}});
  REQUIRE(::symlink("f", s.at("l").c_str()) == 0);
  CHECK(sorted(folder->xattrs("l")).empty());  // the link's, not the file's
  if (::geteuid() == 0) {
    REQUIRE(put_xattr(s.at("l"), "trusted.link", as_bytes("x")));
    auto const x = folder->xattrs("l").kept;
    CHECK(std::find(x.begin(), x.end(), Xattr{"trusted.link", {'x'}}) != x.end());
  }
  CHECK_THAT(text_of_failure([&] { folder->xattrs("none"); }), Catch::Contains("'none'"));
  for (const char* none : {"", ".", "..", "a/b"}) CHECK_THAT(text_of_failure([&] { folder->stat(none); }), Catch::Contains("no name"));
}

TEST_CASE("source: attributes beyond the limit cost themselves alone, and are named") {
  TinyDisk ram{8 << 20};  // tmpfs keeps attributes of any number
  if (!ram.mounted()) {
    WARN("skipped: this process may not mount a small file system");
    return;
  }
  put(ram.at("f"), "");
  auto const folder = SourceFolder::open(ram.path());
  Buffer const half(60 << 10, 1);
  // trusted.*, because tmpfs knows user.* only since Linux 6.6
  put_xattr(ram.at("f"), "trusted.1", half);
  put_xattr(ram.at("f"), "trusted.2", half);
  CHECK(folder->xattrs("f").kept.size() == 2);
  CHECK(folder->xattrs("f").lost.empty());
  put_xattr(ram.at("f"), "trusted.3", half);
  put_xattr(ram.at("f"), "trusted.small", as_bytes("x"));
  for (Xattrs const& found : {folder->xattrs("f"), folder->file("f")->xattrs()}) {
    CHECK(found.kept.size() == 3);
    CHECK(std::count_if(found.kept.begin(), found.kept.end(), [](auto& x) { return x.name == "trusted.small"; }) == 1);
    CHECK_THAT(found.lost, Catch::Contains("'trusted.") && Catch::Contains("128 KiB"));
  }
  for (int i = 4; i < 10; ++i) put_xattr(ram.at("f"), "trusted." + std::to_string(i), half);
  CHECK_THAT(folder->xattrs("f").lost, Catch::Contains("4 more"));
}

TEST_CASE("source: nanoseconds, also before 1970") {
  Scratch s;
  put(s.at("f"), "");
  auto const mtime_of = [&](time_t seconds, long ns) {
    timespec const t[2] = {{0, UTIME_OMIT}, {seconds, ns}};
    REQUIRE(::utimensat(AT_FDCWD, s.at("f").c_str(), t, 0) == 0);
    return SourceFolder::open(s.path())->stat("f").mtime_ns;
  };
  CHECK(mtime_of(1'700'000'000, 123'456'789) == 1'700'000'000'123'456'789);
  CHECK(mtime_of(-1, 999'999'999) == -1);
  CHECK(mtime_of(-1000, 1) == -999'999'999'999);
}

TEST_CASE("owner names: known ones both ways, unknown ones are nothing") {
  OwnerNames names;
  CHECK(names.user(0) == "root");
  CHECK(names.group(0) == "root");
  CHECK(names.uid("root") == 0u);
  CHECK(names.gid("root") == 0u);
  CHECK(names.user(3'999'999'999u).empty());
  CHECK(names.group(3'999'999'999u).empty());
  CHECK_FALSE(names.uid("nobody has this name"));
  CHECK_FALSE(names.gid("nobody has this name"));
  for (std::uint32_t i = 0; i < 5000; ++i) names.uid("no such name " + std::to_string(i));  // more than are remembered
  CHECK(names.uid("root") == 0u);
}

TEST_CASE("source: times beyond 1677 to 2262 are read as they are, and come back where the file system holds them; where it does not, that is reported") {
  TinyDisk ram{1 << 20};  // tmpfs holds any
  for (auto const seconds : {std::int64_t{9'223'372'036}, std::int64_t{9'223'372'037}, std::int64_t{10'413'792'000}, std::int64_t{910'692'648'000}, std::int64_t{-9'223'372'037},
                             std::int64_t{-9'223'372'038}, std::int64_t{-99'999'999'999}}) {
    INFO(seconds);
    auto const restored = [&](const std::string& place, const EntryStat& want, NotApplied& missing) {
      auto const target = TargetFolder::open_root(place + "/t", TargetOptions{});
      auto file = target->file("copy", target->plan("copy", want));
      missing = file->finish(want, {}, {});
      return target->plan("copy", want).same;
    };
    EntryStat want;
    want.mode = 0600;
    want.uid = ::geteuid();
    want.gid = ::getegid();
    want.mtime_ns = (seconds < 0 ? kFirstFarSecond : kLastFarSecond) * 1'000'000'000 + 123'456'789;
    want.mtime_far = seconds - (seconds < 0 ? kFirstFarSecond : kLastFarSecond);
    if (ram.mounted()) {
      put(ram.at("f"), "");
      timespec const t[2] = {{0, UTIME_OMIT}, {static_cast<time_t>(seconds), 123'456'789}};
      REQUIRE(::utimensat(AT_FDCWD, ram.at("f").c_str(), t, 0) == 0);
      EntryStat const read = SourceFolder::open(ram.path())->stat("f");
      if (seconds == 9'223'372'036) {
        CHECK(read.mtime_ns == seconds * 1'000'000'000 + 123'456'789);
        CHECK(read.mtime_far == 0);
      } else {
        CHECK(read.mtime_ns == want.mtime_ns);
        CHECK(read.mtime_far == want.mtime_far);
      }
      NotApplied missing;
      CHECK(restored(ram.path(), read, missing));
      CHECK_FALSE(missing.any());
    }
    if (seconds == 9'223'372'036) continue;
    Scratch s;
    NotApplied missing;
    bool const same = restored(s.path(), want, missing);
    CHECK(missing.times != same);
    if (!same) CHECK_THAT(missing.why, Catch::Contains("holds no such time"));
  }
}

TEST_CASE("source: flags that no snapshot holds are seen, on files and on folders") {
  Scratch s;
  put(s.at("f"), "");
  REQUIRE(::mkdir(s.at("d").c_str(), 0700) == 0);
  auto const folder = SourceFolder::open(s.path());
  CHECK_FALSE(folder->file("f")->has_flags());
  CHECK_FALSE(folder->folder("d")->has_flags());
  // linux/fs.h does not go together with sys/mount.h, which other tests need.
  constexpr unsigned long kGetFlags = _IOR('f', 1, long), kSetFlags = _IOW('f', 2, long);
  constexpr int kNoDump = 0x40;
  auto const set = [&](const std::string& name) {
    int const f = ::open(s.at(name).c_str(), O_RDONLY | O_CLOEXEC);
    int flags = 0;
    bool const done = ::ioctl(f, kGetFlags, &flags) == 0 && (flags |= kNoDump, ::ioctl(f, kSetFlags, &flags) == 0);
    ::close(f);
    return done;
  };
  if (!set("f")) {
    WARN("skipped: this file system has no flags");
    return;
  }
  CHECK(folder->file("f")->has_flags());
  CHECK(set("d"));
  CHECK(folder->folder("d")->has_flags());
}
