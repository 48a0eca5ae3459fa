#include "config/agent_config.hpp"

#include <catch2/catch.hpp>

using namespace farkeep;
using namespace std::chrono_literals;

namespace {
const std::string kLeast = "[registration]\nserver = 192.0.2.1\nca_file = /etc/farkeep/ca.pem\n";
}

TEST_CASE("agent config: all keys reach their fields") {
  auto const out = AgentConfig::parse(R"([agent]
state = /srv/farkeep/
name = web1
upload_threads = 3
log_level = debug
log_format = json
[registration]
server = 127.0.0.2
server = 127.0.0.3:4000
ca_file = /ca.pem
token_command = pass show farkeep   # comment
[connection]
mode = socks
source_ports = 1024-5000
connect_timeout = 5s
progress_timeout = 2m
[socks]
proxy = FW.example.net
user = backup
password_file = /secret
reply_timeout = 60s
[mapped]
destination = 192.0.2.1 via fw.example.net:40001
destination = 192.0.2.2:4000  via  [2001:DB8::1]:40002
[http]
proxy = 10.0.0.9:8080
user = other
password = pass
[job main]
path = /home
path = "/srv/with # sign"
exclude = *.tmp
exclude = "!keep.tmp"
exclude_file = /etc/farkeep/exclude
one_file_system = yes
exclude_caches = on
schedule = daily 02:30
schedule = every 4h
compression = best
tag = a
tag = b
enabled = no
time_zone = Europe/Berlin
jitter = 30m
catch_up = no
window = 22:00-06:00
window = sat,sun 00:00-24:00
retry_for = 3h
[limits]
upload = mon-fri 08:00-18:00 5Mbit
upload = 50Mbit
download = 2MB/s
[job second]
path = /
)",
                                      "agent.ini");
  for (const ConfigError& e : out.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(out);
  AgentConfig const& c = *out.value;
  CHECK(c.state == "/srv/farkeep");
  CHECK(c.name == "web1");
  CHECK(c.upload_threads == 3);
  CHECK(c.log_level == LogLevel::debug);
  CHECK(c.log_format == LogFormat::json);
  REQUIRE(c.servers.size() == 2);
  CHECK(c.servers[0].to_string() == "127.0.0.2:16384");
  CHECK(c.servers[1].to_string() == "127.0.0.3:4000");
  CHECK(c.ca_file == "/ca.pem");
  CHECK(c.token.kind == SecretSource::Kind::command);
  CHECK(c.token.text == "pass show farkeep");
  ConnectionConfig const& way = c.connection;
  CHECK(way.source_ports == PortRange{1024, 5000});
  CHECK(way.connect_timeout == 5s);
  CHECK(way.progress_timeout == 2min);
  CHECK(way.mode == ConnectionMode::socks);
  REQUIRE(way.proxy() == &way.socks);
  CHECK(way.socks.proxy.to_string() == "fw.example.net:1080");
  CHECK(way.socks.user == "backup");
  CHECK(way.socks.password.kind == SecretSource::Kind::file);
  CHECK(way.socks.password.text == "/secret");
  CHECK(way.socks.reply_timeout == 60s);
  CHECK(way.socks_version == 5);
  REQUIRE(way.mapped.size() == 2);
  CHECK(way.mapped[0].destination.to_string() == "192.0.2.1:16384");
  CHECK(way.mapped[0].via.to_string() == "fw.example.net:40001");
  CHECK(way.mapped[1].destination.to_string() == "192.0.2.2:4000");
  CHECK(way.mapped[1].via.to_string() == "[2001:db8::1]:40002");
  CHECK(way.http.proxy.to_string() == "10.0.0.9:8080");
  CHECK(way.http.password.text == "pass");
  CHECK(way.http.reply_timeout == 30s);
  REQUIRE(c.jobs.size() == 2);
  JobConfig const& job = c.jobs[0];
  CHECK(job.name == "main");
  CHECK(job.line == 29);
  CHECK_FALSE(job.enabled);
  CHECK(job.paths == std::vector<std::string>{"/home", "/srv/with # sign"});
  REQUIRE(job.exclude.size() == 2);
  CHECK(job.exclude[1].text == "!keep.tmp");
  CHECK(*job.exclude[1].file == "agent.ini");
  CHECK(job.exclude[1].line == 33);
  CHECK(ExcludeRules::parse(job.exclude));
  CHECK(job.exclude_file == "/etc/farkeep/exclude");
  CHECK(job.one_file_system);
  CHECK(job.exclude_caches);
  REQUIRE(job.schedules.size() == 2);
  CHECK(job.schedules[1].to_string() == "every 4h");
  CHECK(job.compression == Compression::best);
  CHECK(job.tags == std::vector<std::string>{"a", "b"});
  REQUIRE(job.time_zone);
  CHECK(job.time_zone->name() == "Europe/Berlin");
  CHECK(job.jitter == 30min);
  CHECK_FALSE(job.catch_up);
  REQUIRE(job.windows.size() == 2);
  CHECK(job.windows[1].to_string() == "sat,sun 00:00-24:00");
  CHECK(job.retry_for == 3h);
  REQUIRE(c.upload.size() == 2);
  CHECK(c.upload[0].when.has_value());
  CHECK(c.upload[1].bytes_per_second == 6'250'000);
  REQUIRE(c.download.size() == 1);
  CHECK(c.download[0].bytes_per_second == 2'000'000);
  CHECK(c.jobs[1].name == "second");
  CHECK(c.jobs[1].paths == std::vector<std::string>{"/"});
}

