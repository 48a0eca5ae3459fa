#pragma once

#include <string>
#include <vector>

#include "config/include.hpp"
#include "config/ini.hpp"
#include "config/schema.hpp"

namespace farkeep {

/// A section as all files together have it.
struct MergedSection : IniSection {
  /// Empty lines (`exclude =`) that took out what earlier files had said for their keys.
  std::vector<IniEntry> emptied;
};

/// What the files of one configuration say together, every entry with the file it comes from:
///
///   sections with one id are one, placed where the first of them is opened
///   a key that may not be repeated has the value of the last file that has it
///   the lines of a repeatable key add up in the order of the files; one without a value forgets those of earlier files.
///   Such a line stands before the others of its file; where there is nothing to forget, it is the mistake it always was
///
/// [include] has been followed, and is not in here.
struct MergedIni {
  std::string main;                     ///< the file that was named
  std::vector<std::string> files;       ///< all that were read, in the order in which they count
  bool has_main = false;                ///< the file that was named is one of them
  std::vector<MergedSection> sections;  ///< in the order in which they are opened
  std::vector<ConfigError> errors;      ///< everything that is wrong, as far as grammar and schema know; in no order

  /// The section, or null.
  const MergedSection* find(const SectionId& id) const;
};

/// 1. each file is held against the schema  2. all are merged  3. what is missing then?
MergedIni merge(const Schema& schema, IniFiles files, std::string main);

/// Reads and merges.
MergedIni read_merged(const Schema& schema, ConfigFiles& from, const std::string& main, MainFile when_missing = MainFile::required);

}  // namespace farkeep
