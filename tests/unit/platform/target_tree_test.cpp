#include "platform/target_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "base/error.hpp"
#include "platform/disk.hpp"
#include "platform/source_tree.hpp"
#include "scratch.hpp"
#include "unit/errc_of.hpp"

using namespace farkeep;
using namespace farkeep::testing;
using farkeep::test::errc_of;
using Action = TargetPlan::Action;

namespace {

EntryStat ours(EntryKind kind, std::uint32_t mode = 0600) {
  EntryStat s;
  s.kind = kind;
  s.mode = mode;
  s.uid = ::geteuid();
  s.gid = ::getegid();
  s.mtime_ns = 1'600'000'000'000'000'001;
  return s;
}

TargetOptions with(Overwrite o) {
  TargetOptions options;
  options.overwrite = o;
  return options;
}

void restore(TargetFolder& to, const std::string& name, std::string_view content, TargetPlan plan) {
  auto const f = to.file(name, plan);
  f->write_at(0, as_bytes(content));
  f->finish(ours(EntryKind::file), {});
}
void restore(TargetFolder& to, const std::string& name, std::string_view content) {
  restore(to, name, content, to.plan(name, ours(EntryKind::file)));
}

std::vector<std::string> names(const std::string& folder) { return system_disk().list(folder); }

constexpr TargetOptions::Walk kWalks[] = {TargetOptions::Walk::best, TargetOptions::Walk::by_component};
constexpr TargetOptions::Found kFound[] = {TargetOptions::Found::anything, TargetOptions::Found::nothing};

}  // namespace

TEST_CASE("target: names that are no single component are refused everywhere") {
  Scratch s;
  auto const t = TargetFolder::open_root(s.at("t"), {});
  restore(*t, "ok", "x");
  for (std::string const bad : {"", ".", "..", "a/b", "/", "../x", "a/"}) {
    CHECK(errc_of([&] { t->folder(bad); }) == Errc::malformed);
    CHECK(errc_of([&] { t->file(bad, {}); }) == Errc::malformed);
    CHECK(errc_of([&] { t->plan(bad, EntryStat{}); }) == Errc::malformed);
    CHECK(errc_of([&] { t->symlink(bad, {}, "x", ours(EntryKind::symlink), {}); }) == Errc::malformed);
    CHECK(errc_of([&] { t->special(bad, {}, ours(EntryKind::fifo), {}); }) == Errc::malformed);
    CHECK(errc_of([&] { t->hardlink(bad, {}, *t, "ok", {}); }) == Errc::malformed);
    CHECK(errc_of([&] { t->hardlink("new", {}, *t, bad, {}); }) == Errc::malformed);
    CHECK(errc_of([&] { t->apply(bad, EntryStat{}, {}); }) == Errc::malformed);
  }
  std::string const nul{"a\0b", 3};
  CHECK(errc_of([&] { t->file(nul, {}); }) == Errc::malformed);
  CHECK(errc_of([&] { t->folder(nul); }) == Errc::malformed);
  CHECK(errc_of([&] { t->symlink("l", {}, nul, ours(EntryKind::symlink), {}); }) == Errc::malformed);
  for (auto const walk : kWalks) {
    TargetOptions o;
    o.walk = walk;
    auto const w = TargetFolder::open_root(s.at("t"), o);
    for (std::string const bad : {"", "/", "/etc", "..", "a/..", "a//b", "a/", "./a"})
      CHECK(errc_of([&] { w->descend(bad); }) == Errc::malformed);
  }
  CHECK(names(s.at("t")) == std::vector<std::string>{"ok"});
  CHECK(names(s.path()) == std::vector<std::string>{"t"});
}

TEST_CASE("target: names that are not UTF-8 and names of the greatest length are restored") {
  Scratch s;
  std::string const longest(255, 'n');
  for (auto const found : kFound) {
    TargetOptions o;
    o.found = found;
    auto const t = TargetFolder::open_root(s.at(found == TargetOptions::Found::nothing ? "n" : "a"), o);
    for (std::string const& name : {std::string{"\xff\xfe"}, std::string{"line\nfeed"}, longest})
      restore(*t, name, "x", {});
  }
  CHECK(names(s.at("a")) == std::vector<std::string>{"line\nfeed", longest, "\xff\xfe"});
  CHECK(names(s.at("n")) == names(s.at("a")));
}

