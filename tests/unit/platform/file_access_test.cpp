#include "platform/file_access.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace farkeep;
namespace fs = std::filesystem;

TEST_CASE("file access: everybody's right to read, through a link too; a file that is not there is open to nobody") {
  fs::path const file = fs::temp_directory_path() / ("farkeep-access-" + std::to_string(::getpid()));
  fs::path const link = file.string() + ".link";
  std::ofstream{file} << "x";
  fs::create_symlink(file, link);
  for (auto const& [mode, open] : {std::pair{0644, true}, {0640, false}, {0604, true}, {0600, false}, {0602, false}}) {
    fs::permissions(file, static_cast<fs::perms>(mode));
    CHECK(everybody_may_read(file) == open);
    CHECK(everybody_may_read(link) == open);
  }
  fs::remove(link);
  fs::remove(file);
  CHECK_FALSE(everybody_may_read(file));
}

TEST_CASE("file identity: all names of a file share it, other files of the same content do not") {
  fs::path const folder = fs::temp_directory_path() / ("farkeep-identity-" + std::to_string(::getpid()));
  fs::create_directories(folder / "sub");
  std::ofstream{folder / "a"} << "x";
  std::ofstream{folder / "b"} << "x";
  fs::create_symlink("../a", folder / "sub/link");
  fs::create_hard_link(folder / "a", folder / "hard");
  fs::create_directory_symlink(".", folder / "round");
  auto const id = file_identity(folder / "a");
  REQUIRE(id);
  for (const char* name : {"sub/link", "hard", "round/a", "round/round/sub/link"}) CHECK(file_identity(folder / name) == id);
  CHECK(file_identity(folder / "b") != id);
  CHECK_FALSE(file_identity(folder / "c"));
  fs::remove_all(folder);
}

