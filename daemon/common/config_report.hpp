#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <vector>

#include "common/config_files.hpp"
#include "config/show.hpp"

// What `config check`, `config show` and `config generate` say, in both programs.
namespace farkeep {

/// Takes one result for standard output, without its last line end.
using SayLine = std::function<void(const std::string&)>;

/// {"message_type":"mistake","file":…,"line":…,"text":…}; the line is left out where a file as a whole is meant.
boost::json::object mistake_json(const ConfigError& error, const char* message_type = "mistake");

/// Warnings and mistakes: lines on standard error, or objects.
void report(const std::vector<ConfigError>& mistakes, const std::vector<ConfigError>& warnings, bool json, const SayLine& say);

/// The settings in force, as INI text, or as an object each.
void show_config(const Schema& schema, const MergedIni& files, Show what, bool json, const SayLine& say);

/// The commented file with every key, or the one with what must be given.
void generate_config(const Schema& schema, bool only_required, bool json, const SayLine& say);

}  // namespace farkeep
