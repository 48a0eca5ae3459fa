#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "config/agent_config.hpp"
#include "config/server_config.hpp"

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
  auto const agent = AgentConfig::parse(text, "fuzz.ini");
  FARKEEP_CHECK(agent.value.has_value() == agent.errors.empty());
  auto const server = ServerConfig::parse(text, "fuzz.ini");
  FARKEEP_CHECK(server.value.has_value() == server.errors.empty());
  return 0;
}
