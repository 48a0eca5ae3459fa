#include "config/include.hpp"

#include <catch2/catch.hpp>

#include "base/limits.hpp"
#include "config/agent_config.hpp"
#include "unit/config/fake_files.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

const std::string kMainFile = "/etc/farkeep/agent.ini";
const std::string kLeastIncluded = "[registration]\nserver = 192.0.2.1\nca_file = /ca.pem\n";

std::string names(const IniFiles& files) {
  std::string out;
  for (const IniDocument& d : files.documents) out += (out.empty() ? "" : " ") + d.file().substr(d.file().rfind('/') + 1);
  return out;
}

std::string mistakes(const std::vector<ConfigError>& errors) {
  std::string out;
  for (const ConfigError& e : errors) out += e.to_string() + '\n';
  return out;
}

IniFiles read(FakeFiles& files) { return read_ini_files(files, kMainFile); }

std::string include(const std::string& name) { return "[include]\nfile = " + name + "\n"; }

}  // namespace

TEST_CASE("include: what is named comes first, then the file, then its drop-ins as sorted bytes") {
  FakeFiles files;
  files.files = {{kMainFile, "[include]\nfile = jobs.d/*.ini\nfile = /srv/site.ini\n"},
                 {"/etc/farkeep/jobs.d/b.ini", ""},
                 {"/etc/farkeep/jobs.d/a.ini", include("deep/x.ini")},
                 {"/etc/farkeep/jobs.d/deep/x.ini", ""},
                 {"/srv/site.ini", ""},
                 {kMainFile + ".d/9.ini", ""},
                 {kMainFile + ".d/10.ini", ""},
                 {kMainFile + ".d/Z.ini", include("z.inc")},
                 {kMainFile + ".d/z.inc", ""}};
  IniFiles const out = read(files);
  CHECK(mistakes(out.errors) == "");
  CHECK(names(out) == "x.ini a.ini b.ini site.ini agent.ini 10.ini 9.ini z.inc Z.ini");
  CHECK(out.has_main);
}

TEST_CASE("include: hidden names and other suffixes are left out, and a pattern may match nothing") {
  FakeFiles files;
  files.files = {{kMainFile, include("jobs.d/*.ini")}, {kMainFile + ".d/.hidden.ini", ""}, {kMainFile + ".d/a.ini.bak", ""}, {kMainFile + ".d/a.ini~", ""}, {kMainFile + ".d/ini", ""}};
  IniFiles const out = read(files);
  CHECK(mistakes(out.errors) == "");
  CHECK(names(out) == "agent.ini");
}

TEST_CASE("include: * stands for any bytes, also none, and more than one of them") {
  for (auto const& [pattern, expected] : {std::pair{"*", "a-b-c.ini ab.ini b.ini"}, {"a*.ini", "a-b-c.ini ab.ini"}, {"*b.ini", "ab.ini b.ini"}, {"a*b*c.ini", "a-b-c.ini"},
                                          {"*-*-*", "a-b-c.ini"}, {"ab*ab.ini", ""}, {"a*b.ini*", "ab.ini"}, {"**b**", "a-b-c.ini ab.ini b.ini"}, {"*-*-*-*", ""}}) {
    FakeFiles files;
    files.files = {{kMainFile, include("jobs.d/" + std::string{pattern})}, {"/etc/farkeep/jobs.d/a-b-c.ini", ""}, {"/etc/farkeep/jobs.d/ab.ini", ""}, {"/etc/farkeep/jobs.d/b.ini", ""}};
    INFO(pattern);
    CHECK(names(read(files)) == std::string{expected} + (*expected ? " " : "") + "agent.ini");
  }
}

TEST_CASE("include: a file that two others include is read once, before both") {
  FakeFiles files;
  files.files = {{kMainFile, "[include]\nfile = a.ini\nfile = b.ini\n"}, {"/etc/farkeep/a.ini", include("common.ini")}, {"/etc/farkeep/b.ini", include("common.ini")}, {"/etc/farkeep/common.ini", ""}};
  IniFiles const out = read(files);
  CHECK(mistakes(out.errors) == "");
  CHECK(names(out) == "common.ini a.ini b.ini agent.ini");
  CHECK(files.read_order.size() == 4);
}

TEST_CASE("include: a circle is named with all its files, at the line that closes it") {
  FakeFiles files;
  files.files = {{kMainFile, include("a.ini")}, {"/etc/farkeep/a.ini", "\n" + include("agent.ini")}};
  CHECK(mistakes(read(files).errors) ==
        "/etc/farkeep/a.ini:3: file: /etc/farkeep/agent.ini: the files include one another in a circle: /etc/farkeep/agent.ini:2 -> /etc/farkeep/a.ini:3 -> /etc/farkeep/agent.ini\n");
}