TEST_CASE("target: symlinked folders are not walked through, by openat2 and by component") {
  Scratch s;
  system_disk().make_folders(s.at("outside/b"));
  system_disk().make_folders(s.at("t/real/b"));
  REQUIRE(::symlink("../outside", s.at("t/out").c_str()) == 0);
  REQUIRE(::symlink("real", s.at("t/in").c_str()) == 0);
  REQUIRE(::symlink("/", s.at("t/real/b/root").c_str()) == 0);
  for (auto const walk : kWalks) {
    TargetOptions o;
    o.walk = walk;
    auto const t = TargetFolder::open_root(s.at("t"), o);
    CHECK_NOTHROW(t->descend("real/b"));
    CHECK_NOTHROW(t->descend("real"));
    for (const char* bad : {"out", "out/b", "in/b", "in", "real/b/root", "real/b/root/etc"}) {
      INFO(bad);
      CHECK_THROWS_AS(t->descend(bad), failure);
    }
    CHECK(errc_of([&] { t->descend("real/none"); }) == Errc::not_found);
  }
}

TEST_CASE("target: a symlink swapped in for a folder during the restore is replaced or refused, never entered") {
  Scratch s;
  system_disk().make_folders(s.at("outside"));
  put(s.at("outside/f"), "kept");
  auto const swap_in = [&](const std::string& root) {
    REQUIRE(::rename((root + "/a").c_str(), (root + "/moved").c_str()) == 0);
    REQUIRE(::symlink(s.at("outside").c_str(), (root + "/a").c_str()) == 0);
  };
  auto const careful = TargetFolder::open_root(s.at("t"), with(Overwrite::never));
  auto const open_before = careful->folder("a");
  swap_in(s.at("t"));
  CHECK(errc_of([&] { careful->folder("a"); }) == Errc::exists);
  restore(*open_before, "f", "restored");
  CHECK(get(s.at("t/moved/f")) == "restored");

  auto const bold = TargetFolder::open_root(s.at("u"), with(Overwrite::always));
  bold->folder("a");
  swap_in(s.at("u"));
  restore(*bold->folder("a"), "f", "restored");
  CHECK(get(s.at("u/a/f")) == "restored");
  CHECK(names(s.at("outside")) == std::vector<std::string>{"f"});
  CHECK(get(s.at("outside/f")) == "kept");
}

TEST_CASE("target: a symlink in the place of a file is replaced itself, what it points to stays") {
  Scratch s;
  put(s.at("outside"), "kept");
  auto const t = TargetFolder::open_root(s.at("t"), {});
  REQUIRE(::symlink("../outside", s.at("t/f").c_str()) == 0);
  restore(*t, "f", "restored");
  CHECK(look(s.at("t/f")) == "restored");
  CHECK(get(s.at("outside")) == "kept");
}

TEST_CASE("target: what takes the name while a file is written is not overwritten") {
  Scratch s;
  put(s.at("outside"), "kept");
  auto const t = TargetFolder::open_root(s.at("t"), {});
  auto f = t->file("f", t->plan("f", ours(EntryKind::file)));
  f->write_at(0, as_bytes("restored"));
  REQUIRE(::symlink("../outside", s.at("t/f").c_str()) == 0);
  CHECK(errc_of([&] { f->finish(ours(EntryKind::file), {}); }) == Errc::exists);
  f.reset();
  CHECK(names(s.at("t")) == std::vector<std::string>{"f"});
  CHECK(get(s.at("outside")) == "kept");
}

TEST_CASE("target: a root said to be empty is believed and still not overwritten") {
  Scratch s;
  put(s.at("outside"), "kept");
  TargetOptions o;
  o.found = TargetOptions::Found::nothing;
  auto const t = TargetFolder::open_root(s.at("t"), o);
  REQUIRE(::symlink("../dangling", s.at("t/l").c_str()) == 0);
  REQUIRE(::symlink("../outside", s.at("t/m").c_str()) == 0);
  for (const char* name : {"l", "m"}) {
    CHECK(errc_of([&] { t->file(name, {}); }) == Errc::exists);
    CHECK(errc_of([&] { t->symlink(name, {}, "x", ours(EntryKind::symlink), {}); }) == Errc::exists);
    CHECK(errc_of([&] { t->special(name, {}, ours(EntryKind::fifo), {}); }) == Errc::exists);
  }
  CHECK(look(s.at("t/m")) == "->../outside");
  CHECK(look(s.at("dangling")) == "nothing");
  CHECK(get(s.at("outside")) == "kept");
}

