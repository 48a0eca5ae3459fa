#include "bundle.hpp"

#include "crypto/digest.hpp"
#include "install_script.hpp"
#include "kit.hpp"
#include "platform/command.hpp"

using namespace farkeep;
using namespace farkeep::deploy;
using namespace farkeep::deploy::test;
using namespace std::chrono_literals;
using Catch::Contains;

TEST_CASE("bundle: holds what it says, and the manifest all of it") {
  Kit kit;
  auto const files = kit.bundle();
  std::vector<std::string> names;
  for (auto const& [name, bytes] : files) names.push_back(name);
  CHECK(names == std::vector<std::string>{"README.txt", "agent.ini", "ca.pem", "escrow.pub", "firewall-sheet.txt", "install.sh", "manifest", "token"});
  auto const manifest = BundleManifest::parse(files.at("manifest")).value();
  CHECK(manifest.files.size() == 7);
  for (auto const& [name, digest] : manifest.files) CHECK(sha256(as_bytes(files.at(name))) == digest);
  CHECK(manifest.bundle == "web");
  CHECK(manifest.token_uses == 3);
  CHECK(files.at("token") == "MFRGG43FMZTQ\n");
}

TEST_CASE("bundle: without token and escrow it has no such files, and the readme says what to give") {
  Kit kit;
  auto const files = make_bundle(kit.settings, target_for(kit.settings, "web", {}), {kit.root.certificate().pem(), {}, {}}, kNow);
  CHECK_FALSE(files.contains("token"));
  CHECK_FALSE(files.contains("escrow.pub"));
  CHECK_THAT(files.at("README.txt"), Contains("--token-file"));
}

TEST_CASE("bundle: the token stands in its own file only") {
  Kit kit;
  for (auto const& [name, bytes] : kit.bundle()) {
    INFO(name);
    CHECK((bytes.find("MFRGG43FMZTQ") != bytes.npos) == (name == "token"));
  }
}

TEST_CASE("bundle: the readme names files that the machine must have itself") {
  Kit kit;
  kit.settings = profile(kProfile + "exclude_file = /etc/excludes\n[connection]\nmode = http\n[http]\nproxy = p\nuser = u\npassword_file = /etc/pw\n");
  CHECK_THAT(kit.bundle().at("README.txt"), Contains("/etc/pw") && Contains("/etc/excludes"));
}

TEST_CASE("bundle: whose it is must be said, and be there") {
  auto const p = profile();
  CHECK(target_for(p, "db", {}).bundle == "db");
  auto const host = target_for(p, {}, "WEB3");
  CHECK(host.is_host);
  CHECK(host.bundle == "WEB3");
  CHECK(host.group->name == "web");
  CHECK_THROWS_WITH(target_for(p, "wed", {}), Contains("did you mean web?"));
  CHECK_THROWS_WITH(target_for(p, {}, "mail"), Contains("no class of the profile fits") && Contains("web, db"));
  CHECK_THROWS_WITH(target_for(p, {}, "../x"), Contains("--host"));
  CHECK_THROWS_WITH(target_for(p, {}, {}), Contains("--class or --host"));
  CHECK_THROWS_WITH(target_for(p, "web", "web1"), Contains("either"));
  auto const alike = profile("[organisation]\nname = X\n[registration]\nserver = 192.0.2.1\nca_file = /ca\n[job a]\npath = /\n");
  CHECK(target_for(alike, {}, {}).bundle == "all");
  CHECK(target_for(alike, {}, "any").group == nullptr);
}

TEST_CASE("install script: is a shell's, whatever the state folder is called") {
  std::string const script = install_script("web", "/srv/it's $(here)");
  CHECK_THAT(script, Contains("state='/srv/it'\\''s $(here)'\n"));
  CHECK(as_text(command_output("printf %s " + shell_word("a'b $(c) \"d\"\\"), {100, 10s})) == "a'b $(c) \"d\"\\");
  CHECK_NOTHROW(command_output("sh -n <<'SCRIPT'\n" + script + "\nSCRIPT\n", {100, 10s}));
}
