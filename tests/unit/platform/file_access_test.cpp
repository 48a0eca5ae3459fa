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
