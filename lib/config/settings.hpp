#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "config/ini.hpp"
#include "config/schema.hpp"
#include "config/value.hpp"

namespace farkeep {

/// One section of a configuration that check() has looked at, with defaults where the files say nothing.
/// A value that check() refused reads as its default, so that the rest can still be looked at.
/// The section may be absent (null).  Asking for a key that the schema does not declare is our own bug.
class Settings {
 public:
  Settings(const SectionSpec& spec, const IniSection* section) : spec_(spec), section_(section) {}

  /// A file has the key.
  bool has(std::string_view key) const { return entry(key) != nullptr; }
  /// The place of the key's first entry, else of the section, else none: where a message about it belongs.
  IniPlace place(std::string_view key) const {
    const IniEntry* const found = entry(key);
    return found != nullptr ? found->place() : section_ != nullptr ? section_->place() : IniPlace{};
  }
  /// All entries of a key in order; the defaults do not appear.
  std::vector<const IniEntry*> entries(std::string_view key) const {
    std::vector<const IniEntry*> out;
    if (section_ == nullptr) return out;
    for (const IniEntry& e : section_->entries) {
      if (e.key == key) out.push_back(&e);
    }
    return out;
  }

  /// The key's value by one of the parsers of value.hpp and its neighbours; the parser's T{} if there is no default
  /// either.
  template <class Parse>
  auto get(std::string_view key, Parse parse) const {
    if (const IniEntry* const found = entry(key)) {
      if (auto value = parse(std::string_view{found->value})) return std::move(*value);
    }
    return fallback(key, parse);
  }

  /// The values of a repeatable key; its default as the only one if the file has none.
  template <class Parse>
  auto get_all(std::string_view key, Parse parse) const {
    std::vector<decltype(fallback(key, parse))> out;
    for (const IniEntry* e : entries(key)) {
      if (auto value = parse(std::string_view{e->value})) out.push_back(std::move(*value));
    }
    if (!has(key) && !spec(key).fallback.empty()) out.push_back(fallback(key, parse));
    return out;
  }

  /// An enum whose values stand in the order of the key's choices.
  template <class Enum>
  Enum choice(std::string_view key) const {
    auto const parse = [&](std::string_view text) { return parse_choice(text, spec(key).choices); };
    return static_cast<Enum>(get(key, parse));
  }

 private:
  const KeySpec& spec(std::string_view key) const {
    const KeySpec* const found = spec_.find(key);
    FARKEEP_CHECK(found != nullptr);
    return *found;
  }
  const IniEntry* entry(std::string_view key) const {
    FARKEEP_CHECK(spec_.find(key) != nullptr);
    return section_ != nullptr ? section_->find(key) : nullptr;
  }
  template <class Parse>
  auto fallback(std::string_view key, Parse parse) const {
    using T = typename decltype(parse(std::string_view{}))::value_type;
    std::string_view const text = spec(key).fallback;
    if (text.empty()) return T{};
    auto value = parse(text);
    FARKEEP_CHECK(value.has_value());
    return T{std::move(*value)};
  }

  const SectionSpec& spec_;
  const IniSection* section_;
};

/// Reports every entry of a repeatable key that means the same as an earlier one.
template <class Parse>
void no_repeats(const Settings& from, std::string_view key, Parse parse, std::vector<ConfigError>& errors) {
  std::map<decltype(from.get(key, parse)), IniPlace> seen;
  for (const IniEntry* entry : from.entries(key)) {
    auto value = parse(std::string_view{entry->value});
    if (!value) continue;
    auto const [first, is_new] = seen.try_emplace(std::move(*value), entry->place());
    if (is_new) continue;
    errors.push_back({*entry->file, entry->line,
                      std::string{key} + ": " + in_quotes(entry->value) + " is the same as in " + first->second.seen_from(entry->place())});
  }
}

}  // namespace farkeep
