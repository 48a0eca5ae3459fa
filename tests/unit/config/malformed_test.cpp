#include <catch2/catch.hpp>
#include <set>

#include "config/agent_config.hpp"
#include "config/server_config.hpp"
#include "unit/config/fake_files.hpp"
#include "unit/config/text_file.hpp"
#include "vectors_folder.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

constexpr const char* kFolder = "/etc/farkeep/";

std::vector<ConfigError> mistakes_of(std::string_view kind, const std::vector<std::string_view>& row) {
  FakeFiles files;
  std::string main = kFolder + std::string{kind} + ".ini";
  for (std::size_t i = 4; i < row.size(); ++i) {
    std::size_t const equals = row[i].find('='), arrow = row[i].find("->");
    if (arrow < equals) {
      files.links[kFolder + std::string{row[i].substr(0, arrow)}] = kFolder + std::string{row[i].substr(arrow + 2)};
      continue;
    }
    files.files[kFolder + std::string{row[i].substr(0, equals)}] = unescape(row[i].substr(equals + 1));
  }
  return kind == "agent" ? AgentConfig::parse(read_merged(AgentConfig::schema(), files, main)).errors
                         : ServerConfig::parse(read_merged(ServerConfig::schema(), files, main)).errors;
}

}  // namespace

TEST_CASE("config: every malformed configuration is refused, with the file, the line and what is meant") {
  std::string const text = read_text(std::string(kVectors) + "/config/malformed.txt");
  std::set<std::string> different;
  std::size_t right = 0;
  for (auto const& row : rows(text)) {
    REQUIRE(row.size() >= 4);
    REQUIRE((row[0] == "agent" || row[0] == "server"));
    INFO("vector: " << row[0] << " | " << row[1] << ":" << row[2] << " | " << row[3] << " | " << (row.size() > 4 ? row[4].substr(0, 200) : ""));
    auto const errors = mistakes_of(row[0], row);
    for (const ConfigError& e : errors) UNSCOPED_INFO("error: " << e.to_string());
    if (row[1] == "-") {
      CHECK(errors.empty());
      ++right;
      continue;
    }
    std::string const file = kFolder + std::string{row[1]};
    int const line = std::stoi(std::string{row[2]});
    bool const said = std::any_of(errors.begin(), errors.end(), [&](const ConfigError& e) {
      return e.file == file && e.line == line && e.text.find(row[3]) != e.text.npos;
    });
    CHECK(said);
    CHECK(errors.size() <= 2);
    std::string files;
    for (std::size_t i = 4; i < row.size(); ++i) files += std::string{row[i]} + '\t';
    CHECK(different.insert(std::string{row[0]} + '\t' + files).second);
  }
  WARN(different.size() << " malformed configurations, and " << right << " right ones beside them");
  CHECK(different.size() >= 500);
  CHECK(right >= 50);
}