TEST_CASE("agent config: what is not written has its default") {
  auto const out = AgentConfig::parse(kLeast + "[job a]\npath = /a\n", "agent.ini");
  REQUIRE(out);
  AgentConfig const& c = *out.value;
  CHECK(c.state == "/var/lib/farkeep");
  CHECK(c.name.empty());
  CHECK(c.upload_threads == 0);
  CHECK(c.log_level == LogLevel::info);
  CHECK(c.log_format == LogFormat::text);
  CHECK(c.token.kind == SecretSource::Kind::none);
  CHECK(c.connection.mode == ConnectionMode::direct);
  CHECK(c.connection.proxy() == nullptr);
  CHECK_FALSE(c.connection.source_ports);
  CHECK(c.connection.connect_timeout == 10s);
  CHECK(c.connection.progress_timeout == 60s);
  JobConfig const& job = c.jobs[0];
  CHECK(job.enabled);
  CHECK_FALSE(job.one_file_system);
  CHECK_FALSE(job.exclude_caches);
  CHECK(job.exclude_file.empty());
  CHECK(job.exclude.empty());
  CHECK(job.schedules.empty());
  CHECK_FALSE(job.time_zone);
  CHECK(job.jitter == 0s);
  CHECK(job.catch_up);
  CHECK(job.windows.empty());
  CHECK(job.retry_for == 20h);
  CHECK(c.upload.empty());
  CHECK(c.download.empty());
  CHECK(job.compression == Compression::automatic);
  CHECK(job.tags.empty());
}

TEST_CASE("agent config: an empty file misses exactly what registration needs, and names the file as a whole") {
  auto const out = AgentConfig::parse("", "agent.ini");
  CHECK_FALSE(out);
  REQUIRE(out.errors.size() == 2);
  CHECK(out.errors[0].to_string() == "agent.ini: the key server in [registration] is missing");
  CHECK(out.errors[1].to_string() == "agent.ini: the key ca_file in [registration] is missing");
}

TEST_CASE("agent config: mistakes of grammar, schema and sense are reported in one pass, by line") {
  auto const out = AgentConfig::parse(
      "[agent]\nnmae = a\n  b\nlog_level = loud\n[job a]\npath = /a\npath = /a/\n[registration]\n"
      "server = 192.0.2.1\nserver = 192.0.2.1\n[connection\n",
      "agent.ini");
  CHECK_FALSE(out);
  std::string lines;
  for (const ConfigError& e : out.errors) lines += std::to_string(e.line) + " ";
  CHECK(lines == "2 3 4 7 8 10 11 ");
}

TEST_CASE("agent config: a secret is never in a message, wherever the line is broken") {
  for (std::string_view line :
       {"token = hunter2 hunter2", "token hunter2", "token hunter2=", "token: hunter2==", "token: hunter2",
        "token = \"hunter2", "token = \"hunter2\" hunter2", "token = \"\\hunter2\"", "token = hunter2\x01",
        "token = hunter2\n token = hunter2", "token = a\ntoken = hunter2", "token = hunter2\ntoken_file = /t",
        "token = hunter2\xff"}) {
    auto const out = AgentConfig::parse(kLeast + std::string{line} + "\n", "agent.ini");
    INFO(line);
    REQUIRE_FALSE(out.errors.empty());
    for (const ConfigError& e : out.errors) CHECK(e.to_string().find("hunter2") == std::string::npos);
  }
}

TEST_CASE("agent config: each way to give the token") {
  auto const with = [](std::string_view line) {
    return AgentConfig::parse(kLeast + std::string{line} + "\n", "agent.ini").value->token;
  };
  CHECK(with("token = abc-123").kind == SecretSource::Kind::literal);
  CHECK(with("token = abc-123").text == "abc-123");
  CHECK(with("token_file = /run/credentials//token").kind == SecretSource::Kind::file);
  CHECK(with("token_file = /run/credentials//token").text == "/run/credentials/token");
}

TEST_CASE("agent config: SOCKS 4 and an IPv6 server do not fit, in this mode only") {
  std::string const v6 = "[registration]\nserver = 2001:db8::1\nca_file = /ca.pem\n[socks]\nproxy = fw\nversion = 4\n";
  auto const wrong = AgentConfig::parse(v6 + "[connection]\nmode = socks\n", "agent.ini");
  REQUIRE(wrong.errors.size() == 1);
  CHECK(wrong.errors[0].line == 2);
  CHECK_THAT(wrong.errors[0].text, Catch::Contains("SOCKS 4 cannot reach IPv6"));
  CHECK(AgentConfig::parse(v6, "agent.ini"));
}
