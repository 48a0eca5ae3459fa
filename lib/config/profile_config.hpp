#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "config/agent_config.hpp"
#include "config/ini.hpp"
#include "config/parsed.hpp"
#include "config/schema.hpp"
#include "config/value.hpp"

namespace farkeep {

/// `[class NAME]`: machines that get the same settings.
struct ClassConfig {
  std::string name;
  int line = 0;
  std::vector<std::string> match;  ///< globs for host names; none: only by its name
};

/// The profile of an organisation: what farkeep-deploy makes bundles of (config/profile.ini shows every key).
///
/// All settings of agent.ini are settings of the profile, under the same names and rules, save those that the kit or the
/// machine itself gives: the machine's name, [deployment], and the token.  A job may say which classes it is for.
struct ProfileConfig {
  std::string organisation;
  SecretSource token;  ///< never a literal; kind none: without it, or from the command line
  std::uint64_t token_uses = 1;
  std::chrono::seconds token_expires{0};
  std::vector<ClassConfig> classes;  ///< in the order of the file, names unique, each with a job; empty: all machines are alike

  /// The settings that all machines share, with every job.  Its paths ca_file and escrow_key_file are the profile's own:
  /// files on the administrator's machine, not yet those of the bundle.
  AgentConfig agent;
  IniDocument document;  ///< what was parsed: bundle_ini() takes the values as they were written

  /// Null: no such class.
  const ClassConfig* find_class(std::string_view name) const;
  /// The first class with a glob that fits; null: none does.  Case does not count in host names.
  const ClassConfig* class_of(std::string_view host) const;

  /// Pure: no file is opened.  Every mistake is reported at once, those of agent.ini's rules too.
  static Parsed<ProfileConfig> parse(std::string_view text, std::string file);
  static const Schema& schema();
};

}  // namespace farkeep
