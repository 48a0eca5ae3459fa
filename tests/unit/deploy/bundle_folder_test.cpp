#include "bundle_folder.hpp"

#include <filesystem>
#include <fstream>

#include "kit.hpp"
#include "platform/command.hpp"
#include "unit/vault/temp_folder.hpp"

using namespace farkeep;
using namespace farkeep::deploy;
using namespace farkeep::deploy::test;
using namespace std::chrono_literals;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

std::size_t names_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator{folder}, fs::directory_iterator{}));
}

}  // namespace

TEST_CASE("bundle folder: what is written is read back, and nothing else is left beside it") {
  TempFolder temp;
  Kit kit;
  auto const files = kit.bundle();
  write_bundle(system_disk(), temp.path() + "/web", files, Replace::no);
  CHECK(read_bundle(system_disk(), temp.path() + "/web") == files);
  CHECK(names_in(temp.path()) == 1);
  for (auto const& entry : fs::directory_iterator{temp.path() + "/web"}) CHECK((entry.status().permissions() & (fs::perms::group_all | fs::perms::others_all)) == fs::perms::none);
}

TEST_CASE("bundle folder: what commands that were killed left beside it goes, secrets in it too") {
  TempFolder temp;
  Kit kit;
  for (auto const* left : {"/.web.new-1", "/.web.old-22", "/.webmail.new-1", "/.web.txt"}) {
    system_disk().make_folders(temp.path() + left);
    system_disk().open(temp.path() + left + "/token", Open::create_new)->append(as_bytes("a token"));
  }
  write_bundle(system_disk(), temp.path() + "/web", kit.bundle(), Replace::no);
  CHECK(system_disk().list(temp.path()) == std::vector<std::string>{".web.txt", ".webmail.new-1", "web"});
}

TEST_CASE("bundle folder: one that is there stays as it is unless it may be replaced") {
  TempFolder temp;
  Kit kit;
  std::string const folder = temp.path() + "/web";
  auto const old = kit.bundle();
  write_bundle(system_disk(), folder, old, Replace::no);
  std::ofstream{folder + "/more.deb"} << "x";
  CHECK_THROWS_WITH(write_bundle(system_disk(), folder, kit.bundle(), Replace::no), Contains("--force"));
  CHECK(read_bundle(system_disk(), folder) == old);
  auto const fresh = kit.bundle();  // another escrow key
  write_bundle(system_disk(), folder, fresh, Replace::yes);
  CHECK(read_bundle(system_disk(), folder) == fresh);
  CHECK(names_in(temp.path()) == 1);
  CHECK_FALSE(fs::exists(folder + "/more.deb"));
}

TEST_CASE("bundle folder: a folder that is no bundle is never replaced") {
  TempFolder temp;
  Kit kit;
  std::string const folder = temp.path() + "/home";
  fs::create_directories(folder);
  std::ofstream{folder + "/thesis"} << "x";
  CHECK_THROWS_WITH(write_bundle(system_disk(), folder, kit.bundle(), Replace::yes), Contains("no bundle"));
  CHECK(fs::exists(folder + "/thesis"));
  CHECK_THROWS_WITH(read_bundle(system_disk(), folder), Contains("no manifest"));
}

TEST_CASE("bundle folder: packages beside it are not part of it, a sea of files is refused") {
  TempFolder temp;
  Kit kit;
  std::string const folder = temp.path() + "/web";
  auto const files = kit.bundle();
  write_bundle(system_disk(), folder, files, Replace::no);
  std::ofstream{folder + "/farkeep_0.1_amd64.deb"} << "x";
  CHECK(read_bundle(system_disk(), folder) == files);
  for (std::size_t i = 0; i <= kMaxBundleFiles; ++i) std::ofstream{folder + "/f" + std::to_string(i)} << "x";
  CHECK_THROWS_WITH(read_bundle(system_disk(), folder), Contains("too many files"));
}

TEST_CASE("bundle folder: an archive unpacks to the same, names with blanks and quotes too") {
  TempFolder temp;
  Kit kit;
  auto const files = kit.bundle();
  std::string const place = temp.path() + "/it's a place";
  fs::create_directories(place + "/out");
  write_bundle(system_disk(), place + "/web", files, Replace::no);
  pack_tar(place + "/web", place + "/web.tar.gz");
  (void)command_output("tar -C \"" + place + "/out\" -xzf \"" + place + "/web.tar.gz\"", {100, 1min});
  CHECK(read_bundle(system_disk(), place + "/out/web") == files);
}

TEST_CASE("bundle folder: a package's name is one that Debian permits") {
  CHECK(package_name("web") == "farkeep-config-web");
  CHECK(package_name("DB_1@example.org") == "farkeep-config-db-1-example.org");
}

TEST_CASE("bundle folder: a package has the bundle for root's eyes only, and the stage it was built on is gone") {
  if (as_text(command_output("command -v dpkg-deb || :", {1000, 1min})).empty()) return;  // said in the README: Debian's own tool
  TempFolder temp;
  Kit kit;
  write_bundle(system_disk(), temp.path() + "/web", kit.bundle(), Replace::no);
  auto const facts = BundleManifest::parse(kit.bundle().at("manifest")).value();
  auto const deb = pack_deb(system_disk(), temp.path() + "/web", facts, temp.path(), kNow);
  CHECK(deb == temp.path() + "/farkeep-config-web_1.20270115080000_all.deb");
  CHECK(names_in(temp.path()) == 2);
  std::string const listing{as_text(command_output("dpkg-deb -c " + deb, {10000, 1min}))};
  CHECK_THAT(listing, Contains("-rw------- root/root") && Contains("./usr/share/farkeep/deploy/web/token") && Contains("drwx------ root/root") && Contains("drwxr-xr-x root/root"));
  (void)command_output("dpkg-deb -x " + deb + " " + temp.path() + "/x", {100, 1min});
  CHECK(read_bundle(system_disk(), temp.path() + "/x/usr/share/farkeep/deploy/web") == read_bundle(system_disk(), temp.path() + "/web"));
}
