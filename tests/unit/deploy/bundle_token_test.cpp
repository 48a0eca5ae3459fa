#include "bundle_token.hpp"

#include <fstream>

#include "kit.hpp"
#include "unit/vault/temp_folder.hpp"

using namespace farkeep;
using namespace farkeep::deploy;
using namespace farkeep::deploy::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

ProfileConfig with_token(const std::string& lines) {
  std::string text = kProfile;
  return profile(text.replace(text.find("uses = 3"), 8, lines));
}

}  // namespace

TEST_CASE("token: the first line counts, plain or as JSON with what is known of it") {
  auto const plain = parse_token("MFRGG43FMZTQ\r\nmore\n");
  CHECK(plain.text.text() == "MFRGG43FMZTQ");
  CHECK_FALSE(plain.uses);
  CHECK_FALSE(plain.expires);
  auto const json = parse_token("{\"token\":\"MFRGG43FMZTQ\",\"uses\":7,\"expires\":\"2027-01-15T08:00:00Z\"}\n");
  CHECK(json.text.text() == "MFRGG43FMZTQ");
  CHECK(json.uses == 7);
  CHECK(json.expires == kNow);
}

TEST_CASE("token: what is none is refused without being shown") {
  for (const char* wrong : {"", "\n", "not a token!", "{\"token\":5}", "{\"token\":\"\"}", "{", "[]"}) {
    INFO(wrong);
    CHECK_THROWS_WITH(parse_token(wrong), !Contains("not a token!") && Contains("token create"));
  }
}

TEST_CASE("token: the command hears how many machines, for how long, and for which bundle") {
  CHECK(token_command("t --uses {uses} --expires {expires} # {bundle} {uses}", 5, 90s, "web") == "t --uses 5 --expires 90s # web 5");
}

TEST_CASE("token: a command that was told the policy is believed, one that was not says nothing") {
  auto const told = token_for(with_token("uses = 3\nexpires = 2h\ncommand = printf 'MFRGG43FMZTQ{uses}{expires}' | tr -dc A-Z | cut -c1-12"), {}, "web", false, kNow);
  REQUIRE(told);
  CHECK(told->uses == 3);
  CHECK(told->expires == kNow + 2h);
  auto const silent = token_for(with_token("uses = 3\ncommand = echo MFRGG43FMZTQ"), {}, "web", false, kNow);
  CHECK_FALSE(silent->uses);
  CHECK_FALSE(silent->expires);
}

TEST_CASE("token: a host's is for one machine, whatever a class's is") {
  auto const one = token_for(with_token("uses = 3\ncommand = echo '{\"token\":\"MFRGG43FMZTQ\",\"uses\":{uses}}'"), {}, "web1", true, kNow);
  CHECK(one->uses == 1);
}

TEST_CASE("token: one for too few machines, and one that has expired, make no bundle") {
  CHECK_THROWS_WITH(token_for(with_token("uses = 3\ncommand = echo '{\"token\":\"MFRGG43FMZTQ\",\"uses\":2}'"), {}, "web", false, kNow), Contains("for 2 machines, and the bundle for 3"));
  CHECK_THROWS_WITH(token_for(with_token("command = echo '{\"token\":\"MFRGG43FMZTQ\",\"expires\":\"2027-01-15T08:00:00Z\"}'"), {}, "web", false, kNow), Contains("expired at 2027-01-15T08:00:00Z"));
}

TEST_CASE("token: a file on the command line comes before the profile's way, which may be none") {
  TempFolder folder;
  std::string const file = folder.path() + "/token";
  std::ofstream{file} << "MFRGG43FMZTQ\n";
  CHECK(token_for(with_token("command = false"), file, "web", false, kNow)->text.text() == "MFRGG43FMZTQ");
  CHECK(token_for(with_token("file = " + file), {}, "web", false, kNow)->text.text() == "MFRGG43FMZTQ");
  CHECK_FALSE(token_for(profile(), {}, "web", false, kNow));
  CHECK_THROWS_WITH(token_for(with_token("file = " + file + ".not"), {}, "web", false, kNow), Contains("no such file"));
  CHECK_THROWS_AS(token_for(with_token("command = false"), {}, "web", false, kNow), failure);
}
