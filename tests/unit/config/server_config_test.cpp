#include "config/server_config.hpp"

#include <catch2/catch.hpp>

using namespace farkeep;
using namespace std::chrono_literals;

TEST_CASE("server config: all keys reach their fields") {
  auto const out = ServerConfig::parse(R"([server]
data = /srv/store
listen = 127.0.0.2
listen = [::1]:4000
name = dc1
max_connections = 10
log_level = error
log_format = json
[partner]
address = 127.0.0.3
mirror_interval = 5s
mirror_backoff = 30s
[limits]
agent_quota = 1TB
[notify]
webhook = https://chat.example.org/1
webhook = https://chat.example.org/2
proxy = http://proxy.example.net:3128
mail = backup@example.org
sendmail = /usr/bin/msmtp
command = page-me
[storage]
segment_size = 64MiB
)",
                                       "server.ini");
  for (const ConfigError& e : out.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(out);
  ServerConfig const& c = *out.value;
  CHECK(c.data == "/srv/store");
  REQUIRE(c.listen.size() == 2);
  CHECK(c.listen[0].to_string() == "127.0.0.2:16384");
  CHECK(c.listen[1].to_string() == "[::1]:4000");
  CHECK(c.name == "dc1");
  CHECK(c.max_connections == 10);
  CHECK(c.log_level == LogLevel::error);
  CHECK(c.log_format == LogFormat::json);
  REQUIRE(c.partner);
  CHECK(c.partner->to_string() == "127.0.0.3:16384");
  CHECK(c.mirror_interval == 5s);
  CHECK(c.mirror_backoff == 30s);
  CHECK(c.agent_quota == 1000000000000u);
  CHECK(c.notify.webhooks == std::vector<std::string>{"https://chat.example.org/1", "https://chat.example.org/2"});
  CHECK(c.notify.proxy == "http://proxy.example.net:3128");
  CHECK(c.notify.mails == std::vector<std::string>{"backup@example.org"});
  CHECK(c.notify.sendmail == "/usr/bin/msmtp");
  CHECK(c.notify.commands == std::vector<std::string>{"page-me"});
  CHECK(c.notify.anybody());
  CHECK(c.segment_size == 64u << 20);
}

TEST_CASE("server config: an empty file is a server with defaults") {
  auto const out = ServerConfig::parse("", "server.ini");
  REQUIRE(out);
  ServerConfig const& c = *out.value;
  CHECK(c.data == "/var/lib/farkeep-server");
  REQUIRE(c.listen.size() == 1);
  CHECK(c.listen[0].to_string() == "0.0.0.0:16384");
  CHECK(c.name.empty());
  CHECK(c.max_connections == 4096);
  CHECK_FALSE(c.partner);
  CHECK(c.mirror_interval == 1min);
  CHECK(c.mirror_backoff == 15min);
  CHECK_FALSE(c.agent_quota);
  CHECK_FALSE(c.notify.anybody());
  CHECK(c.notify.sendmail == "/usr/sbin/sendmail");
  CHECK(c.segment_size == 16u << 20);
}
