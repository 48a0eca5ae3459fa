#include "platform/disk.hpp"
#include "platform/unreadable.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/error.hpp"
#include "platform/atomic_file.hpp"
#include "platform/io_posix.hpp"
#include "platform/printable.hpp"
#include "scratch.hpp"
#include "unit/errc_of.hpp"

using namespace farkeep;
using namespace farkeep::testing;
using farkeep::test::errc_of;

namespace {

std::uint32_t mode_of(const std::string& path) {
  struct stat st;
  return ::lstat(path.c_str(), &st) == 0 ? st.st_mode & 07777 : 0;
}

}  // namespace

TEST_CASE("disk: what is appended and written comes back, short only at the end") {
  Scratch s;
  auto f = system_disk().open(s.at("f"), Open::create_new);
  f->append(as_bytes("hello "));
  f->append(as_bytes("world"));
  f->write_at(0, as_bytes("J"));
  f->write_at(11, as_bytes("!"));  // a write behind the end moves it, for append too
  f->append(as_bytes("?"));
  f->sync();
  CHECK(f->size() == 13);
  Buffer b(20, 0xee);
  CHECK(f->read_at(6, b) == 7);
  CHECK(as_text(ByteView{b}.first(7)) == "world!?");
  CHECK(f->read_at(13, b) == 0);
  CHECK(f->read_at(1 << 20, b) == 0);
  CHECK(get(s.at("f")) == "Jello world!?");
  f->truncate(2);
  f->append(as_bytes("x"));
  CHECK(get(s.at("f")) == "Jex");
}

TEST_CASE("disk: create_new refuses what exists, read what is missing, read_write keeps what is there") {
  Scratch s;
  put(s.at("f"), "abc");
  CHECK(errc_of([&] { system_disk().open(s.at("f"), Open::create_new); }) == Errc::exists);
  CHECK(errc_of([&] { system_disk().open(s.at("g"), Open::read); }) == Errc::not_found);
  system_disk().open(s.at("f"), Open::read_write)->append(as_bytes("d"));
  CHECK(get(s.at("f")) == "abcd");
  system_disk().open(s.at("g"), Open::read_write);
  CHECK(mode_of(s.at("g")) == 0600);
}

TEST_CASE("disk: a named pipe in the place of a file is refused, not waited for") {
  Scratch s;
  REQUIRE(::mkfifo(s.at("pipe").c_str(), 0600) == 0);
  CHECK(errc_of([&] { system_disk().open(s.at("pipe"), Open::read); }) == Errc::io);
  CHECK(errc_of([&] { system_disk().open(s.at("pipe"), Open::read_write); }) == Errc::io);
}

TEST_CASE("disk: a failure names the path and what was done, safely") {
  Scratch s;
  try {
    system_disk().open(s.at("no\nsuch\xff"), Open::read);
    FAIL("opened");
  } catch (const failure& f) {
    CHECK_THAT(f.what(), Catch::Contains("opening '") && Catch::Contains("no\\x0asuch\\xff'"));
  }
}

TEST_CASE("disk: after a failed sync the file refuses everything") {
  // fdatasync of a character device fails.
  auto f = system_disk().open("/dev/null", Open::read_write);
  f->append(as_bytes("x"));
  CHECK_THROWS_AS(f->sync(), failure);
  Buffer b(1);
  CHECK(errc_of([&] { f->read_at(0, b); }) == Errc::io);
  CHECK(errc_of([&] { f->append(as_bytes("x")); }) == Errc::io);
  CHECK(errc_of([&] { f->write_at(0, as_bytes("x")); }) == Errc::io);
  CHECK(errc_of([&] { f->truncate(0); }) == Errc::io);
  CHECK(errc_of([&] { f->sync(); }) == Errc::io);
  CHECK(errc_of([&] { f->size(); }) == Errc::io);
}

TEST_CASE("disk: an append that does not fit leaves the file as long as it was") {
  TinyDisk tiny{64 << 10};
  if (!tiny.mounted()) {
    WARN("skipped: this process may not mount a small file system");
    return;
  }
  auto f = system_disk().open(tiny.at("f"), Open::create_new);
  f->append(Buffer(1000, 1));
  CHECK(errc_of([&] { f->append(Buffer(1 << 20, 2)); }) == Errc::no_space);
  CHECK(f->size() == 1000);
  CHECK(system_disk().free_bytes(tiny.path()) <= 64 << 10);
  f->append(as_bytes("fits"));
  CHECK(f->size() == 1004);
}

