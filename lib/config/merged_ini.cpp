#include "config/merged_ini.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "config/include_keys.hpp"

namespace farkeep {
namespace {

class Merger {
 public:
  Merger(const Schema& schema, MergedIni& out) : schema_(schema), out_(out) {}

  void add(const IniDocument& document) {
    out_.files.push_back(document.file());
    for (const IniSection& section : document.sections()) {
      const SectionSpec* const spec = schema_.find(section.id.kind);
      MergedSection& into = opened(section);
      for (const IniEntry& entry : section.entries) {
        const KeySpec* const key = spec != nullptr ? spec->find(entry.key) : nullptr;
        if (key != nullptr) add(*key, entry, into);
      }
    }
  }

  void look_for_missing() {
    for (const SectionSpec& spec : schema_.sections) {
      if (spec.is_named() || out_.find({std::string{spec.kind}, {}}) != nullptr) continue;
      for (const KeySpec& key : spec.keys) {
        if (key.required) wrong({out_.main, 0, "the key " + std::string{key.key} + " in [" + std::string{spec.kind} + "] is missing"});
      }
    }
    for (const MergedSection& section : out_.sections) {
      const SectionSpec* const spec = schema_.find(section.id.kind);
      bool const has_wrong_header = spec == nullptr || spec->is_named() == section.id.name.empty();  // enough is said
      if (has_wrong_header) continue;
      for (const KeySpec& key : spec->keys) {
        if (key.required && tried_.count({section.id, key.key}) == 0) missing(section, key);
      }
    }
  }

 private:
  MergedSection& opened(const IniSection& section) {
    auto const known = std::find_if(out_.sections.begin(), out_.sections.end(), [&](const MergedSection& s) { return s.id == section.id; });
    if (known != out_.sections.end()) return *known;
    MergedSection fresh;
    fresh.id = section.id;
    fresh.line = section.line;
    fresh.file = section.file;
    return out_.sections.emplace_back(std::move(fresh));
  }

  void add(const KeySpec& key, const IniEntry& entry, MergedSection& into) {
    auto const same_key = [&](const IniEntry& e) { return e.key == entry.key; };
    auto const earlier = std::find_if(into.entries.begin(), into.entries.end(), same_key);
    bool const has_earlier = earlier != into.entries.end();
    bool const in_this_file = std::any_of(into.entries.begin(), into.entries.end(), [&](const IniEntry& e) { return same_key(e) && e.file == entry.file; });
    if (!entry.value.empty()) {
      if (key.repeatable || !has_earlier) {
        into.entries.push_back(entry);
      } else if (!in_this_file) {  // twice in one file: the schema has said so
        *earlier = entry;
      }
      tried_.insert({into.id, key.key});
      return;
    }
    if (!key.repeatable && in_this_file) return;
    tried_.insert({into.id, key.key});  // "has no value" is enough said; a value that is not right is not missing either
    bool const forgets = key.repeatable && into.id.kind != kIncludeKind && has_earlier && earlier->file != entry.file;
    if (!forgets) {
      wrong({*entry.file, entry.line, entry.key + " has no value: write one (in quotes if it begins with # or ;) or remove the line"});
    } else if (in_this_file) {
      wrong({*entry.file, entry.line, entry.key + " has no value, which forgets what earlier files said: write this line before the others of " + entry.key});
    } else {
      std::erase_if(into.entries, same_key);
      std::erase_if(into.emptied, same_key);
      into.emptied.push_back(entry);
      tried_.erase({into.id, key.key});
    }
  }

  void missing(const MergedSection& section, const KeySpec& key) {
    std::string const text = "the key " + std::string{key.key} + " is missing in " + section.id.to_string();
    for (const IniEntry& entry : section.emptied) {
      if (entry.key == key.key) return wrong({*entry.file, entry.line, text + ": this line takes out what earlier files said"});
    }
    wrong({*section.file, section.line, text});
  }

  void wrong(ConfigError error) { out_.errors.push_back(std::move(error)); }

  const Schema& schema_;
  MergedIni& out_;
  std::set<std::pair<SectionId, std::string_view>> tried_;  // keys that somebody wrote, well or not
};

}  // namespace

const MergedSection* MergedIni::find(const SectionId& id) const {
  auto const found = std::find_if(sections.begin(), sections.end(), [&](const MergedSection& s) { return s.id == id; });
  return found == sections.end() ? nullptr : &*found;
}

MergedIni merge(const Schema& schema, IniFiles files, std::string main) {
  MergedIni out;
  out.main = std::move(main);
  out.has_main = files.has_main;
  out.errors = std::move(files.errors);
  Merger merger{schema, out};
  for (const IniDocument& document : files.documents) {
    check(schema, document, out.errors);
    merger.add(document);
  }
  if (files.complete) merger.look_for_missing();
  std::erase_if(out.sections, [](const MergedSection& s) { return s.id.kind == kIncludeKind; });
  return out;
}

MergedIni read_merged(const Schema& schema, ConfigFiles& from, const std::string& main, MainFile when_missing) {
  return merge(schema, read_ini_files(from, main, when_missing), main);
}

}  // namespace farkeep
