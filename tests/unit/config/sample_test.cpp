#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "base/limits.hpp"
#include "config/agent_config.hpp"
#include "config/profile_config.hpp"
#include "config/server_config.hpp"
#include "unit/config/text_file.hpp"
#include "vectors_folder.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

const std::string kAgentFile = std::string(kVectors) + "/../../config/agent.ini";
const std::string kServerFile = std::string(kVectors) + "/../../config/server.ini";
const std::string kProfileFile = std::string(kVectors) + "/../../config/profile.ini";

/// The sample with the comment sign taken off every key and section that `keep` lets through.
template <class Keep>
std::string uncommented(std::string_view text, Keep keep) {
  std::string out;
  for (std::string_view line : split(text, '\n')) {
    bool const is_setting = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    if (is_setting && keep(line.substr(1))) line.remove_prefix(1);
    (out += line) += '\n';
  }
  return out;
}

}  // namespace

// Run as test_config "[write]" after a change of a schema.
TEST_CASE("sample: writes the files of config/", "[.][write]") {
  std::ofstream{kAgentFile, std::ios::binary} << sample(AgentConfig::schema());
  std::ofstream{kServerFile, std::ios::binary} << sample(ServerConfig::schema());
  std::ofstream{kProfileFile, std::ios::binary} << sample(ProfileConfig::schema());
  CHECK(read_text(kAgentFile) == sample(AgentConfig::schema()));
  CHECK(read_text(kServerFile) == sample(ServerConfig::schema()));
  CHECK(read_text(kProfileFile) == sample(ProfileConfig::schema()));
}

TEST_CASE("sample: the files of config/ are what the schemas say") {
  CHECK(read_text(kAgentFile) == sample(AgentConfig::schema()));
  CHECK(read_text(kServerFile) == sample(ServerConfig::schema()));
  CHECK(read_text(kProfileFile) == sample(ProfileConfig::schema()));
}

