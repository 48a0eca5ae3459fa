#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/ini.hpp"
#include "config/parsed.hpp"

namespace farkeep {

enum class SettingType : std::uint8_t {
  label,       ///< parse_label
  path,        ///< parse_path
  duration,    ///< parse_duration; least and most in seconds
  size,        ///< parse_size; least and most in bytes
  number,      ///< parse_number
  boolean,     ///< parse_boolean
  choice,      ///< parse_choice
  server,      ///< parse_address, of a machine to connect to
  listen,      ///< parse_address, also 0.0.0.0 and ::
  proxy,       ///< parse_host; `least` is the port unless written
  mapping,     ///< parse_mapping
  port_range,  ///< parse_port_range
  secret,      ///< parse_secret; no message ever shows the value
  login,       ///< parse_login
  command,     ///< parse_command
  command_source,  ///< parse_command_source
  file_name,   ///< parse_file_name
  url,         ///< parse_url
  mail,        ///< parse_mail
  schedule,    ///< Schedule::parse
  span,        ///< WeeklySpan::parse
  rate,        ///< RateRule::parse
  time_zone,   ///< NamedTimeZone::parse
  pattern,     ///< one line of ExcludeRules
  include,     ///< parse_include
};

/// One declared key.  The same row checks files, gives the default, and writes the sample.
struct KeySpec {
  std::string_view key;
  SettingType type;
  std::string_view fallback = {};  ///< the default as it would be written; empty: there is none
  std::string_view example = {};   ///< shown in the sample where there is no default
  std::string_view help = {};      ///< one sentence
  bool required = false;
  bool usual = false;  ///< in the minimal file although it is not required: one of several keys must be given, most often this one
  bool repeatable = false;
  std::span<const std::string_view> choices = {};
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  bool or_never = false;  ///< a duration that may be "never" instead: parse_duration_or_never
};

struct SectionSpec {
  std::string_view kind;
  std::string_view example_name;  ///< not empty: `[kind name]`, any number of them
  std::string_view help;
  std::span<const KeySpec> keys;

  bool is_named() const noexcept { return !example_name.empty(); }
  const KeySpec* find(std::string_view key) const;
};

struct Schema {
  std::string_view title;  ///< first lines of the sample, separated by \n
  std::span<const SectionSpec> sections;

  const SectionSpec* find(std::string_view kind) const;
};

/// Holds one file against its schema and appends every mistake: unknown sections and keys (with the nearest known one), repeated keys, values
/// that do not parse.  What is missing, and what an empty value means, only all files together show (merged_ini.hpp).
void check(const Schema& schema, const IniDocument& document, std::vector<ConfigError>& errors);

/// The file with every key, commented at its default or at an example, below its sentence.
std::string sample(const Schema& schema);

/// The file with the keys that must be given, and nothing else, each at its example below its sentence.
std::string minimal(const Schema& schema);

}  // namespace farkeep
