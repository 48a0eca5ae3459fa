#include "config/value.hpp"

#include <catch2/catch.hpp>

#include "config/address.hpp"
#include "config/nearest.hpp"
#include "config/secret_line.hpp"

using namespace farkeep;
using namespace std::chrono_literals;

namespace {
std::string address(std::string_view text) {
  auto const out = parse_address(text);
  return out ? out->to_string() : "error: " + out.error().text;
}
}  // namespace

TEST_CASE("value: durations take one number and one unit") {
  CHECK(*parse_duration("90s") == 90s);
  CHECK(*parse_duration("15m") == 15min);
  CHECK(*parse_duration("4h") == 4h);
  CHECK(*parse_duration("2d") == 48h);
  CHECK(*parse_duration("1w") == 168h);
  CHECK(*parse_duration("0s") == 0s);
  CHECK(*parse_duration_or_never("4h") == 4h);
  CHECK(*parse_duration_or_never("never") == std::nullopt);
  CHECK_FALSE(parse_duration_or_never("Never").has_value());
  CHECK_FALSE(parse_duration("never").has_value());
  CHECK(*parse_duration("3660d") == 3660 * 24h);
  for (auto bad : {"", "3661d", "90", "s", "1h30m", " 1s", "1s ", "+1s", "18446744073709551615w"}) {
    INFO(bad);
    CHECK_FALSE(parse_duration(bad).has_value());
  }
}

TEST_CASE("value: sizes know powers of 1000 and of 1024") {
  CHECK(*parse_size("4096") == 4096);
  CHECK(*parse_size("0") == 0);
  CHECK(*parse_size("512B") == 512);
  CHECK(*parse_size("64KiB") == 65536);
  CHECK(*parse_size("64KB") == 64000);
  CHECK(*parse_size("10 MiB") == 10485760);
  CHECK(*parse_size("10MB") == 10000000);
  CHECK(*parse_size("2GiB") == 2147483648);
  CHECK(*parse_size("2GB") == 2000000000);
  CHECK(*parse_size("1TiB") == 1099511627776);
  CHECK(*parse_size("1TB") == 1000000000000);
  CHECK(*parse_size("9223372036854775807") == 9223372036854775807);
  for (auto bad : {"", "9223372036854775808", "8388608TiB", "1 ", " 1", "1k", "1kB", "1KIB", "1,5GB"}) {
    INFO(bad);
    CHECK_FALSE(parse_size(bad).has_value());
  }
}

TEST_CASE("value: booleans, numbers and choices") {
  for (auto yes : {"yes", "true", "on", "1"}) CHECK(*parse_boolean(yes));
  for (auto no : {"no", "false", "off", "0"}) CHECK_FALSE(*parse_boolean(no));
  CHECK_FALSE(parse_boolean("").has_value());
  CHECK(*parse_number("7", 7, 9) == 7);
  CHECK(*parse_number("9", 7, 9) == 9);
  CHECK_FALSE(parse_number("10", 7, 9).has_value());
  CHECK_FALSE(parse_number("6", 7, 9).has_value());
  CHECK_FALSE(parse_number("8 ", 7, 9).has_value());
  CHECK_FALSE(parse_number("", 0, 9).has_value());
  std::string_view const choices[] = {"a", "b", "c"};
  CHECK(*parse_choice("c", choices) == 2);
  CHECK(parse_choice("d", choices).error().text == "\"d\" is not a, b or c");
}

TEST_CASE("value: paths are absolute and lose what means nothing") {
  CHECK(*parse_path("/") == "/");
  CHECK(*parse_path("//") == "/");
  CHECK(*parse_path("/srv//data/./x/") == "/srv/data/x");
  CHECK(*parse_path("/a b/\xff") == "/a b/\xff");
  CHECK(*parse_path("/..a/b..") == "/..a/b..");
  CHECK_FALSE(parse_path("").has_value());
  CHECK_FALSE(parse_path("a").has_value());
  CHECK_FALSE(parse_path("/a/..").has_value());
  CHECK_FALSE(parse_path(std::string_view{"/a\0b", 4}).has_value());
}

TEST_CASE("value: a secret or command never shows up in its error") {
  CHECK(*parse_secret("abc-DEF_123#") == "abc-DEF_123#");
  for (std::string_view bad : {"hunter2 hunter2", "hunter2\n", "hunter2\xff"}) {
    auto const out = parse_secret(bad);
    REQUIRE_FALSE(out.has_value());
    CHECK(out.error().text.find("hunter2") == std::string::npos);
  }
  CHECK_FALSE(parse_secret("").has_value());
  CHECK_FALSE(parse_secret(std::string(4097, 'a')).has_value());
  CHECK(*parse_command("pass show farkeep | head -1") == "pass show farkeep | head -1");
  CHECK_FALSE(parse_command("a\nb").has_value());
}