TEST_CASE("include: a circle that another name of a file closes is one, with all its files and lines") {
  FakeFiles files;
  files.files = {{kMainFile, include("a.ini")}, {"/etc/farkeep/a.ini", "\n[include]\nfile = b.ini\nfile = again.ini\n"}, {"/etc/farkeep/b.ini", ""}};
  files.links = {{"/etc/farkeep/again.ini", kMainFile}};
  CHECK(mistakes(read(files).errors) ==
        "/etc/farkeep/a.ini:4: file: /etc/farkeep/again.ini: the files include one another in a circle: /etc/farkeep/agent.ini:2 -> /etc/farkeep/a.ini:4 -> "
        "/etc/farkeep/again.ini, which is /etc/farkeep/agent.ini\n");
}

TEST_CASE("include: a circle that begins with another name of the main file, and one in a folder that a pattern names") {
  FakeFiles files;
  files.files = {{kMainFile, include("jobs.d/*.ini")}, {"/etc/farkeep/jobs.d/a.ini", "[include]\nfile = *.ini\n"}};
  files.links = {{"/etc/farkeep/jobs.d/b.ini", "/etc/farkeep/jobs.d/a.ini"}};
  CHECK_THAT(mistakes(read(files).errors), Catch::Contains("in a circle: /etc/farkeep/agent.ini:2 -> /etc/farkeep/jobs.d/a.ini:2 -> /etc/farkeep/jobs.d/b.ini, which is /etc/farkeep/jobs.d/a.ini\n"));
  files.files = {{kMainFile, include("a.ini")}, {"/etc/farkeep/a.ini", include("agent.ini")}};
  files.links = {{"/srv/agent.ini", kMainFile}};
  CHECK_THAT(mistakes(read_ini_files(files, "/srv/agent.ini").errors), Catch::Contains("/srv/agent.ini:2: file: /srv/a.ini: there is no such file"));
  files.links["/srv/a.ini"] = "/etc/farkeep/a.ini";
  CHECK_THAT(mistakes(read_ini_files(files, "/srv/agent.ini").errors), Catch::Contains("in a circle: /srv/agent.ini:2 -> /srv/a.ini:2 -> /srv/agent.ini\n"));
}

TEST_CASE("include: two names of one file that do not close a circle are two files") {
  FakeFiles files;
  files.files = {{kMainFile, "[include]\nfile = east/more.ini\nfile = west/more.ini\n"}, {"/etc/farkeep/more.ini", include("here.ini")}, {"/etc/farkeep/east/here.ini", ""}, {"/etc/farkeep/west/here.ini", ""}};
  files.links = {{"/etc/farkeep/east/more.ini", "/etc/farkeep/more.ini"}, {"/etc/farkeep/west/more.ini", "/etc/farkeep/more.ini"}};
  IniFiles const out = read(files);
  CHECK(mistakes(out.errors) == "");
  CHECK(names(out) == "here.ini more.ini here.ini more.ini agent.ini");
}

TEST_CASE("include: eight steps are read, the ninth is not") {
  FakeFiles files;
  files.files[kMainFile] = include("i1.ini");
  for (std::size_t i = 1; i < kMaxIncludeDepth; ++i) files.files["/etc/farkeep/i" + std::to_string(i) + ".ini"] = include("i" + std::to_string(i + 1) + ".ini");
  std::string& last = files.files["/etc/farkeep/i" + std::to_string(kMaxIncludeDepth) + ".ini"];
  CHECK(read(files).errors.empty());
  CHECK(read(files).documents.size() == kMaxIncludeDepth + 1);
  last = include("one_more.ini");
  files.files["/etc/farkeep/one_more.ini"] = "";
  IniFiles const out = read(files);
  CHECK_THAT(mistakes(out.errors), Catch::Contains("i8.ini:2: file: /etc/farkeep/one_more.ini: files include one another more than 8 deep"));
  CHECK(out.documents.size() == kMaxIncludeDepth + 1);
}

TEST_CASE("include: as many files as the bound are read, and then one mistake is said, not one for each") {
  FakeFiles files;
  files.files[kMainFile] = "";
  for (std::size_t i = 1; i < kMaxConfigFiles; ++i) files.files[kMainFile + ".d/" + std::to_string(i) + ".ini"] = "";
  CHECK(read(files).errors.empty());
  CHECK(read(files).documents.size() == kMaxConfigFiles);
  files.files[kMainFile + ".d/x.ini"] = files.files[kMainFile + ".d/y.ini"] = "";
  IniFiles const out = read(files);
  CHECK(out.documents.size() == kMaxConfigFiles);
  CHECK(mistakes(out.errors) == kMainFile + ".d/x.ini: a configuration has at most 256 files, this would be one more\n");
}

