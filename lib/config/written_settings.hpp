#pragma once

#include <string>
#include <vector>

#include "base/id.hpp"
#include "config/ini.hpp"

namespace farkeep {

/// The sections of one document or of several that were merged: views of any container of them, which outlives this.
class SectionRefs {
 public:
  template <class Sections>
  SectionRefs(const Sections& sections) {
    for (const IniSection& section : sections) all_.push_back(&section);
  }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::vector<const IniSection*> all_;
};

/// What an agent's file sets, as far as it is the same wherever and whenever it is deployed: without [deployment],
/// [include] and the keys of the enrolment token, without sections that set nothing, sorted by section and key.
/// What stands for a key that may be repeated stays in the order of the file, which may matter.
///
/// Comments, blanks, quotes, and the order of sections and keys say nothing; a default that is written out does, for it
/// holds when the default changes.
struct WrittenSetting {
  SectionId section;
  std::string key;
  std::vector<std::string> values;  ///< at least one
  IniPlace place;                   ///< of the first
};
std::vector<WrittenSetting> written_settings(const SectionRefs& sections);

/// SHA-256 of a text that is the same for the same settings:
///
///   text    := (section (key "=" value LF)*)*        section := "[" kind [" " name] "]" LF
///
/// with \ before a \ in a value, and \n for a line end in it.
Digest settings_digest(const SectionRefs& sections);

/// One key that is set in only one of two files, or otherwise.
struct SettingDifference {
  SectionId section;
  std::string key;
  std::vector<std::string> before, after;  ///< empty: not set there
  IniPlace place_before, place_after;      ///< of the first; without a file: not set there
};
/// Sorted by section and key.  Empty exactly when the digests are equal.
std::vector<SettingDifference> settings_differences(const SectionRefs& before, const SectionRefs& after);

}  // namespace farkeep
