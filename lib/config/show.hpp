#pragma once

#include <string>
#include <vector>

#include "config/merged_ini.hpp"
#include "config/schema.hpp"

namespace farkeep {

/// One setting that is in force.
struct ShownSetting {
  SectionId section;
  std::string key;
  std::string value;   ///< empty when hidden
  bool hidden = false;  ///< a secret
  IniPlace place;      ///< its file is null for a default
};

enum class Show {
  written,  ///< what the files say
  all,      ///< and the defaults of what they do not say
};

/// The settings in force, in the order of the schema; jobs in their own.  Keys without a value and a default are left out.
std::vector<ShownSetting> settings_in_force(const Schema& schema, const MergedIni& files, Show what);

/// The same as INI text, each line with the place it comes from as its comment: "state = /srv  # /etc/farkeep/agent.ini:4", "# default".
/// Save for secrets, a file with this text says what `files` say.
std::string shown_text(const MergedIni& files, const std::vector<ShownSetting>& settings);

}  // namespace farkeep
