#include "common/config_files.hpp"


#include "platform/atomic_file.hpp"
#include "platform/file_access.hpp"
#include "common/say.hpp"

namespace farkeep {

// What stands there runs commands with our rights: so it counts only if nobody else could have written it.
std::optional<Buffer> DiskConfigFiles::read(const std::string& path, std::size_t limit) {
  refuse_if_others_may_change(path, "the configuration " + path);
  return read_file(system_disk(), path, limit);
}
std::vector<std::string> DiskConfigFiles::list(const std::string& folder) {
  refuse_if_others_may_change(folder, "the configuration's folder " + folder);
  return system_disk().list(folder);
}
std::string DiskConfigFiles::identity(const std::string& path) { return file_identity(path).value_or(path); }

MergedIni read_config_files(const Schema& schema, const std::string& file, MainFile when_missing) {
  DiskConfigFiles files;
  return read_merged(schema, files, file, when_missing);
}

std::vector<ConfigError> open_secrets(const Schema& schema, const MergedIni& files) {
  std::vector<ConfigError> out;
  for (const MergedSection& section : files.sections) {
    const SectionSpec* const spec = schema.find(section.id.kind);
    for (const IniEntry& entry : section.entries) {
      const KeySpec* const key = spec != nullptr ? spec->find(entry.key) : nullptr;
      if (key == nullptr || key->type != SettingType::secret || !everybody_may_read(*entry.file)) continue;
      out.push_back({*entry.file, entry.line, entry.key + " stands in a file that everybody on this machine may read: chmod o-r " + *entry.file + ", or give " + entry.key + "_file"});
    }
  }
  return out;
}

void tell_on_stderr(const std::string& mistake) { tell_text(mistake); }

failure wrong_config(const std::string& file, const std::vector<ConfigError>& mistakes, const TellMistake& tell) {
  for (const ConfigError& e : mistakes) tell(e.to_string());
  const ConfigError& first = mistakes.front();
  std::string const place = first.line == 0 ? first.file : first.file + ":" + std::to_string(first.line);
  std::string const count = mistakes.size() == 1 ? "a mistake in " : std::to_string(mistakes.size()) + " mistakes, the first in ";
  return failure::whole(Errc::configuration, "reading the configuration " + file + ": " + count + place);
}

}  // namespace farkeep
