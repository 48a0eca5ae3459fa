// What a job leaves out, as far as files say it.
#include "agent/jobs.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "platform/atomic_file.hpp"

using namespace farkeep;
using Catch::Contains;
namespace fs = std::filesystem;

TEST_CASE("jobs: rules that others may change are refused, for they could leave anything out") {
  fs::path const rules = fs::temp_directory_path() / ("farkeep-rules-" + std::to_string(::getpid()));
  std::ofstream{rules} << "*.tmp\n";
  JobConfig config;
  config.name = "main";
  config.paths = {"/srv"};
  config.exclude_file = rules.string();
  fs::permissions(rules, static_cast<fs::perms>(0644));
  CHECK_NOTHROW(backup_job(config, system_disk()));
  fs::permissions(rules, static_cast<fs::perms>(0666));
  CHECK_THROWS_WITH(backup_job(config, system_disk()), Contains("exclude rules of job main") && Contains("chmod o-w " + config.exclude_file));
  fs::remove(rules);
}
