#include "config/show.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace farkeep {
namespace {

/// A file's name may hold anything; a comment is one line.
std::string comment(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

void add(std::vector<ShownSetting>& out, const SectionId& id, const SectionSpec& spec, const MergedSection* section, Show what) {
  for (const KeySpec& key : spec.keys) {
    bool written = false;
    for (std::size_t i = 0; section != nullptr && i < section->entries.size(); ++i) {
      const IniEntry& entry = section->entries[i];
      if (entry.key != key.key) continue;
      bool const secret = key.type == SettingType::secret;
      out.push_back({id, entry.key, secret ? "" : entry.value, secret, entry.place()});
      written = true;
    }
    if (!written && what == Show::all && !key.fallback.empty()) out.push_back({id, std::string{key.key}, std::string{key.fallback}, false, {}});
  }
}

}  // namespace

std::vector<ShownSetting> settings_in_force(const Schema& schema, const MergedIni& files, Show what) {
  std::vector<ShownSetting> out;
  for (const SectionSpec& spec : schema.sections) {
    if (!spec.is_named()) add(out, {std::string{spec.kind}, {}}, spec, files.find({std::string{spec.kind}, {}}), what);
    for (const MergedSection& section : files.sections) {
      if (spec.is_named() && section.id.kind == spec.kind) add(out, section.id, spec, &section, what);
    }
  }
  return out;
}

std::string shown_text(const MergedIni& files, const std::vector<ShownSetting>& settings) {
  std::string out;
  for (const std::string& file : files.files) out += "# " + comment(file) + '\n';
  const SectionId* open = nullptr;
  for (const ShownSetting& s : settings) {
    if (open == nullptr || *open != s.section) out += '\n' + s.section.to_string() + '\n';
    open = &s.section;
    auto const value = written_value(s.value);
    FARKEEP_CHECK(value.has_value());  // it was read from such a file
    out += s.key + " = " + (s.hidden ? "(hidden)" : *value) + "  # " + (s.place.file ? comment(*s.place.file) + ':' + std::to_string(s.place.line) : "default") + '\n';
  }
  return out;
}

}  // namespace farkeep