TEST_CASE("sample: the profile's is valid with every key uncommented, save that a secret is given in one way only") {
  auto const other = [](std::string_view line) { return line.starts_with("file = ") || line.starts_with("password_file") || line.starts_with("password_command"); };
  auto const full = ProfileConfig::parse(uncommented(sample(ProfileConfig::schema()), [&](std::string_view line) { return !other(line); }), "profile.ini");
  for (const ConfigError& e : full.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(full);
  CHECK(full.value->classes.size() == 1);
  CHECK(full.value->agent.jobs.size() == 1);
  auto const plain = ProfileConfig::parse(sample(ProfileConfig::schema()), "profile.ini");
  REQUIRE(plain.errors.size() == 3);  // what must be given: the organisation's name, a server, its authority
}

TEST_CASE("sample: the server's is a valid file, with defaults or with every key uncommented") {
  std::string const text = sample(ServerConfig::schema());
  auto const plain = ServerConfig::parse(text, "server.ini");
  REQUIRE(plain);
  auto const full = ServerConfig::parse(uncommented(text, [](std::string_view) { return true; }), "server.ini");
  for (const ConfigError& e : full.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(full);
  CHECK(full.value->data == plain.value->data);
  CHECK(full.value->listen == plain.value->listen);
  CHECK(full.value->mirror_interval == plain.value->mirror_interval);
  CHECK(full.value->segment_size == plain.value->segment_size);
  CHECK_FALSE(plain.value->partner);
  CHECK(full.value->partner->to_string() == "192.0.2.20:16384");
}

TEST_CASE("sample: the agent's lacks exactly the two keys that have no default") {
  auto const plain = AgentConfig::parse(sample(AgentConfig::schema()), "agent.ini");
  REQUIRE(plain.errors.size() == 2);
  CHECK_THAT(plain.errors[0].text, Catch::Contains("server is missing in [registration]"));
  CHECK_THAT(plain.errors[1].text, Catch::Contains("ca_file is missing in [registration]"));
}

TEST_CASE("sample: the agent's is valid with every key uncommented, save that a secret is given in one way only") {
  std::string const text = sample(AgentConfig::schema());
  auto const other_token = [](std::string_view line) {
    return line.starts_with("token_file") || line.starts_with("token_command") || line.starts_with("password_file") || line.starts_with("password_command");
  };
  auto const full =
      AgentConfig::parse(uncommented(text, [&](std::string_view line) { return !other_token(line); }), "agent.ini");
  for (const ConfigError& e : full.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(full);
  auto const least =
      AgentConfig::parse("[registration]\nserver = 192.0.2.10\nca_file = /etc/farkeep/ca.pem\n", "agent.ini");
  REQUIRE(least);
  CHECK(full.value->state == least.value->state);
  CHECK(full.value->connection.mode == least.value->connection.mode);
  CHECK(full.value->servers == least.value->servers);
  CHECK(full.value->connection.connect_timeout == least.value->connection.connect_timeout);
  CHECK(full.value->connection.progress_timeout == least.value->connection.progress_timeout);
  REQUIRE(full.value->jobs.size() == 1);
  CHECK(full.value->jobs[0].name == "main");
  CHECK(least.value->jobs.empty());
}

TEST_CASE("sample: every key is there once, below one sentence, in lines of at most 120 columns") {
  for (const Schema* schema : {&AgentConfig::schema(), &ServerConfig::schema(), &ProfileConfig::schema()}) {
    std::string const text = sample(*schema);
    for (std::string_view line : split(text, '\n')) CHECK(line.size() <= 120);
    for (const SectionSpec& section : schema->sections) {
      std::set<std::string_view> keys;
      for (const KeySpec& key : section.keys) {
        INFO(section.kind << " " << key.key);
        CHECK(keys.insert(key.key).second);
        CHECK(key.help.ends_with('.'));
        CHECK(key.help.size() > 20);
        CHECK(key.fallback.empty() != key.example.empty());
        CHECK_FALSE((key.required && !key.fallback.empty()));
        auto const shown = "\n#" + std::string{key.key} + " = " +
                           std::string{key.fallback.empty() ? key.example : key.fallback} + "\n";
        CHECK(text.find(shown) != text.npos);
      }
    }
  }
}

TEST_CASE("sample: defaults that limits.hpp knows too are the same") {
  auto const agent = AgentConfig::parse("[registration]\nserver = 192.0.2.10\nca_file = /ca\n", "agent.ini");
  CHECK(agent.value->connection.connect_timeout == limits::kConnectTimeout);
  CHECK(agent.value->connection.progress_timeout == limits::kProgressTimeout);
  CHECK(ServerConfig::parse("", "server.ini").value->segment_size == limits::kSegmentTarget);
}

TEST_CASE("sample: setting a key in it puts the line below its commented default") {
  auto document = IniDocument::parse(sample(AgentConfig::schema()), "agent.ini");
  REQUIRE(document.value->set({"registration", ""}, "server", "192.0.2.1"));
  REQUIRE(document.value->set({"registration", ""}, "ca_file", "/ca.pem"));
  CHECK_THAT(document.value->text(), Catch::Contains("#server = 192.0.2.10\nserver = 192.0.2.1\n"));
  CHECK(AgentConfig::parse(document.value->text(), "agent.ini"));
}

TEST_CASE("sample: the minimal file is a right one, and has the keys that must be given and no other") {
  auto const agent = AgentConfig::parse(minimal(AgentConfig::schema()), "agent.ini");
  for (const ConfigError& e : agent.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(agent);
  CHECK(agent.value->servers.size() == 1);
  CHECK(agent.value->jobs.size() == 1);
  std::size_t keys = 0;
  std::string const text = minimal(AgentConfig::schema());
  for (std::string_view line : split(text, '\n')) keys += line.find(" = ") != line.npos && !line.starts_with('#');
  CHECK(keys == 3);
  CHECK(ServerConfig::parse(minimal(ServerConfig::schema()), "server.ini"));
  CHECK(minimal(ServerConfig::schema()) == "# Nothing must be given: every key has a default.\n");
}