TEST_CASE("disk: where files run out before bytes, there is as little room as files") {
  TinyDisk tiny{64 << 20, ",nr_inodes=100"};
  if (!tiny.mounted()) {
    WARN("skipped: this process may not mount a small file system");
    return;
  }
  const auto before = system_disk().free_bytes(tiny.path());
  CHECK(before <= 99 * Disk::kBytesPerFile);
  for (int i = 0; i < 95; ++i) put(tiny.at(std::to_string(i)), "x");
  CHECK(system_disk().free_bytes(tiny.path()) <= 4 * Disk::kBytesPerFile);
  CHECK(system_disk().free_bytes(tiny.path()) > 0);
}

TEST_CASE("disk: on a file system that is read only there is no room") {
  TinyDisk tiny{64 << 10};
  if (!tiny.mounted()) {
    WARN("skipped: this process may not mount a small file system");
    return;
  }
  CHECK(system_disk().free_bytes(tiny.path()) > 0);
  tiny.make_read_only();
  CHECK(system_disk().free_bytes(tiny.path()) == 0);
}

TEST_CASE("disk: a file, a folder and neither are told apart, through links") {
  Scratch s;
  Disk& d = system_disk();
  put(s.at("file"), "x");
  CHECK(d.what_is(s.path()) == What::folder);
  CHECK(d.what_is(s.at("file")) == What::file);
  CHECK(d.what_is(s.at("nothing")) == What::nothing);
  CHECK(d.what_is(s.at("file/below")) == What::nothing);
  std::filesystem::create_symlink("file", s.at("link"));
  std::filesystem::create_symlink("nowhere", s.at("dangling"));
  CHECK(d.what_is(s.at("link")) == What::file);
  CHECK(d.what_is(s.at("dangling")) == What::nothing);
  CHECK(d.what_is("/dev/null") == What::other);
}

TEST_CASE("disk: rename replaces, rename_new does not, by either method") {
  Scratch s;
  Disk& d = system_disk();
  put(s.at("a"), "a");
  put(s.at("b"), "b");
  CHECK_FALSE(d.rename_new(s.at("a"), s.at("b")));
  CHECK(get(s.at("a")) == "a");
  CHECK(get(s.at("b")) == "b");
  d.rename(s.at("a"), s.at("b"));
  CHECK(look(s.at("a")) == "nothing");
  CHECK(get(s.at("b")) == "a");
  CHECK(d.rename_new(s.at("b"), s.at("c")));
  CHECK(d.list(s.path()) == std::vector<std::string>{"c"});

  put(s.at("x"), "x");
  auto const by_link = [&](const char* from, const char* to) {
    return posix::rename_new(AT_FDCWD, s.at(from).c_str(), AT_FDCWD, s.at(to).c_str(), posix::Method::link);
  };
  CHECK_FALSE(by_link("x", "c"));
  CHECK(get(s.at("c")) == "a");
  CHECK(by_link("x", "y"));
  CHECK(d.list(s.path()) == std::vector<std::string>{"c", "y"});
  CHECK(errc_of([&] { by_link("gone", "z"); }) == Errc::not_found);
  CHECK(errc_of([&] { d.rename_new(s.at("gone"), s.at("z")); }) == Errc::not_found);
}

TEST_CASE("disk: folders are made private and whole, and a file in the way is a failure") {
  Scratch s;
  Disk& d = system_disk();
  d.make_folders(s.at("a/b//c/"));
  CHECK(look(s.at("a/b/c")) == "folder");
  CHECK(mode_of(s.at("a")) == 0700);
  d.make_folders(s.at("a/b"));
  put(s.at("f"), "");
  CHECK_THROWS_AS(d.make_folders(s.at("f/g")), failure);
  CHECK(errc_of([&] { d.make_folders(s.at("f")); }) == Errc::exists);
  d.sync_folder(s.at("a"));
  CHECK(errc_of([&] { d.sync_folder(s.at("none")); }) == Errc::not_found);
}

