#include "config/profile_config.hpp"

#include <catch2/catch.hpp>

#include "config/bundle_ini.hpp"

using namespace farkeep;
using namespace std::chrono_literals;

namespace {

const std::string kProfile = R"([organisation]
name = Example & Sons, Ltd
[registration]
server = 192.0.2.1
server = 192.0.2.2
ca_file = /root/ca.pem
[token]
command = make-token {uses}
uses = 50
expires = 7d
[escrow]
public_key_file = /root/escrow.pub
[class web]
match = web*.example.org
match = www
[class db]
match = db?.example.org
match = *.example.org
[agent]
log_level = info
upload_threads = 2
[connection]
mode = mapped
[mapped]
destination = 192.0.2.1 via fw.example.net:40001
destination = 192.0.2.2 via fw.example.net:40002
destination = 192.0.2.9 via fw.example.net:40003
[limits]
upload = mon-fri 08:00-18:00 5Mbit
upload = 50Mbit
[job etc]
path = /etc
exclude = "a #b"
[job site]
class = web
path = /srv/www
schedule = daily 02:30
[job dump]
path = /var/dump
class = db
)";

ProfileConfig profile(const std::string& text = kProfile) {
  auto parsed = ProfileConfig::parse(text, "profile.ini");
  for (const ConfigError& e : parsed.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(parsed);
  return std::move(*parsed.value);
}

std::vector<std::string> mistakes(const std::string& text) {
  std::vector<std::string> out;
  for (const ConfigError& e : ProfileConfig::parse(text, "p").errors) out.push_back(e.to_string());
  return out;
}

std::string replaced(const std::string& what, const std::string& with) {
  std::string text = kProfile;
  auto const at = text.find(what);
  REQUIRE(at != text.npos);
  return text.replace(at, what.size(), with);
}

}  // namespace

TEST_CASE("profile: all keys reach their fields") {
  auto const p = profile();
  CHECK(p.organisation == "Example & Sons, Ltd");
  CHECK(p.token.kind == SecretSource::Kind::command);
  CHECK(p.token.text == "make-token {uses}");
  CHECK(p.token_uses == 50);
  CHECK(p.token_expires == 7 * 24h);
  CHECK(p.agent.ca_file == "/root/ca.pem");
  CHECK(p.agent.escrow_key_file == "/root/escrow.pub");
  CHECK(p.agent.connection.mapped.size() == 3);
  CHECK(p.agent.jobs.size() == 3);
  REQUIRE(p.classes.size() == 2);
  CHECK(p.classes[1].name == "db");
  CHECK(p.classes[0].match == std::vector<std::string>{"web*.example.org", "www"});
}

TEST_CASE("profile: a token is good for one machine and a day unless written") {
  auto const p = profile("[organisation]\nname = X\n[registration]\nserver = 192.0.2.1\nca_file = /ca\n");
  CHECK(p.token.kind == SecretSource::Kind::none);
  CHECK(p.token_uses == 1);
  CHECK(p.token_expires == 24h);
  CHECK(p.classes.empty());
}

TEST_CASE("profile: a host belongs to the first class that fits, whatever the case of its name") {
  auto const p = profile();
  CHECK(p.class_of("web7.example.org")->name == "web");
  CHECK(p.class_of("WEB7.Example.ORG")->name == "web");
  CHECK(p.class_of("db1.example.org")->name == "db");
  CHECK(p.class_of("mail.example.org")->name == "db");
  CHECK(p.class_of("www")->name == "web");
  CHECK(p.class_of("www2") == nullptr);
  CHECK(p.find_class("we") == nullptr);
}

TEST_CASE("profile: a mistake in what is the agent's names the profile's line, once") {
  CHECK(mistakes(replaced("mode = mapped", "mode = maped")) == std::vector<std::string>{"p:23: mode: \"maped\" is not direct, socks, mapped or http"});
  // More than one key: the agent's own rule.
  auto const proxy = mistakes(replaced("mode = mapped", "mode = socks"));
  REQUIRE(proxy.size() == 1);
  CHECK_THAT(proxy[0], Catch::StartsWith("p:23: mode = socks needs a proxy"));
  auto const twice = mistakes(replaced("destination = 192.0.2.9 via fw.example.net:40003", "destination = 192.0.2.9 via fw.example.net:40001"));
  REQUIRE(twice.size() == 1);
  CHECK_THAT(twice[0], Catch::StartsWith("p:27: ") && Catch::Contains("line 25"));
}