namespace {

// A folder below /tmp, which everybody may write to and which is sticky: all that is found is in here.
struct Corner {
  Corner() {
    std::string name = (fs::temp_directory_path() / "farkeep-who.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    top = name;
    mode("", 0755);
    fs::create_directories(top / "conf.d");
    mode("conf.d", 0755);
    write("conf.d/a.ini");
  }
  ~Corner() { fs::remove_all(top); }
  void write(const std::string& name, int mode_ = 0600) {
    std::ofstream{top / name} << "x";
    mode(name, mode_);
  }
  void mode(const std::string& name, int m) const { fs::permissions(top / name, static_cast<fs::perms>(m)); }
  std::string at(const std::string& name) const { return (top / name).string(); }
  std::string changes(const std::string& name = "conf.d/a.ini") const { return who_may_change(at(name)); }
  fs::path top;
};

}  // namespace

TEST_CASE("who may change: the file's own permissions, with the command that mends them") {
  using Catch::Contains;
  Corner c;
  for (int fine : {0600, 0640, 0644, 0444}) {
    c.mode("conf.d/a.ini", fine);
    CHECK(c.changes() == "");
  }
  c.mode("conf.d/a.ini", 0646);
  CHECK_THAT(c.changes(), Contains("everybody") && Contains("chmod o-w " + c.at("conf.d/a.ini")));
  c.mode("conf.d/a.ini", 0664);
  const bool roots_group = ::getegid() == 0;
  CHECK((c.changes() == "") == roots_group);
  if (::geteuid() != 0) return;
  REQUIRE(::chown(c.at("conf.d/a.ini").c_str(), 0, 54321) == 0);
  CHECK_THAT(c.changes(), Contains("the group 54321") && Contains("chmod g-w"));
  c.mode("conf.d/a.ini", 0640);
  CHECK(c.changes() == "");
  REQUIRE(::chown(c.at("conf.d/a.ini").c_str(), 54321, 0) == 0);
  CHECK_THAT(c.changes(), Contains("the user 54321") && Contains("chown root"));
}

TEST_CASE("who may change: a folder above in which others may rename counts as the file, a sticky one and one that they cannot enter do not") {
  using Catch::Contains;
  Corner c;
  c.mode("conf.d", 0757);
  CHECK_THAT(c.changes(), Contains("chmod o-w " + c.at("conf.d")));
  c.mode("conf.d", 01757);
  CHECK(c.changes() == "");
  c.mode("conf.d", 0757);
  c.mode("", 0700);  // nobody gets there
  CHECK(c.changes() == "");
  c.mode("conf.d/a.ini", 0666);
  CHECK(c.changes() == "");
  c.mode("", 0755);
  c.mode("conf.d", 0755);
  if (::geteuid() == 0) {
    c.mode("conf.d/a.ini", 0600);
    REQUIRE(::chown(c.at("conf.d").c_str(), 54321, 0) == 0);
    CHECK_THAT(c.changes(), Contains("belongs to the user 54321"));
  }
}

TEST_CASE("who may change: links are followed, relative and absolute ones, and one that another may exchange is as bad") {
  using Catch::Contains;
  Corner c;
  fs::create_directories(c.top / "open/in");
  c.mode("open", 0777);
  c.mode("open/in", 0755);
  c.write("open/in/b.ini");
  fs::create_symlink("../open/in/b.ini", c.top / "conf.d/relative");
  fs::create_symlink(c.top / "open/in/b.ini", c.top / "conf.d/absolute");
  fs::create_symlink("../conf.d/./a.ini", c.top / "conf.d/fine");
  fs::create_symlink("round", c.top / "conf.d/round");
  for (const char* name : {"conf.d/relative", "conf.d/absolute"}) CHECK_THAT(c.changes(name), Contains("chmod o-w " + c.at("open")));
  CHECK(c.changes("conf.d/fine") == "");
  CHECK(c.changes("conf.d/round") == "");    // the kernel refuses it, too
  CHECK(c.changes("conf.d/nothing") == "");
  CHECK(c.changes("open/in/../../conf.d/a.ini") != "");  // the way leads through the open one
  if (::geteuid() == 0) {
    fs::create_symlink(c.top / "conf.d/a.ini", c.top / "conf.d/theirs");
    REQUIRE(::lchown(c.at("conf.d/theirs").c_str(), 54321, 0) == 0);
    CHECK_THAT(c.changes("conf.d/theirs"), Contains("belongs to the user 54321"));
  }
  CHECK(who_may_change("/dev/null") == "");
}

TEST_CASE("who may read: everybody's right counts where they get to the file") {
  using Catch::Contains;
  Corner c;
  const std::string file = c.at("conf.d/a.ini");
  CHECK(who_may_read(file) == "");
  c.mode("conf.d/a.ini", 0640);
  CHECK(who_may_read(file) == "");
  c.mode("conf.d/a.ini", 0644);
  CHECK_THAT(who_may_read(file), Contains("chmod o-r " + file));
  CHECK_THROWS_WITH(refuse_if_others_know(file, "the token"), Contains("reading the token: everybody"));
  CHECK_NOTHROW(warn_if_others_know(file, "the token"));
  CHECK_NOTHROW(refuse_if_others_may_change(file, "the token"));
  c.mode("conf.d", 0700);
  CHECK(who_may_read(file) == "");
  CHECK_NOTHROW(refuse_if_others_know(file, "the token"));
}

TEST_CASE("a program's own folder: its owner may be anybody, and nobody else may write to it or put another one in its place") {
  using Catch::Contains;
  Corner c;
  fs::create_directories(c.top / "data/keys");
  const std::string folder = c.at("data/keys");
  CHECK_NOTHROW(refuse_if_others_share(folder, "the state folder"));
  CHECK_NOTHROW(refuse_if_others_share(c.at("data/nothing"), "the state folder"));
  c.mode("data/keys", 0777);
  CHECK_THROWS_WITH(refuse_if_others_share(folder, "the state folder"), Contains("working in the state folder: everybody") && Contains("chmod o-w " + folder));
  c.mode("data/keys", 0700);
  c.mode("data", 0777);
  CHECK_THROWS_WITH(refuse_if_others_share(folder, "the state folder"), Contains("chmod o-w " + c.at("data")));
  c.mode("data", 0755);
  if (::geteuid() != 0) return;
  REQUIRE(::chown(folder.c_str(), 54321, 54321) == 0);
  CHECK_NOTHROW(refuse_if_others_share(folder, "the state folder"));
  c.mode("data/keys", 0770);
  CHECK_THROWS_WITH(refuse_if_others_share(folder, "the state folder"), Contains("the group 54321"));
  REQUIRE(::chown(c.at("data").c_str(), 54322, 0) == 0);
  CHECK_THROWS_WITH(refuse_if_others_share(folder, "the state folder"), Contains("belongs to the user 54322"));
}

TEST_CASE("program of a command: the first word where it is a plain path") {
  CHECK(program_of("/usr/bin/dump -x 'a b'") == "/usr/bin/dump");
  CHECK(program_of("  /usr/bin/dump;echo") == "/usr/bin/dump");
  CHECK(program_of("/usr/bin/dump") == "/usr/bin/dump");
  for (const char* other : {"dump -x", "", "  ", "'/usr/bin/dump'", "/usr/bin/$X", "/usr/*/x", "if /x; then"}) CHECK(program_of(other) == "");
}