TEST_CASE("target: an abandoned file leaves nothing, an unfinished one is not under its name") {
  Scratch s;
  for (auto const found : kFound) {
    TargetOptions o;
    o.found = found;
    auto const t = TargetFolder::open_root(s.at("t"), o);
    auto f = t->file("f", {});
    f->write_at(0, as_bytes("half"));
    REQUIRE(names(s.at("t")).size() == 1);
    if (found == TargetOptions::Found::anything) CHECK(names(s.at("t"))[0].starts_with(kTargetTemporaryPrefix));
    f.reset();
    CHECK(names(s.at("t")).empty());
  }
}

TEST_CASE("target: overwrite decides by what is there") {
  Scratch s;
  put(s.at("f"), "12345");
  EntryStat const there = SourceFolder::open(s.path())->stat("f");
  auto newer = there, older = there, longer = there, link = there;
  newer.mtime_ns += 1;
  older.mtime_ns -= 1;
  longer.size += 1;
  link.kind = EntryKind::symlink;
  auto const plan = [&](Overwrite o, const EntryStat& wanted, const char* name = "f") {
    return TargetFolder::open_root(s.path(), with(o))->plan(name, wanted).action;
  };
  CHECK(plan(Overwrite::always, there) == Action::replace);
  CHECK(plan(Overwrite::if_changed, there) == Action::keep);
  CHECK(plan(Overwrite::if_changed, newer) == Action::replace);
  CHECK(plan(Overwrite::if_changed, older) == Action::replace);
  CHECK(plan(Overwrite::if_changed, longer) == Action::replace);
  CHECK(plan(Overwrite::if_changed, link) == Action::replace);
  CHECK(plan(Overwrite::if_newer, there) == Action::keep);
  CHECK(plan(Overwrite::if_newer, older) == Action::keep);
  CHECK(plan(Overwrite::if_newer, newer) == Action::replace);
  CHECK(plan(Overwrite::never, newer) == Action::keep);
  for (auto const o : {Overwrite::always, Overwrite::if_changed, Overwrite::if_newer, Overwrite::never})
    CHECK(plan(o, newer, "none") == Action::create);
  auto const kept = TargetFolder::open_root(s.path(), with(Overwrite::never))->plan("f", there);
  CHECK(kept.existing == FileIdentity{there.device, there.inode, EntryKind::file});
}

TEST_CASE("target: a file where a folder is needed is replaced or in the way, as overwrite says") {
  for (auto const o : {Overwrite::always, Overwrite::if_changed, Overwrite::if_newer, Overwrite::never}) {
    Scratch s;
    put(s.at("f"), "file");
    auto const t = TargetFolder::open_root(s.path(), with(o));
    if (o == Overwrite::always || o == Overwrite::if_changed) {
      t->folder("f");
      CHECK(look(s.at("f")) == "folder");
    } else {
      CHECK(errc_of([&] { t->folder("f"); }) == Errc::exists);
      CHECK(look(s.at("f")) == "file");
    }
  }
}