TEST_CASE("profile: what the kit gives may not be written") {
  CHECK_THAT(mistakes(replaced("log_level = info", "name = web1")).at(0), Catch::StartsWith("p:20: unknown key \"name\" in [agent]"));
  CHECK_THAT(mistakes(replaced("ca_file = /root/ca.pem", "ca_file = /root/ca.pem\ntoken_file = /t")).at(0), Catch::StartsWith("p:7: unknown key \"token_file\""));
  CHECK_THAT(mistakes(kProfile + "[deployment]\nbundle = x\n").at(0), Catch::Contains("unknown section [deployment]"));
}

TEST_CASE("profile: file and command for one token is one too many") {
  CHECK_THAT(mistakes(replaced("uses = 50", "file = /t")).at(0), Catch::Contains("only one of file and command"));
}

TEST_CASE("profile: a job for a class that is not there names the one that was meant, and a class without a job is a mistake") {
  auto const found = mistakes(replaced("class = web", "class = wed"));
  REQUIRE(found.size() == 1);
  CHECK(found[0] == "p:35: class: there is no [class wed]: did you mean web?");
  auto const idle = mistakes("[organisation]\nname = X\n[registration]\nserver = 192.0.2.1\nca_file = /ca\n[class a]\n[class b]\n[job x]\npath = /\nclass = a\n");
  REQUIRE(idle.size() == 1);
  CHECK_THAT(idle[0], Catch::StartsWith("p:7: [class b] has no job"));
}

TEST_CASE("profile: a host pattern that no host's name can fit is refused") {
  for (const char* wrong : {"!web*", "web/*", "\"web *\""}) {
    INFO(wrong);
    CHECK_THAT(mistakes(replaced("web*.example.org", wrong)).at(0), Catch::StartsWith("p:14: match: "));
  }
  CHECK_THAT(mistakes(replaced("web*.example.org", "web[")).at(0), Catch::StartsWith("p:14: match: "));
}

TEST_CASE("profile: grammar's mistakes come alone for the agent's part") {
  auto const found = mistakes(replaced("mode = mapped", " mode = mapped"));
  REQUIRE(found.size() == 1);
  CHECK_THAT(found[0], Catch::Contains("indented"));
}

TEST_CASE("bundle ini: a class gets its jobs and what is not the default, and its digest fits") {
  auto const p = profile();
  std::string const text = bundle_ini(p, {"web", p.find_class("web"), false}, "farkeep 1");
  auto const parsed = AgentConfig::parse(text, "agent.ini");
  for (const ConfigError& e : parsed.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(parsed);
  CHECK(text == R"(# Farkeep agent of Example & Sons, Ltd: class web.
# Made by farkeep-deploy (farkeep 1) of the organisation's profile: change it there, and deploy anew.
# What is changed here all the same counts, and farkeep status says so; farkeep-deploy diff shows what it is.

[deployment]
bundle = web
digest = )" + parsed.value->deployment->settings.hex() + R"(

[agent]
upload_threads = 2

[registration]
server = 192.0.2.1
server = 192.0.2.2
ca_file = /etc/farkeep/ca.pem
token_file = /etc/farkeep/token

[escrow]
public_key_file = /etc/farkeep/escrow.pub

[limits]
upload = mon-fri 08:00-18:00 5Mbit
upload = 50Mbit

[connection]
mode = mapped

[mapped]
destination = 192.0.2.1 via fw.example.net:40001
destination = 192.0.2.2 via fw.example.net:40002
destination = 192.0.2.9 via fw.example.net:40003

[job etc]
path = /etc
exclude = "a #b"

[job site]
path = /srv/www
schedule = daily 02:30
)");
  CHECK_FALSE(parsed.value->deployment->drifted());
}

TEST_CASE("bundle ini: one host is listed under its name, with the jobs of its class") {
  auto const p = profile();
  auto const parsed = AgentConfig::parse(bundle_ini(p, {"db1.example.org", p.class_of("db1.example.org"), true}, "farkeep 1"), "agent.ini");
  REQUIRE(parsed);
  CHECK(parsed.value->name == "db1.example.org");
  REQUIRE(parsed.value->jobs.size() == 2);
  CHECK(parsed.value->jobs[1].name == "dump");
}

TEST_CASE("bundle ini: without classes every machine has every job, without escrow no key") {
  auto const p = profile("[organisation]\nname = X\n[registration]\nserver = 192.0.2.1\nca_file = /ca\n[job a]\npath = /\n[job b]\npath = /b\n");
  std::string const text = bundle_ini(p, {"all", nullptr, false}, "farkeep 1");
  CHECK(AgentConfig::parse(text, "agent.ini").value->jobs.size() == 2);
  CHECK(text.find("escrow") == text.npos);
}
