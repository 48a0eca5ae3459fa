#include "platform/edited_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"

using namespace farkeep;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("farkeep-edited-" + std::to_string(::getpid()))) { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

std::string content(const fs::path& p) {
  std::ifstream in(p, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("edited file: content changes; mode, owner and a link to it stay, and nothing is left beside it") {
  Folder folder;
  fs::path const file = folder.path / "agent.ini", link = folder.path / "link.ini";
  std::ofstream(file) << "old";
  REQUIRE(::chmod(file.c_str(), 0640) == 0);
  if (::geteuid() == 0) REQUIRE(::chown(file.c_str(), 1234, 4321) == 0);
  fs::create_symlink("agent.ini", link);
  replace_edited_file(link.string(), as_bytes("new"));
  CHECK(content(file) == "new");
  CHECK(fs::is_symlink(link));
  struct stat now {};
  REQUIRE(::stat(file.c_str(), &now) == 0);
  CHECK((now.st_mode & 07777U) == 0640);
  if (::geteuid() == 0) CHECK((now.st_uid == 1234 && now.st_gid == 4321));
  CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator{}) == 2);
}

TEST_CASE("edited file: one that is not there is not made") {
  Folder folder;
  std::string const file = (folder.path / "nothing.ini").string();
  try {
    replace_edited_file(file, as_bytes("x"));
    FAIL("it was written");
  } catch (const failure& f) {
    CHECK(classify(f.code()) == Errc::not_found);
  }
  CHECK_FALSE(fs::exists(file));
}
