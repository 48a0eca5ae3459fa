#include "transport/endpoint.hpp"

#include <catch2/catch.hpp>

namespace farkeep {
namespace {

TEST_CASE("endpoint: every accepted form, and how it is printed") {
  const std::pair<const char*, const char*> cases[] = {
      {"10.0.0.1", "10.0.0.1:16384"},
      {"10.0.0.1:443", "10.0.0.1:443"},
      {"127.0.0.2:16384", "127.0.0.2:16384"},
      {"255.255.255.255:65535", "255.255.255.255:65535"},
      {"0.0.0.0:1", "0.0.0.0:1"},
      {"::1", "[::1]:16384"},
      {"[::1]", "[::1]:16384"},
      {"[2001:db8::1]:443", "[2001:db8::1]:443"},
      {"2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:16384"},
      {"::", "[::]:16384"},
  };
  for (auto [text, printed] : cases) {
    INFO(text);
    auto endpoint = Endpoint::parse(text);
    REQUIRE(endpoint.has_value());
    CHECK(endpoint->text() == printed);
    auto again = Endpoint::parse(endpoint->text());
    REQUIRE(again.has_value());
    CHECK(*again == *endpoint);
  }
}

TEST_CASE("endpoint: a name is a configuration error, whatever its port") {
  for (const char* text : {"localhost", "backup.example.net", "backup.example.net:16384", "a", "10.0.0.1.example",
                           "10.0.0.x", "0x7f.0.0.1", "fw-1:99999", "under_score"}) {
    INFO(text);
    auto endpoint = Endpoint::parse(text);
    REQUIRE_FALSE(endpoint.has_value());
    CHECK(endpoint.error() == Errc::configuration);
  }
  auto long_name = Endpoint::parse(std::string(300, 'a') + ".example.net");
  REQUIRE_FALSE(long_name.has_value());
  CHECK(long_name.error() == Errc::configuration);
}

TEST_CASE("endpoint: malformed addresses and ports") {
  for (const char* text : {"",
                           " ",
                           ":",
                           ":16384",
                           "10.0.0.1:",
                           "10.0.0.1:0",
                           "10.0.0.1:65536",
                           "10.0.0.1:99999",
                           "10.0.0.1:123456",
                           "10.0.0.1:-1",
                           "10.0.0.1:+1",
                           "10.0.0.1: 1",
                           "10.0.0.1:1 ",
                           " 10.0.0.1",
                           "10.0.0.1 ",
                           "10.0.0.1:016384",
                           "10.0.0.1:1x",
                           "10.0.0",
                           "10.1",
                           "1",
                           "167772161",
                           "10.0.0.256",
                           "10.0.0.1.2",
                           "10..0.1",
                           "010.0.0.1",
                           "10.00.0.1",
                           "10.0.0.01",
                           "10.0.0.1/24",
                           "[::1",
                           "::1]",
                           "[]",
                           "[]:1",
                           "[::1]1",
                           "[::1]:",
                           "[::1]:0",
                           "[10.0.0.1]:1",
                           "[fe80::1%eth0]:1",
                           "fe80::1%eth0",
                           "::ffff:10.0.0.1",
                           "[::ffff:10.0.0.1]:1",
                           "1:2:3:4:5:6:7:8:9",
                           ":::",
                           "[::g]",
                           "\xef\xbc\x91\xef\xbc\x90.0.0.1",
                           "10.0.0.1\n",
                           "10.0.0.1:1:1",
                           "[::1]:1:1"}) {
    INFO("'" << text << "'");
    auto endpoint = Endpoint::parse(text);
    REQUIRE_FALSE(endpoint.has_value());
    CHECK(endpoint.error() == Errc::malformed);
  }
  CHECK_FALSE(Endpoint::parse(std::string_view{"10.0.0.1\0", 9}).has_value());
}

TEST_CASE("endpoint: ordered by address, then port") {
  auto a = *Endpoint::parse("10.0.0.1:1"), b = *Endpoint::parse("10.0.0.1:2"), c = *Endpoint::parse("10.0.0.2:1"),
       d = *Endpoint::parse("[::1]:1");
  CHECK(a < b);
  CHECK(b < c);
  CHECK(c < d);
  CHECK(a == *Endpoint::parse("10.0.0.1:1"));
}

}  // namespace
}  // namespace farkeep
