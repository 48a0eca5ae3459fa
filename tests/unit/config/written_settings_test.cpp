#include "config/written_settings.hpp"

#include <catch2/catch.hpp>

#include "config/agent_config.hpp"

using namespace farkeep;

namespace {

IniDocument document(const std::string& text) {
  auto parsed = IniDocument::parse(text, "agent.ini");
  for (const ConfigError& e : parsed.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(parsed);
  return std::move(*parsed.value);
}
Digest digest(const std::string& text) { return settings_digest(document(text).sections()); }

const std::string kText = "[agent]\nname = web1\n[job main]\npath = /a\npath = /b\n";

}  // namespace

TEST_CASE("written settings: the digest is that of the canonical text") {
  // printf '[agent]\nname=web1\n[job main]\npath=/a\npath=/b\n' | sha256sum
  CHECK(digest(kText).hex() == "127fd53de88b0418f1351006efac5f52494074474f17a6322bd2a53bebea396f");
}

TEST_CASE("written settings: comments, blanks, quotes and the order of sections and keys say nothing") {
  CHECK(digest("# a remark\r\n[job main]\r\npath =   /a # why\r\n\r\npath = \"/b\"\r\n[agent]\r\nname=web1\r\n") == digest(kText));
  CHECK(digest("[agent]\nname = a\nstate = /s\n") == digest("[agent]\nstate = /s\nname = a\n"));
}

TEST_CASE("written settings: what is deployed otherwise on every machine does not count") {
  CHECK(digest(kText + "[deployment]\nbundle = web\ndigest = 00\n[registration]\ntoken = ABC\n[limits]\n") == digest(kText));
  CHECK(digest(kText + "[registration]\ntoken_file = /t\n") == digest(kText));
  CHECK(digest(kText + "[registration]\ntoken_command = t\n") == digest(kText));
}

TEST_CASE("written settings: a value, a key, a section and the order of repeated values count") {
  for (const char* other : {"[agent]\nname = web2\n[job main]\npath = /a\npath = /b\n", "[agent]\nname = web1\n[job main]\npath = /b\npath = /a\n",
                            "[agent]\nname = web1\n[job other]\npath = /a\npath = /b\n", "[agent]\nname = web1\n[job main]\npath = /a\n",
                            "[agent]\nname = web1\nlog_level = info\n[job main]\npath = /a\npath = /b\n"})
    CHECK(digest(other) != digest(kText));
}

TEST_CASE("written settings: a line end in a value cannot pass for another setting") {
  CHECK(digest("[a]\nx = \"1\\ny=2\"\n") != digest("[a]\nx = 1\ny = 2\n"));
  CHECK(digest("[a]\nx = \"1\\\\ny=2\"\n") != digest("[a]\nx = \"1\\ny=2\"\n"));
}

TEST_CASE("written settings: a difference names section, key, values and both lines") {
  auto const before = document("[agent]\nname = web1\n[limits]\nupload = 5Mbit\n[job main]\npath = /a\n");
  auto const after = document("[agent]\nname = web1\n\n[job main]\npath = /a\npath = /c\ntag = x\n");
  auto const found = settings_differences(before.sections(), after.sections());
  REQUIRE(found.size() == 3);
  CHECK(found[0].section == SectionId{"job", "main"});
  CHECK(found[0].key == "path");
  CHECK(found[0].before == std::vector<std::string>{"/a"});
  CHECK(found[0].after == std::vector<std::string>{"/a", "/c"});
  CHECK(found[0].place_before.line == 6);
  CHECK(found[0].place_after.line == 5);
  CHECK(found[1].key == "tag");
  CHECK(found[1].before.empty());
  CHECK(found[1].place_before.file == nullptr);
  CHECK(found[2].section == SectionId{"limits", ""});
  CHECK(found[2].after.empty());
  CHECK(found[2].place_after.file == nullptr);
}

TEST_CASE("written settings: no difference exactly where the digests are equal") {
  for (const char* other : {"[job main]\npath = /a\npath = /b\n[agent]\nname = \"web1\"\n[deployment]\nbundle = x\n", "[agent]\nname = web1\n", "[job main]\npath = /b\npath = /a\n[agent]\nname = web1\n"}) {
    auto const a = document(kText), b = document(other);
    CHECK(settings_differences(a.sections(), b.sections()).empty() == (settings_digest(a.sections()) == settings_digest(b.sections())));
  }
}

TEST_CASE("written settings: an agent that was deployed knows whether its settings drifted") {
  std::string const text = "[registration]\nserver = 192.0.2.1\nca_file = /ca.pem\n";
  auto const with = [&](const std::string& more) { return AgentConfig::parse(text + "[deployment]\nbundle = web\ndigest = " + digest(text).hex() + "\n" + more, "agent.ini"); };
  CHECK_FALSE(AgentConfig::parse(text, "agent.ini").value->deployment);
  REQUIRE(with("").value->deployment);
  CHECK(with("").value->deployment->bundle == "web");
  CHECK_FALSE(with("").value->deployment->drifted());
  CHECK(with("[agent]\nname = other\n").value->deployment->drifted());
}
