// What an administrator is told about the servers that must be reached.
#include "agent/way_out.hpp"

#include <catch2/catch.hpp>

using namespace farkeep;
using Catch::Contains;

namespace {

NeededServer needed(const char* purpose, const char* address, std::uint8_t id = 0, const char* via = nullptr) {
  NeededServer s;
  s.purpose = purpose;
  s.address = *parse_address(address);
  if (id) {
    ServerId i;
    i.bytes.fill(id);
    s.id = i;
  }
  if (via) s.via = *parse_host(via, 0);
  return s;
}

AgentConfig config(const std::string& more) {
  auto parsed = AgentConfig::parse("[registration]\nserver = 192.0.2.10\nserver = 198.51.100.10\nca_file = /ca.pem\n" + more, "agent.ini");
  REQUIRE(parsed.errors.empty());
  return std::move(*parsed.value);
}

}  // namespace

TEST_CASE("way out: before registration the registration pair is all, with the ports that are mapped to it") {
  const AgentConfig c = config("[connection]\nmode = mapped\n[mapped]\ndestination = 198.51.100.10 via fw:40002\n");
  const auto all = needed_servers(c, nullptr);
  REQUIRE(all.size() == 2);
  CHECK(all[0].purpose == "registration, primary");
  CHECK_FALSE(all[0].via);
  CHECK(all[1].via->to_string() == "fw:40002");
  const std::string table = mapping_table(all, ConnectionMode::mapped);
  CHECK_THAT(table, Contains("1   registration, primary    192.0.2.10:16384     -                 -              NOT MAPPED, needed now\n"));
  CHECK_THAT(table, Contains("198.51.100.10:16384  fw                40002          mapped\n"));
}

TEST_CASE("way out: the table says what is announced and what is on its way out, and lines up") {
  std::vector<NeededServer> all{needed("your data, primary", "192.0.2.10"), needed("your data, primary", "192.0.2.99")};
  all[0].until = from_unix_seconds(1'800'000'000);
  all[1].from = from_unix_seconds(1'790'000'000);
  const std::string table = mapping_table(all, ConnectionMode::mapped);
  CHECK_THAT(table, Contains("not mapped, until 2027-01-15T08:00:00Z\n") && Contains("announced, from 2026-09-21T14:13:20Z\n"));
  CHECK_THAT(mapping_table(all, ConnectionMode::direct), Contains("needed now, until"));
}

TEST_CASE("way out: the list for a spreadsheet quotes what needs it") {
  const std::vector<NeededServer> all{needed("your data, primary", "2001:db8::1", 0, "fw:40001"), needed("a \"quoted\" one", "192.0.2.1")};
  CHECK(mapping_csv(all, ConnectionMode::mapped) ==
        "no,purpose,destination address,destination port,protocol,firewall address,firewall port,state\r\n"
        "1,\"your data, primary\",2001:db8::1,16384,TCP,fw,40001,mapped\r\n"
        "2,\"a \"\"quoted\"\" one\",192.0.2.1,16384,TCP,,,\"NOT MAPPED, needed now\"\r\n");
}

TEST_CASE("way out: the plan for firewall rules has each subnet once, and the proxy of the mode in use") {
  const AgentConfig c = config("[connection]\nmode = socks\nsource_ports = 1024-5000\n[socks]\nproxy = fw.example.net\n");
  std::vector<NeededServer> all{needed("a", "192.0.2.1"), needed("b", "192.0.2.2"), needed("c", "198.51.100.1")};
  all[0].subnet = all[1].subnet = "192.0.2.0/24";
  const FirewallPlan plan = firewall_plan(c.connection, all, 7, from_unix_seconds(1'790'000'000), FirewallPlan::Place::host);
  REQUIRE(plan.nets.size() == 1);
  CHECK(plan.nets[0].to_string() == "192.0.2.0/24");
  CHECK(plan.destinations.size() == 3);
  CHECK(plan.proxy->to_string() == "fw.example.net:1080");
  CHECK(plan.serial == 7);
  CHECK(plan.source_ports->high == 5000);
}
