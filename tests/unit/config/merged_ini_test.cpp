#include "config/merged_ini.hpp"

#include <catch2/catch.hpp>

#include "config/agent_config.hpp"
#include "config/server_config.hpp"
#include "config/show.hpp"
#include "unit/config/fake_files.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

const std::string kMain = "/etc/agent.ini";
const std::string kLeastMerged = "[registration]\nserver = 192.0.2.1\nca_file = /ca.pem\n";

/// A main file and its drop-ins, in this order.
MergedIni merged(const std::string& main, const std::vector<std::string>& drop_ins) {
  FakeFiles files;
  files.files[kMain] = kLeastMerged + main;
  for (std::size_t i = 0; i < drop_ins.size(); ++i) files.files[kMain + ".d/" + std::to_string(i) + ".ini"] = drop_ins[i];
  return read_merged(AgentConfig::schema(), files, kMain);
}

AgentConfig config(const std::string& main, const std::vector<std::string>& drop_ins) {
  auto out = AgentConfig::parse(merged(main, drop_ins));
  for (const ConfigError& e : out.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(out);
  return std::move(*out.value);
}

std::string excludes(const AgentConfig& c) {
  std::string out;
  for (auto const& e : c.jobs.at(0).exclude) out += e.text + "@" + e.file->substr(e.file->rfind('/') + 1) + ":" + std::to_string(e.line) + " ";
  return out;
}

}  // namespace

TEST_CASE("merge: of a key that is given once, the last file decides") {
  CHECK(config("[agent]\nname = a\nlog_level = debug\n", {"[agent]\nname = b\n", "[agent]\nname = c\n"}).name == "c");
  CHECK(config("[agent]\nname = a\nlog_level = debug\n", {"[agent]\nname = b\n"}).log_level == LogLevel::debug);
}

TEST_CASE("merge: lines of a repeatable key add up, each with its own place") {
  AgentConfig const c = config("[job a]\npath = /a\nexclude = x\n", {"[job a]\nexclude = y\nexclude = z\n"});
  CHECK(excludes(c) == "x@agent.ini:6 y@0.ini:2 z@0.ini:3 ");
  CHECK(c.jobs.size() == 1);
}

TEST_CASE("merge: an empty line forgets what earlier files said, and only for its key") {
  AgentConfig const c = config("[job a]\npath = /a\nexclude = x\n", {"[job a]\nexclude = y\n", "[job a]\nexclude =\nexclude = z\n", "[job a]\nexclude = last\n"});
  CHECK(excludes(c) == "z@1.ini:3 last@2.ini:2 ");
  CHECK(c.jobs[0].paths == std::vector<std::string>{"/a"});
  AgentConfig const none = config("[job a]\npath = /a\nschedule = hourly\n", {"[job a]\nschedule =\n"});
  CHECK(none.jobs[0].schedules.empty());
  FakeFiles files;
  files.files = {{"s.ini", "[server]\nlisten = 127.0.0.2\n"}, {"s.ini.d/a.ini", "[server]\nlisten =\n"}};
  CHECK(ServerConfig::parse(read_merged(ServerConfig::schema(), files, "s.ini")).value->listen[0].to_string() == "0.0.0.0:16384");  // the default again
}

TEST_CASE("merge: what took something out is known") {
  MergedIni const files = merged("[limits]\nupload = 5Mbit\n", {"[limits]\nupload =\n"});
  const MergedSection* const limits = files.find({"limits", ""});
  REQUIRE(limits != nullptr);
  CHECK(limits->entries.empty());
  REQUIRE(limits->emptied.size() == 1);
  CHECK(*limits->emptied[0].file == kMain + ".d/0.ini");
  CHECK(limits->emptied[0].line == 2);
}

TEST_CASE("merge: a job may be spread over files, and is missing nothing then; jobs keep the order in which they are opened") {
  AgentConfig const c = config("[job b]\nschedule = hourly\n[job a]\npath = /a\n", {"[job c]\npath = /c\n[job b]\npath = /b\n"});
  REQUIRE(c.jobs.size() == 3);
  CHECK(c.jobs[0].name + c.jobs[1].name + c.jobs[2].name == "bac");
  CHECK(c.jobs[0].paths == std::vector<std::string>{"/b"});
}

TEST_CASE("merge: a mistake is said even where a later file decides, and so is every other, in the order of files and lines") {
  auto const out = AgentConfig::parse(merged("[agent]\nname = a b\nnmae = c\n", {"[agent]\nname = good\noops\n", "[job x]\n"}));
  std::string places;
  for (const ConfigError& e : out.errors) places += e.file.substr(e.file.rfind('/') + 1) + ":" + std::to_string(e.line) + " ";
  CHECK(places == "agent.ini:5 agent.ini:6 0.ini:3 1.ini:1 ");
}

TEST_CASE("show: the settings in force as INI text, with places, that means the same when it is read again") {
  MergedIni const files = merged("[agent]\nname = a\n[job a]\npath = \"/x # y\"\npath = \"/y \"\n[socks]\nproxy = fw\nuser = u\npassword = hunter2\n", {"[agent]\nname = b\n[job a]\nexclude = *.tmp\n"});
  std::string const text = shown_text(files, settings_in_force(AgentConfig::schema(), files, Show::written));
  CHECK(text ==
        "# /etc/agent.ini\n# /etc/agent.ini.d/0.ini\n\n[agent]\nname = b  # /etc/agent.ini.d/0.ini:2\n\n[registration]\nserver = 192.0.2.1  # /etc/agent.ini:2\n"
        "ca_file = /ca.pem  # /etc/agent.ini:3\n\n[socks]\nproxy = fw  # /etc/agent.ini:10\nuser = u  # /etc/agent.ini:11\npassword = (hidden)  # /etc/agent.ini:12\n\n"
        "[job a]\npath = \"/x # y\"  # /etc/agent.ini:7\npath = \"/y \"  # /etc/agent.ini:8\nexclude = *.tmp  # /etc/agent.ini.d/0.ini:4\n");
  auto const again = IniDocument::parse(text, "again.ini");
  REQUIRE(again);
  CHECK(again.value->find({"job", "a"})->entries[0].value == "/x # y");
}

TEST_CASE("show: with defaults, every key of the schema that has one") {
  FakeFiles files;
  files.files["s.ini"] = "[server]\nname = dc1\n";
  MergedIni const server = read_merged(ServerConfig::schema(), files, "s.ini");
  std::string const text = shown_text(server, settings_in_force(ServerConfig::schema(), server, Show::all));
  CHECK_THAT(text, Catch::Contains("listen = 0.0.0.0  # default\nname = dc1  # s.ini:2\nmax_connections = 4096  # default\n"));
  CHECK_THAT(text, Catch::Contains("[partner]\nmirror_interval = 1m  # default\n"));
  CHECK(text.find("agent_quota") == text.npos);
  auto const again = ServerConfig::parse(text, "again.ini");
  REQUIRE(again);
  CHECK(again.value->name == "dc1");
}

TEST_CASE("show: a secret is hidden, in the list as well") {
  MergedIni const files = merged("token = hunter2\n", {});
  for (const ShownSetting& s : settings_in_force(AgentConfig::schema(), files, Show::all)) {
    CHECK(s.value.find("hunter2") == std::string::npos);
    CHECK(s.hidden == (s.key == "token"));
  }
}