TEST_CASE("value: a range of ports stays within 1024-65535") {
  CHECK(*parse_port_range("1024-65535") == PortRange{1024, 65535});
  CHECK(*parse_port_range("4000-4000") == PortRange{4000, 4000});
  CHECK_FALSE(parse_port_range("1023-2000").has_value());
  CHECK_FALSE(parse_port_range("1024-65536").has_value());
  CHECK_FALSE(parse_port_range("2000-1999").has_value());
}

TEST_CASE("address: IPv4 and IPv6 with and without a port come out canonical") {
  CHECK(address("192.0.2.1") == "192.0.2.1:16384");
  CHECK(address("192.0.2.1:443") == "192.0.2.1:443");
  CHECK(address("127.0.0.2:65535") == "127.0.0.2:65535");
  CHECK(address("::") == "[::]:16384");
  CHECK(address("[::]:1") == "[::]:1");
  CHECK(address("::1") == "[::1]:16384");
  CHECK(address("[::1]") == "[::1]:16384");
  CHECK(address("2001:0DB8:0000:0000:0001:0000:0000:0001") == "[2001:db8::1:0:0:1]:16384");
  CHECK(address("2001:db8:0:1:1:1:1:1") == "[2001:db8:0:1:1:1:1:1]:16384");  // one zero group is not shortened
  CHECK(address("1:0:0:2:0:0:0:3") == "[1:0:0:2::3]:16384");
  CHECK(address("1:2:3:4:5:6:7::") == "[1:2:3:4:5:6:7:0]:16384");
  CHECK(address("fe80::") == "[fe80::]:16384");
  CHECK(address("64:ff9b::192.0.2.33") == "[64:ff9b::c000:221]:16384");
  CHECK(address("1:2:3:4:5:6:192.0.2.1") == "[1:2:3:4:5:6:c000:201]:16384");
}

TEST_CASE("address: names, forms and ranges that cannot be a server are refused") {
  CHECK(address("backup.example.com") ==
        "error: servers are addressed by IP address, not by name: \"backup.example.com\"");
  for (auto bad : {"",
                   ":",
                   ":1",
                   "1",
                   "1.2.3.4:5:6",
                   "0x7f.0.0.1",
                   "1.2.3.4 ",
                   "256.1.1.1",
                   "1.2.3.04",
                   "[1::2",
                   "1::2]",
                   "[]",
                   "g::1",
                   "1:2",
                   "::1%lo",
                   "239.1.2.3",
                   "255.255.255.255",
                   "ff05::2",
                   "1:2:3:4:5:6:7:192.0.2.1",
                   "::192.0.2.1:0"}) {
    INFO(bad);
    CHECK_FALSE(parse_address(bad).has_value());
  }
}

TEST_CASE("nearest: at most three changes, fewer than the word is long, case ignored") {
  std::string_view const words[] = {"path", "exclude", "exclude_file", "tag"};
  CHECK(nearest("paht", words) == "path");
  CHECK(nearest("EXCLUDE", words) == "exclude");
  CHECK(nearest("exclude-files", words) == "exclude_file");
  CHECK(nearest("excl", words) == "exclude");
  CHECK(nearest("exc", words) == std::nullopt);
  CHECK(nearest("foo", words) == std::nullopt);
  CHECK(nearest("", words) == std::nullopt);
  CHECK(nearest(std::string(1000, 'a'), words) == std::nullopt);
}

TEST_CASE("secret line: a byte order mark, blank lines and comments before it are an editor's and a person's, its own blanks are its own") {
  CHECK(secret_line("word\nsecond") == "word");
  CHECK(secret_line("\xef\xbb\xbfword\r\n") == "word");
  CHECK(secret_line("\n \t\r\nword\n") == "word");
  CHECK(secret_line("# the token of web7\r\n#\tit is new\n# and this\nword\n") == "#\tit is new");
  CHECK(secret_line("# the token of web7\n\nword") == "word");
  CHECK(secret_line(" two words \n") == " two words ");
  CHECK(secret_line("#1 in no list\n# x") == "#1 in no list");
  CHECK(secret_line("# alone") == "# alone");
  CHECK(secret_line_before("# first\r\nword") == "# first");
  CHECK(secret_line_before("\xef\xbb\xbfword\n") == "\xef\xbb\xbfword");
  CHECK(secret_line_before("\nword").empty());
  for (std::string_view nothing : {"", "\xef\xbb\xbf", "\n\n", " \r\n\t"}) CHECK(secret_line(nothing).empty());
}