TEST_CASE("disk: a listing is sorted as bytes, and empty for no folder") {
  Scratch s;
  for (const char* n : {"b", "B", "\xff", "a", ".x"}) put(s.at(n), "");
  CHECK(system_disk().list(s.path()) == std::vector<std::string>{".x", "B", "a", "b", "\xff"});
  CHECK(system_disk().list(s.at("none")).empty());
  CHECK_THROWS_AS(system_disk().list(s.at("a")), failure);
}

TEST_CASE("disk: removing a tree follows no symlink, and removing nothing is fine") {
  Scratch s;
  Disk& d = system_disk();
  d.make_folders(s.at("keep"));
  put(s.at("keep/f"), "kept");
  d.make_folders(s.at("t/a/b"));
  put(s.at("t/a/b/f"), "");
  REQUIRE(::symlink(s.at("keep").c_str(), s.at("t/a/link").c_str()) == 0);
  d.remove_tree(s.at("t"));
  d.remove_tree(s.at("t"));
  d.remove(s.at("t"));
  CHECK(d.list(s.path()) == std::vector<std::string>{"keep"});
  CHECK(get(s.at("keep/f")) == "kept");
  CHECK_THROWS_AS(d.remove(s.at("keep")), failure);
  CHECK(d.exists(s.at("keep/f")));
  CHECK_FALSE(d.exists(s.at("keep/f/under a file")));
}

TEST_CASE("disk: a dangling symlink exists") {
  Scratch s;
  REQUIRE(::symlink("nowhere", s.at("l").c_str()) == 0);
  CHECK(system_disk().exists(s.at("l")));
}

TEST_CASE("lock: one holder, in this process and in another, until it lets go") {
  Scratch s;
  auto mine = system_disk().lock(s.at("lock"));
  REQUIRE(mine);
  CHECK_FALSE(system_disk().lock(s.at("lock")));
  auto const other = [&] { return system_disk().lock(s.at("lock")) ? std::string{"got it"} : std::string{"held"}; };
  CHECK(in_child(other) == "held");
  mine.reset();
  CHECK(in_child(other) == "got it");
  CHECK(system_disk().lock(s.at("lock")));  // the other process is gone, and its lock with it
}

TEST_CASE("atomic file: replaces as a whole, and a leftover temporary file is no obstacle") {
  Scratch s;
  Disk& d = system_disk();
  put(s.at("f.farkeep-tmp0"), "half of something");
  write_file_atomically(d, s.at("f"), as_bytes("one"));
  write_file_atomically(d, s.at("f"), as_bytes("two"));
  CHECK(get(s.at("f")) == "two");
  CHECK(mode_of(s.at("f")) == 0600);
  CHECK(get(s.at("f.farkeep-tmp0")) == "half of something");
  CHECK(d.list(s.path()) == std::vector<std::string>{"f", "f.farkeep-tmp0"});
}

TEST_CASE("atomic file: after a failure the old file stands and nothing else") {
  Scratch s;
  system_disk().make_folders(s.at("f/not empty"));
  CHECK_THROWS_AS(write_file_atomically(system_disk(), s.at("f"), as_bytes("x")), failure);
  CHECK(system_disk().list(s.path()) == std::vector<std::string>{"f"});
}

TEST_CASE("atomic file: temporary names are known, others are not taken for one") {
  CHECK(is_temporary_name("state.farkeep-tmp0"));
  CHECK(is_temporary_name(".farkeep-tmp12"));
  CHECK_FALSE(is_temporary_name("state"));
  CHECK_FALSE(is_temporary_name("state.farkeep-tmp"));
  CHECK_FALSE(is_temporary_name("state.farkeep-tmp1x"));
}

TEST_CASE("read file: the limit is inclusive, a missing file is nothing") {
  Scratch s;
  put(s.at("f"), "12345");
  CHECK(read_file(system_disk(), s.at("f"), 5) == to_buffer(as_bytes("12345")));
  CHECK(errc_of([&] { read_file(system_disk(), s.at("f"), 4); }) == Errc::too_large);
  CHECK_FALSE(read_file(system_disk(), s.at("none"), 5));
  put(s.at("empty"), "");
  CHECK(read_file(system_disk(), s.at("empty"), 0) == Buffer{});
}