TEST_CASE("include: all files together have a bound") {
  FakeFiles files;
  std::string text;
  while (text.size() < limits::kMaxIniFile) text += std::string(1023, '#') + '\n';
  files.files[kMainFile] = text;
  for (char c : {'a', 'b', 'c'}) files.files[kMainFile + ".d/" + c + ".ini"] = text;
  CHECK(read(files).errors.empty());
  files.files[kMainFile + ".d/d.ini"] = "\n";
  CHECK(mistakes(read(files).errors) == kMainFile + ".d/d.ini: the files of a configuration have at most 4 MiB together, and with this one they have more\n");
}

TEST_CASE("include: a file or folder that cannot be read is named with the reason, and where it was asked for") {
  FakeFiles files;
  files.files = {{kMainFile, "[include]\nfile = a.ini\nfile = jobs.d/*.ini\n"}, {"/etc/farkeep/a.ini", ""}, {kMainFile + ".d/b.ini", ""}};
  files.locked = {"/etc/farkeep/a.ini", "/etc/farkeep/jobs.d/", kMainFile + ".d/b.ini"};
  CHECK(mistakes(read(files).errors) == kMainFile + ":2: file: /etc/farkeep/a.ini: the file cannot be read: Permission denied\n" + kMainFile +
                                            ":3: file: /etc/farkeep/jobs.d/: the folder cannot be listed: Permission denied\n" + kMainFile +
                                            ".d/b.ini: the file cannot be read: Permission denied\n");
  files.locked = {kMainFile, kMainFile + ".d/"};
  CHECK(mistakes(read(files).errors) == kMainFile + ".d/: the folder cannot be listed: Permission denied\n" + kMainFile + ": the file cannot be read: Permission denied\n");
}

TEST_CASE("include: a missing main file is a mistake, unless it may be missing; its drop-ins count all the same") {
  FakeFiles files;
  files.files = {{kMainFile + ".d/a.ini", ""}};
  CHECK(mistakes(read(files).errors) == kMainFile + ": there is no such file (name it with --config)\n");
  IniFiles const out = read_ini_files(files, kMainFile, MainFile::optional);
  CHECK(out.errors.empty());
  CHECK_FALSE(out.has_main);
  CHECK(names(out) == "a.ini");
}

TEST_CASE("include: keys are not called missing while a file is that may hold them") {
  FakeFiles files;
  files.files = {{kMainFile, include("site.ini")}};
  auto const mistakes_with = [&] { return mistakes(AgentConfig::parse(read_merged(AgentConfig::schema(), files, kMainFile)).errors); };
  CHECK(mistakes_with() == kMainFile + ":2: file: /etc/farkeep/site.ini: there is no such file\n");
  files.files["/etc/farkeep/site.ini"] = "";
  CHECK_THAT(mistakes_with(), Catch::Contains("the key server in [registration] is missing"));
}

TEST_CASE("include: a relative main file has relative neighbours") {
  FakeFiles files;
  files.files = {{"agent.ini", "[include]\nfile = more.ini\nfile = *.inc\n"}, {"more.ini", ""}, {"x.inc", ""}, {"agent.ini.d/a.ini", ""}};
  CHECK(names(read_ini_files(files, "agent.ini")) == "more.ini x.inc agent.ini a.ini");
}

TEST_CASE("include: names are made normal, and others refused with the reason") {
  CHECK(*parse_include("./a//b/./*.ini") == "a/b/*.ini");
  CHECK(*parse_include("/etc//x.ini") == "/etc/x.ini");
  for (auto const& [name, part] : {std::pair{"../x.ini", "holds '..'"}, {"a/*/x.ini", "before its last part"}, {"a/", "names a folder"}, {"/", "names a folder"}, {"", "names a folder"}, {"a\nb", "control"}}) {
    INFO(name);
    auto const out = parse_include(name);
    REQUIRE_FALSE(out.has_value());
    CHECK_THAT(out.error().text, Catch::Contains(part));
  }
}

TEST_CASE("include: changed text takes the place of one file") {
  FakeFiles files;
  files.files = {{kMainFile, kLeastIncluded}, {kMainFile + ".d/a.ini", "[agent]\nname = a\n"}};
  ChangedConfigFiles changed{files, kMainFile, "[agent]\nname = b\n" + kLeastIncluded};
  auto const out = AgentConfig::parse(read_merged(AgentConfig::schema(), changed, kMainFile));
  REQUIRE(out);
  CHECK(out.value->name == "a");
  files.files.erase(kMainFile + ".d/a.ini");
  CHECK(AgentConfig::parse(read_merged(AgentConfig::schema(), changed, kMainFile)).value->name == "b");
}
