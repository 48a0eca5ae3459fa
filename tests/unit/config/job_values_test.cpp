// Values of jobs and notices: commands with names, file names, addresses to call and to write to.
#include <catch2/catch.hpp>

#include "config/agent_config.hpp"
#include "config/command_source.hpp"

using namespace farkeep;
using Catch::Contains;

namespace {
std::string errors_of(const std::string& job) {
  const auto parsed = AgentConfig::parse("[registration]\nserver = 192.0.2.1\nca_file = /ca\n[job main]\n" + job, "t.ini");
  std::string out;
  for (auto& e : parsed.errors) out += std::to_string(e.line) + ": " + e.text + "\n";
  return out;
}
}  // namespace

TEST_CASE("command: a name before the colon, or a command alone, whatever colons it has") {
  CHECK((*parse_command_source("main.sql: pg_dump main") == CommandSource{"main.sql", "pg_dump main"}));
  CHECK((*parse_command_source("main.sql:   pg_dump main") == CommandSource{"main.sql", "pg_dump main"}));
  CHECK((*parse_command_source("pg_dump main") == CommandSource{"", "pg_dump main"}));
  CHECK((*parse_command_source("ssh db:5432") == CommandSource{"", "ssh db:5432"}));
  CHECK((*parse_command_source("echo a: b") == CommandSource{"", "echo a: b"}));
  CHECK((*parse_command_source(".hidden: x") == CommandSource{"", ".hidden: x"}));
  CHECK_FALSE(parse_command_source("main.sql: ").has_value());
  CHECK_FALSE(parse_command_source(std::string("x\0y", 3)).has_value());
}

TEST_CASE("command: without a name it has the job's, two of one name are a mistake, and a path is not needed") {
  const auto parsed = AgentConfig::parse("[registration]\nserver = 192.0.2.1\nca_file = /ca\n[job db]\ncommand = pg_dumpall\ncommand = x: true\n", "t.ini");
  REQUIRE(parsed.value);
  CHECK((parsed.value->jobs.at(0).commands == std::vector<CommandSource>{{"db", "pg_dumpall"}, {"x", "true"}}));
  CHECK_THAT(errors_of("command = a: x\ncommand = a: y\n"), Contains("6: command: its output would be named a as that of line 5"));
  CHECK_THAT(errors_of("tag = x\n"), Contains("4: the key path is missing in [job main], or a command"));
}

TEST_CASE("file name: no folder, no dots alone, no control characters") {
  CHECK(*parse_file_name(".nobackup") == ".nobackup");
  CHECK(*parse_file_name("with blank \xc3\xa4") == "with blank \xc3\xa4");
  for (auto& wrong : {"", ".", "..", "a/b", "/a", "a\tb"}) CHECK_FALSE(parse_file_name(wrong).has_value());
  CHECK_FALSE(parse_file_name(std::string(256, 'a')).has_value());
}

TEST_CASE("url: http or https with a host") {
  for (auto& right : {"http://h", "https://h/p?q#f", "https://u:p@h:8080/x"}) CHECK(*parse_url(right) == right);
  for (auto& wrong : {"", "h", "ftp://h", "http://", "https:///x", "http://?x", "http://h/a b", "http://h/\xc3\xa4", "javascript:x", "http://h/\n"}) CHECK_FALSE(parse_url(wrong).has_value());
  CHECK_FALSE(parse_url("http://" + std::string(2048, 'a')).has_value());
}

TEST_CASE("mail: nothing that a header or a shell would take for more than an address") {
  for (auto& right : {"a@b", "first.last+tag@mail.example.org", "root@localhost"}) CHECK(*parse_mail(right) == right);
  for (auto& wrong : {"", "a", "@b", "a@", "a@b@c", "-t@b", "a@b, c@d", "a@b\nBcc: c@d", "a'@b", "a b@c", "<a@b>"}) CHECK_FALSE(parse_mail(wrong).has_value());
  CHECK_FALSE(parse_mail("a@" + std::string(254, 'b')).has_value());
}

TEST_CASE("limits: nice and ionice are as the process was started unless they are given") {
  const std::string base = "[registration]\nserver = 192.0.2.1\nca_file = /ca\n[limits]\n";
  const auto none = AgentConfig::parse(base, "t.ini");
  CHECK_FALSE(none.value->niceness);
  CHECK_FALSE(none.value->io_priority);
  const auto both = AgentConfig::parse(base + "nice = 19\nionice = idle\n", "t.ini");
  CHECK(both.value->niceness == 19);
  CHECK(both.value->io_priority == IoPriority::idle);
  CHECK_FALSE(AgentConfig::parse(base + "nice = 20\n", "t.ini").value);
}