TEST_CASE("target: an empty folder makes way for a file or a link, a full one does not") {
  Scratch s;
  auto const t = TargetFolder::open_root(s.path(), {});
  system_disk().make_folders(s.at("a"));
  system_disk().make_folders(s.at("b"));
  system_disk().make_folders(s.at("c/full"));
  restore(*t, "a", "file");
  auto const link = ours(EntryKind::symlink);
  t->symlink("b", t->plan("b", link), "target", link, {});
  CHECK(errc_of([&] { restore(*t, "c", "file"); }) == Errc::exists);
  CHECK(errc_of([&] { t->symlink("c", t->plan("c", link), "target", link, {}); }) == Errc::exists);
  CHECK(look(s.at("a")) == "file");
  CHECK(look(s.at("b")) == "->target");
  CHECK(names(s.path()) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("target: an existing folder is reused with what is in it") {
  Scratch s;
  system_disk().make_folders(s.at("d"));
  put(s.at("d/old"), "old");
  auto const t = TargetFolder::open_root(s.path(), {});
  restore(*t->folder("d"), "new", "new");
  CHECK(names(s.at("d")) == std::vector<std::string>{"new", "old"});
}

TEST_CASE("target: holes stay holes") {
  Scratch s;
  constexpr std::uint64_t kMiB = 1 << 20;
  Buffer const block(1 << 16, 7);
  auto const make = [&](const std::string& path) {
    int const f = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
    for (std::uint64_t at : {std::uint64_t{0}, 3 * kMiB})
      REQUIRE(::pwrite(f, block.data(), block.size(), static_cast<off_t>(at)) > 0);
    REQUIRE(::ftruncate(f, 8 * kMiB) == 0);
    REQUIRE(::fsync(f) == 0);  // so that the blocks are counted
    ::close(f);
  };
  make(s.at("source"));
  auto const folder = SourceFolder::open(s.path());
  auto const from = folder->file("source");
  auto const ranges = from->data_ranges();
  REQUIRE(ranges.size() == 2);
  auto const t = TargetFolder::open_root(s.path(), {});
  auto const to = t->file("copy", {});
  for (const DataRange& r : ranges) {
    Buffer b(r.length);
    from->skip_to(r.offset);
    REQUIRE(from->read(b) == r.length);
    to->write_at(r.offset, b);
  }
  to->set_size(from->stat().size);
  to->finish(from->stat(), {});
  t->sync();
  CHECK(folder->file("copy")->data_ranges() == ranges);
  CHECK(folder->stat("copy").size == 8 * kMiB);
  CHECK(folder->stat("copy").blocks512 == folder->stat("source").blocks512);
}

TEST_CASE("target: hard links share one file, also over an existing name") {
  Scratch s;
  auto const t = TargetFolder::open_root(s.path(), {});
  REQUIRE(::mkdir(s.at("sub").c_str(), 0700) == 0);
  auto const sub = t->folder("sub");
  auto const f = t->file("first", {});
  f->write_at(0, as_bytes("x"));
  f->finish(ours(EntryKind::file), {});
  put(s.at("sub/old"), "old");
  sub->hardlink("second", sub->plan("second", ours(EntryKind::file)), *t, "first", f->identity());
  sub->hardlink("old", sub->plan("old", ours(EntryKind::file)), *t, "first", f->identity());
  sub->hardlink("old", sub->plan("old", ours(EntryKind::file)), *t, "first", f->identity());  // again: nothing to do
  auto const folder = SourceFolder::open(s.path());
  CHECK(folder->stat("first").links == 3);
  CHECK(folder->folder("sub")->stat("second").inode == f->identity().inode);
  CHECK(names(s.at("sub")) == std::vector<std::string>{"old", "second"});
}

TEST_CASE("target: in a folder that this restore made nothing is looked up, and what somebody else puts there is not replaced") {
  Scratch s;
  auto const t = TargetFolder::open_root(s.path(), {});
  auto const made = t->folder("made");
  put(s.at("made/taken"), "theirs");
  EntryStat const wanted = ours(EntryKind::file);
  CHECK(made->plan("taken", wanted).action == TargetPlan::Action::create);
  CHECK_THROWS_AS(made->file("taken", made->plan("taken", wanted)), failure);
  // What overwriting would not repair the next time gets its name when it is complete.
  TargetOptions careful;
  careful.overwrite = Overwrite::never;
  auto const folder = TargetFolder::open_root(s.path(), careful)->folder("other");
  auto const unfinished = folder->file("file", folder->plan("file", wanted));
  CHECK(names(s.at("other")) != std::vector<std::string>{"file"});
}

TEST_CASE("target: links and special files have hard links too") {
  Scratch s;
  auto const t = TargetFolder::open_root(s.path(), {});
  t->symlink("link", {}, "nowhere", ours(EntryKind::symlink), {});
  t->special("fifo", {}, ours(EntryKind::fifo), {});
  for (const std::string name : {"link", "fifo"}) {
    t->hardlink(name + '2', {}, *t, name, t->identity(name));
    CHECK(t->identity(name + '2') == t->identity(name));
  }
  CHECK(look(s.at("link2")) == "->nowhere");
  CHECK(look(s.at("fifo2")) == "fifo");
}

TEST_CASE("target: a hard link to a file that was exchanged is refused") {
  Scratch s;
  put(s.at("secret"), "secret");
  auto const t = TargetFolder::open_root(s.at("t"), {});
  auto const f = t->file("first", {});
  f->finish(ours(EntryKind::file), {});
  put(s.at("t/old"), "old");
  REQUIRE(::unlink(s.at("t/first").c_str()) == 0);
  SECTION("for another file") { REQUIRE(::link(s.at("secret").c_str(), s.at("t/first").c_str()) == 0); }
  SECTION("for a symlink") { REQUIRE(::symlink("../secret", s.at("t/first").c_str()) == 0); }
  CHECK(errc_of([&] { t->hardlink("second", {}, *t, "first", f->identity()); }) == Errc::io);
  auto const plan = t->plan("old", ours(EntryKind::file));
  CHECK(errc_of([&] { t->hardlink("old", plan, *t, "first", f->identity()); }) == Errc::io);
  CHECK(names(s.at("t")) == std::vector<std::string>{"first", "old"});
  CHECK(get(s.at("t/old")) == "old");
}

TEST_CASE("target: a full disk is no_space, and the half file is gone") {
  TinyDisk tiny{64 << 10};
  if (!tiny.mounted()) {
    WARN("skipped: this process may not mount a small file system");
    return;
  }
  auto const t = TargetFolder::open_root(tiny.path(), {});
  auto f = t->file("f", {});
  CHECK(errc_of([&] { f->write_at(0, Buffer(1 << 20, 1)); }) == Errc::no_space);
  f.reset();
  CHECK(names(tiny.path()).empty());
  restore(*t, "g", "fits again");
}

TEST_CASE("target: a folder of our own that its mode closes to us is opened, and gets its mode back") {
  Scratch s;
  if (!open_to_everybody(s)) return;
  CHECK(in_unprivileged_child([&]() -> std::string {
          for (mode_t const closed : {mode_t{0555}, mode_t{0500}, mode_t{0300}, mode_t{0000}}) {
            std::string const at = s.at("d" + std::to_string(closed));
            system_disk().make_folders(at + "/sub");
            put(at + "/old", "old");
            CHILD_CHECK(::chmod((at + "/sub").c_str(), closed) == 0);
            CHILD_CHECK(::chmod(at.c_str(), closed) == 0);
            {
              auto const t = TargetFolder::open_root(s.path(), {})->folder("d" + std::to_string(closed));
              restore(*t, "old", "restored");
              auto const sub = t->folder("sub");
              restore(*sub, "new", "restored");
              sub->leave();
            }
            struct stat st {};
            CHILD_CHECK(::stat(at.c_str(), &st) == 0 && (st.st_mode & 07777) == closed);
            CHILD_CHECK(::chmod(at.c_str(), 0700) == 0);
            CHILD_CHECK(::stat((at + "/sub").c_str(), &st) == 0 && (st.st_mode & 07777) == closed);
            CHILD_CHECK(::chmod((at + "/sub").c_str(), 0700) == 0);
            CHILD_CHECK(get(at + "/old") == "restored");
            CHILD_CHECK(get(at + "/sub/new") == "restored");
          }
          return {};
        }) == "");
}

TEST_CASE("target: what a restore left that ended in the middle goes, what another one is writing stays, and what only looks like it") {
  Scratch s;
  system_disk().make_folders(s.at("d"));
  std::string const left{std::string{kTargetTemporaryPrefix} + "0123456789ab-7"};
  std::string const named{std::string{kTargetTemporaryPrefix} + "notes"};
  put(s.at("d/" + named), "the user's");
  auto const other = TargetFolder::open_root(s.path(), {})->folder("d");
  auto const writing = other->file("f", {});
  put(s.at(left), "left");
  put(s.at("d/" + left), "left");
  REQUIRE(::symlink("just made", s.at("d/" + left + '1').c_str()) == 0);
  TargetFolder::open_root(s.path(), {})->folder("d");
  CHECK(names(s.path()) == std::vector<std::string>{"d"});
  auto const now = names(s.at("d"));
  CHECK(now.size() == 3);
  CHECK(std::count(now.begin(), now.end(), left) == 0);
  writing->write_at(0, as_bytes("content"));
  writing->finish(ours(EntryKind::file), {});
  CHECK(get(s.at("d/f")) == "content");
}

TEST_CASE("target: many threads may fill one folder") {
  Scratch s;
  auto const t = TargetFolder::open_root(s.path(), {});
  auto const fill = [&](char who) {
    for (int i = 0; i < 200; ++i) restore(*t, who + std::to_string(i), "x");
  };
  std::thread a{fill, 'a'}, b{fill, 'b'};
  a.join();
  b.join();
  CHECK(names(s.path()).size() == 400);
}
