#include "firewall_sheet.hpp"

#include "kit.hpp"
#include "transport/firewall_rules.hpp"

using namespace farkeep;
using namespace farkeep::deploy;
using namespace farkeep::deploy::test;
using Catch::Contains;

namespace {

std::string sheet(const std::string& more) {
  auto const p = profile(kProfile + more);
  return firewall_sheet(p.organisation, "the machines of class web", p.agent, kNow);
}

}  // namespace

TEST_CASE("firewall sheet: says who connects from where to where and why, and has the rules in every language") {
  std::string const text = sheet("");
  CHECK_THAT(text, Contains("Example Ltd") && Contains("the machines of class web") && Contains("192.0.2.1:16384, TCP") && Contains("registration, primary"));
  for (std::string_view format : rule_formats()) {
    INFO(format);
    CHECK_THAT(text, Contains("====\n" + std::string{format}));
  }
}

TEST_CASE("firewall sheet: rules for a machine's own filter stand beside those for a gateway only where they differ") {
  std::string const text = sheet("");
  CHECK_THAT(text, Contains("nftables, on a firewall between") && Contains("nftables, on the machines themselves"));
  CHECK_THAT(text, Contains("====\nasa\n") && !Contains("asa, on"));
}

TEST_CASE("firewall sheet: through a proxy there are two ways, from the machines and from the proxy") {
  CHECK_THAT(sheet("[connection]\nmode = socks\nsource_ports = 2000-3000\n[socks]\nproxy = fw.example.net\n"),
             Contains("TCP ports 2000 to 3000") && Contains("fw.example.net:1080, TCP") && Contains("that proxy, any TCP port"));
}

TEST_CASE("firewall sheet: what is mapped ahead is there, and what is not mapped is said") {
  std::string const text = sheet("[connection]\nmode = mapped\n[mapped]\ndestination = 192.0.2.1 via fw:40001\ndestination = 192.0.2.9 via fw:40003\n");
  CHECK_THAT(text, Contains("fw:40003, TCP, which the firewall maps to 192.0.2.9:16384") && Contains("backup data, mapped ahead"));
  CHECK_THAT(text, Contains("NOT MAPPED YET: choose one, and map it to 192.0.2.2:16384"));
}
