#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "config/agent_config.hpp"
#include "config/bundle_ini.hpp"
#include "config/server_config.hpp"
#include "config/show.hpp"

namespace {

using namespace farkeep;

/// Files cut out of the input at its NULs: the main file, two drop-ins, and x.ini, which they may include.
class CutFiles final : public ConfigFiles {
 public:
  explicit CutFiles(std::string_view text) {
    for (std::string_view& file : files_) {
      std::size_t const end = text.find('\0');
      file = text.substr(0, end);
      text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
  }
  std::optional<Buffer> read(const std::string& path, std::size_t) override {
    for (std::size_t i = 0; i < std::size(files_); ++i) {
      if (path == kNames[i]) return to_buffer(as_bytes(files_[i]));
    }
    return std::nullopt;
  }
  std::vector<std::string> list(const std::string& folder) override {
    return folder == "main.d/" ? std::vector<std::string>{"a.ini", "b.ini"} : std::vector<std::string>{"x.ini"};
  }

 private:
  static constexpr std::string_view kNames[] = {"main", "main.d/a.ini", "main.d/b.ini", "x.ini"};
  std::string_view files_[4];
};

// What several files say is found or refused; what is shown of it says the same.
void merge_and_show(std::string_view text) {
  CutFiles files{text};
  MergedIni const merged = read_merged(ServerConfig::schema(), files, "main");
  auto const server = ServerConfig::parse(merged);
  FARKEEP_CHECK(server.value.has_value() == server.errors.empty());
  if (!server) return;
  auto const settings = settings_in_force(ServerConfig::schema(), merged, Show::all);
  OneConfigFile shown{"shown", shown_text(merged, settings)};
  MergedIni const again = read_merged(ServerConfig::schema(), shown, "shown");
  FARKEEP_CHECK(ServerConfig::parse(again).errors.empty());
  auto const same = settings_in_force(ServerConfig::schema(), again, Show::all);
  FARKEEP_CHECK(std::equal(settings.begin(), settings.end(), same.begin(), same.end(), [](auto& a, auto& b) { return a.key == b.key && a.value == b.value; }));
}

}  // namespace

// Any text: parsing ends, a document that parses keeps its bytes, and what set() writes reads back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace farkeep;
  std::string_view const text{reinterpret_cast<const char*>(data), size};
  auto document = IniDocument::parse(text, "fuzz.ini");
  FARKEEP_CHECK(document.value.has_value() == document.errors.empty());
  if (document) {
    FARKEEP_CHECK(document.value->text() == text);
    SectionId const section =
        document.value->sections().empty() ? SectionId{"job", "a"} : document.value->sections().back().id;
    std::string_view const value = text.substr(0, size / 2);
    if (document.value->set(section, "path", value)) {
      FARKEEP_CHECK(document.value->find(section)->find("path")->value == value);
      FARKEEP_CHECK(IniDocument::parse(document.value->text(), "fuzz.ini").errors.empty());
    }
  }
  merge_and_show(text);
  auto const agent = AgentConfig::parse(text, "fuzz.ini");
  FARKEEP_CHECK(agent.value.has_value() == agent.errors.empty());
  auto const server = ServerConfig::parse(text, "fuzz.ini");
  FARKEEP_CHECK(server.value.has_value() == server.errors.empty());
  // A profile that is right gives every class settings that are right: bundle_ini() checks it.
  auto const profile = ProfileConfig::parse(text, "fuzz.ini");
  FARKEEP_CHECK(profile.value.has_value() == profile.errors.empty());
  if (profile) {
    (void)bundle_ini(*profile.value, {"all", nullptr, false}, "farkeep");
    for (const ClassConfig& c : profile.value->classes) (void)bundle_ini(*profile.value, {c.name, &c, true}, "farkeep");
  }
  return 0;
}
