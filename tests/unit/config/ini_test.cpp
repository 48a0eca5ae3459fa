#include "config/ini.hpp"

#include <catch2/catch.hpp>

#include "base/limits.hpp"
#include "config/agent_config.hpp"
#include "config/server_config.hpp"
#include "unit/config/text_file.hpp"
#include "vectors_folder.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

IniDocument parsed(std::string_view text) {
  auto out = IniDocument::parse(text, "test.ini");
  for (const ConfigError& e : out.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(out);
  return std::move(*out.value);
}

std::string only_value(std::string_view line) {
  auto const document = parsed("[s]\n" + std::string{line});
  REQUIRE(document.sections().size() == 1);
  REQUIRE(document.sections()[0].entries.size() == 1);
  return document.sections()[0].entries[0].value;
}

std::vector<ConfigError> errors_of(std::string_view kind, std::string text) {
  if (kind == "ini") return IniDocument::parse(text, "test.ini").errors;
  if (kind == "server") return ServerConfig::parse(text, "test.ini").errors;
  REQUIRE(kind == "agent");
  if (text.find("[registration]") == text.npos) text += "\n[registration]\nserver = 192.0.2.1\nca_file = /ca.pem\n";
  return AgentConfig::parse(text, "test.ini").errors;
}

}  // namespace

TEST_CASE("ini: every malformed text is refused with its line and reason") {
  std::string const file = read_text(std::string(kVectors) + "/config/ini_malformed.txt");
  auto const cases = rows(file);
  REQUIRE(cases.size() >= 300);
  for (auto const& row : cases) {
    REQUIRE(row.size() == 5);
    INFO("vector: " << row[0] << " | " << row[3] << " | " << row[4].substr(0, 200));
    auto const errors = errors_of(row[0], unescape(row[4]));
    for (const ConfigError& e : errors) UNSCOPED_INFO("error: " << e.to_string());
    CHECK(errors.size() == std::stoul(std::string{row[2]}));
    REQUIRE_FALSE(errors.empty());
    CHECK(errors[0].file == "test.ini");
    CHECK(errors[0].line == std::stoi(std::string{row[1]}));
    CHECK_THAT(errors[0].text, Catch::Contains(std::string{row[3]}));
  }
}

TEST_CASE("ini: sections, names, keys and lines are where they were written") {
  auto const document = parsed("# head\n\n[agent]\nname = web1\n[job  main.2 ] # nightly\npath=/a\npath =\t/b\n");
  REQUIRE(document.sections().size() == 2);
  CHECK(document.sections()[0].id == SectionId{"agent", ""});
  CHECK(document.sections()[0].line == 3);
  const IniSection* const job = document.find({"job", "main.2"});
  REQUIRE(job != nullptr);
  CHECK(job->id.to_string() == "[job main.2]");
  REQUIRE(job->entries.size() == 2);
  CHECK(job->entries[0].value == "/a");
  CHECK(job->entries[1].value == "/b");
  CHECK(job->entries[1].line == 7);
  CHECK(job->find("path") == &job->entries[0]);
  CHECK(job->find("pat") == nullptr);
  CHECK(document.find({"job", ""}) == nullptr);
}

TEST_CASE("ini: a comment in a value needs a blank before it, quotes keep it") {
  CHECK(only_value("k = a # b") == "a");
  CHECK(only_value("k = a\t; b") == "a");
  CHECK(only_value("k = a#b;c") == "a#b;c");
  CHECK(only_value("k =#a") == "#a");
  CHECK(only_value("k = # a") == "");
  CHECK(only_value("k = \"a # b\" # c") == "a # b");
  CHECK(only_value("k = \" a \"") == " a ");
  CHECK(only_value("k = a = b") == "a = b");
  CHECK(only_value("k = a \"b\"") == "a \"b\"");
  CHECK(only_value(R"(k = "a\"b\\c\nd")") == "a\"b\\c\nd");
  CHECK(only_value(R"(k = C:\new)") == R"(C:\new)");
  CHECK(only_value("k = a\tb \t ") == "a\tb");
  CHECK(only_value("k = \xff\xc3\xa9") == "\xff\xc3\xa9");
}

TEST_CASE("ini: BOM, CR LF, no end of line and no text at all are fine") {
  CHECK(parsed("").sections().empty());
  CHECK(parsed("\xef\xbb\xbf").sections().empty());
  CHECK(parsed("\xef\xbb\xbf[a]\r\nk = v\r\n").find({"a", ""})->entries[0].value == "v");
  CHECK(parsed("[a]\nk = v").find({"a", ""})->entries[0].value == "v");
  CHECK(parsed("[a]\n \t \n\t\n").find({"a", ""})->entries.empty());
}

TEST_CASE("ini: the limits themselves are still allowed") {
  std::string const line = "k = " + std::string(limits::kMaxIniLine - 4, 'a');
  CHECK(only_value(line).size() == limits::kMaxIniLine - 4);
  CHECK(parsed("[a]\n" + std::string(limits::kMaxIniLines - 1, '\n')).sections().size() == 1);
  std::string full = "[a]\n";
  while (full.size() < limits::kMaxIniFile)
    full += "#" + std::string(std::min<std::size_t>(9998, limits::kMaxIniFile - full.size() - 1), 'x') + "\n";
  full.resize(limits::kMaxIniFile);
  CHECK(parsed(full).text().size() == limits::kMaxIniFile);
}

TEST_CASE("ini: the text comes back byte for byte") {
  for (std::string_view text :
       {"", "\n", "[a]", "# x\r\n\r\n[a]\r\nk =   \"v\"   # c\r\n;\n", "\xef\xbb\xbf[a]\n\n\nk=\xff\n\n"}) {
    CHECK(parsed(text).text() == text);
  }
}

TEST_CASE("ini: all mistakes are reported, in the order of the lines") {
  auto const out = IniDocument::parse("oops\n[a]\n x = 1\nk = \"\n[b\nignored\n[c]\n=\n", "f");
  std::string lines;
  for (const ConfigError& e : out.errors) lines += std::to_string(e.line) + " ";
  CHECK(lines == "1 3 4 5 6 8 ");
  CHECK_FALSE(out);
}

TEST_CASE("ini: keys below a header that is wrong are not reported as well") {
  std::vector<ConfigError> errors;
  auto const document = IniDocument::read("[a]\nk = 1\n[A!]\nk = 2\n[b]\nk = 3\n", "f", errors);
  CHECK(errors.size() == 1);
  REQUIRE(document.sections().size() == 2);
  CHECK(document.sections()[0].entries.size() == 1);
  CHECK(document.sections()[1].entries[0].value == "3");
}

TEST_CASE("ini: an error is written as file, line and text") {
  CHECK(ConfigError{"a.ini", 3, "wrong"}.to_string() == "a.ini:3: wrong");
  CHECK(ConfigError{"a.ini", 0, "wrong"}.to_string() == "a.ini: wrong");
  CHECK(in_quotes("a\x1b[31m\n") == "\"a\\x1b[31m\\x0a\"");
  CHECK(in_quotes(std::string(61, 'a')) == "\"" + std::string(60, 'a') + "…\"");
}
