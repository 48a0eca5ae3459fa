#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "config/merged_ini.hpp"
#include "config/parsed.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// The machine's own files.  One that others may change is refused (platform/file_access.hpp).
class DiskConfigFiles final : public ConfigFiles {
 public:
  std::optional<Buffer> read(const std::string& path, std::size_t limit) override;
  std::vector<std::string> list(const std::string& folder) override;
  std::string identity(const std::string& path) override;
};

/// All files of a configuration, from the machine's disk, with all that is wrong with them.
MergedIni read_config_files(const Schema& schema, const std::string& file, MainFile when_missing = MainFile::required);

/// Each literal secret in a file that everybody on this machine may read, as a warning: file, line and what to do.
std::vector<ConfigError> open_secrets(const Schema& schema, const MergedIni& files);

using TellMistake = std::function<void(const std::string&)>;
void tell_on_stderr(const std::string& mistake);

/// The failure that ends reading a configuration with mistakes, each of which is told before.
failure wrong_config(const std::string& file, const std::vector<ConfigError>& mistakes, const TellMistake& tell);

/// What the files say; throws wrong_config().
template <class Config>
Config config_of(MergedIni files, const TellMistake& tell) {
  std::string const file = files.main;
  auto parsed = Config::parse(std::move(files));
  if (!parsed) throw wrong_config(file, parsed.errors, tell);
  return std::move(*parsed.value);
}

}  // namespace farkeep