TEST_CASE("read file: a pseudo file that claims to be empty is read, within the limit") {
  auto const all = read_file(system_disk(), "/proc/self/status", 1 << 20);
  REQUIRE(all);
  CHECK(all->size() > 100);
  CHECK(errc_of([&] { read_file(system_disk(), "/proc/self/status", 100); }) == Errc::too_large);
}

TEST_CASE("printable: text stays, control characters and broken UTF-8 are escaped") {
  CHECK(printable("Grüße 日本 😀") == "'Grüße 日本 😀'");
  CHECK(printable("a\nb\x1b[2J'\\") == "'a\\x0ab\\x1b[2J\\x27\\x5c'");
  CHECK(printable("\xff\xc3") == "'\\xff\\xc3'");
  CHECK(printable("\xc0\xaf") == "'\\xc0\\xaf'");           // overlong
  CHECK(printable("\xed\xa0\x80") == "'\\xed\\xa0\\x80'");  // surrogate
  CHECK(printable("\xc2\x9b") == "'\\xc2\\x9b'");           // C1: CSI
  CHECK(printable(std::string(5000, 'x')).size() < 2100);
}

TEST_CASE("disk: what root makes in another user's folder is that user's, and a planted symlink leads root nowhere") {
  if (::geteuid() != 0) return;
  Scratch s;
  constexpr unsigned kUser = 65534, kGroup = 65533;
  REQUIRE(::mkdir(s.at("theirs").c_str(), 0700) == 0);
  REQUIRE(::chown(s.at("theirs").c_str(), kUser, kGroup) == 0);
  auto const owner = [&](const std::string& name) {
    struct stat st {};
    REQUIRE(::lstat(s.at(name).c_str(), &st) == 0);
    return std::pair{st.st_uid, st.st_gid};
  };
  auto const theirs = std::pair{kUser, kGroup}, ours = std::pair{0U, 0U};
  system_disk().open(s.at("theirs/new"), Open::create_new)->append(as_bytes("x"));
  system_disk().open(s.at("theirs/log"), Open::read_write)->append(as_bytes("x"));
  (void)system_disk().lock(s.at("theirs/lock"));
  system_disk().make_folders(s.at("theirs/a/b"));
  write_file_atomically(system_disk(), s.at("theirs/a/whole"), as_bytes("x"));
  for (const char* name : {"theirs/new", "theirs/log", "theirs/lock", "theirs/a", "theirs/a/b", "theirs/a/whole"}) CHECK(owner(name) == theirs);

  put(s.at("kept"), "kept");
  put(s.at("theirs/roots"), "root's own");
  system_disk().open(s.at("theirs/roots"), Open::read_write)->append(as_bytes("!"));
  CHECK(owner("theirs/roots") == ours);  // it was there before
  for (const char* name : {"kept", "missing"}) {
    auto const link = s.at(std::string{"theirs/to "} + name);
    REQUIRE(::symlink(s.at(name).c_str(), link.c_str()) == 0);
    CHECK(errc_of([&] { (void)system_disk().open(link, Open::read_write); }) != Errc{});
    CHECK(errc_of([&] { (void)system_disk().lock(link); }) != Errc{});
  }
  CHECK(get(s.at("kept")) == "kept");
  CHECK(owner("kept") == ours);
  CHECK_FALSE(system_disk().exists(s.at("missing")));

  system_disk().open(s.at("mine"), Open::create_new);
  CHECK(owner("mine") == ours);
}

TEST_CASE("unreadable: a bad sector damages a file; too many open files, another user's rights, or a network's silence do not") {
  namespace bs = boost::system::errc;
  for (auto const bad : {bs::io_error, bs::bad_message}) CHECK(is_unreadable(bs::make_error_code(bad)));
  CHECK(is_unreadable(make_error_code(Errc::too_large)));
  CHECK(is_unreadable(make_error_code(Errc::io)));
  for (auto const passes : {bs::too_many_files_open, bs::too_many_files_open_in_system, bs::not_enough_memory, bs::permission_denied, bs::operation_not_permitted})
    CHECK_FALSE(is_unreadable(bs::make_error_code(passes)));
  CHECK_FALSE(is_unreadable({ETIMEDOUT, far_disk_category()}));
}
