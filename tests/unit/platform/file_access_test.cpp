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
