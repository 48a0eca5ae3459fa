#include "config/schema.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "config/address.hpp"
#include "config/command_source.hpp"
#include "config/exclude.hpp"
#include "config/include.hpp"
#include "config/nearest.hpp"
#include "config/rate.hpp"
#include "config/schedule.hpp"
#include "config/value.hpp"

namespace farkeep {
namespace {

template <class T>
std::optional<std::string> problem(const Value<T>& value) {
  return value ? std::nullopt : std::optional{value.error().text};
}

/// For durations in seconds and sizes in bytes, whose bounds are written in the units of the schema's default.
std::optional<std::string> outside(const KeySpec& spec, std::uint64_t number, std::string_view text,
                                   std::string_view unit) {
  if (number >= spec.least && number <= spec.most) return std::nullopt;
  bool const low = number < spec.least;
  return in_quotes(text) + (low ? " is less than " : " is more than ") + std::to_string(low ? spec.least : spec.most) +
         std::string{unit};
}

std::optional<std::string> pattern_problem(std::string_view text) {
  if (text.starts_with('#'))
    return in_quotes(text) + " is a comment to exclude rules: write \\# for a name that begins with #";
  ExcludeLine const line[] = {{std::string{text}, std::string{}, 0}};
  auto parsed = ExcludeRules::parse(line);
  return parsed ? std::nullopt : std::optional{std::move(parsed.errors[0].text)};
}

/// What is wrong with a value, or nothing.
std::optional<std::string> problem(const KeySpec& spec, std::string_view text) {
  switch (spec.type) {
    case SettingType::label:
      return problem(parse_label(text));
    case SettingType::path:
      return problem(parse_path(text));
    case SettingType::number:
      return problem(parse_number(text, spec.least, spec.most));
    case SettingType::boolean:
      return problem(parse_boolean(text));
    case SettingType::choice:
      return problem(parse_choice(text, spec.choices));
    case SettingType::listen:
      return problem(parse_address(text));
    case SettingType::proxy:
      return problem(parse_host(text, static_cast<std::uint16_t>(spec.least)));
    case SettingType::mapping:
      return problem(parse_mapping(text));
    case SettingType::port_range:
      return problem(parse_port_range(text));
    case SettingType::secret:
      return problem(parse_secret(text));
    case SettingType::login:
      return problem(parse_login(text));
    case SettingType::command:
      return problem(parse_command(text));
    case SettingType::command_source:
      return problem(parse_command_source(text));
    case SettingType::file_name:
      return problem(parse_file_name(text));
    case SettingType::url:
      return problem(parse_url(text));
    case SettingType::mail:
      return problem(parse_mail(text));
    case SettingType::schedule:
      return problem(Schedule::parse(text));
    case SettingType::span:
      return problem(WeeklySpan::parse(text));
    case SettingType::rate:
      return problem(RateRule::parse(text));
    case SettingType::time_zone:
      return problem(NamedTimeZone::parse(text));
    case SettingType::pattern:
      return pattern_problem(text);
    case SettingType::include:
      return problem(parse_include(text));
    case SettingType::duration: {
      auto const value = parse_duration_or_never(text);
      if (value && !*value) return spec.or_never ? std::nullopt : problem(parse_duration(text));
      if (!value && spec.or_never) return value.error().text + ", or never";
      return value ? outside(spec, static_cast<std::uint64_t>((*value)->count()), text, "s") : problem(value);
    }
    case SettingType::size: {
      auto const value = parse_size(text);
      return value ? outside(spec, *value, text, " bytes") : problem(value);
    }
    case SettingType::server: {
      auto const value = parse_address(text);
      if (!value || !value->is_any()) return problem(value);
      return in_quotes(text) + " is an address to listen on: name the server's own";
    }
  }
  return std::nullopt;
}

std::string hint(std::string_view word, std::span<const std::string_view> known) {
  auto const near = nearest(word, known);
  return near ? ": did you mean " + std::string{*near} + "?" : "";
}

class Checker {
 public:
  Checker(const Schema& schema, const IniDocument& document, std::vector<ConfigError>& errors)
      : schema_(schema), document_(document), errors_(errors) {}

  void run() {
    for (const IniSection& section : document_.sections()) check_section(section);
  }

 private:
  void check_section(const IniSection& section) {
    const SectionSpec* const spec = schema_.find(section.id.kind);
    if (spec == nullptr) {
      std::vector<std::string_view> kinds;
      for (const SectionSpec& s : schema_.sections) kinds.push_back(s.kind);
      return wrong(section.line, "unknown section " + section.id.to_string() + hint(section.id.kind, kinds));
    }
    std::string const kind{spec->kind};
    if (spec->is_named() && section.id.name.empty()) {
      wrong(section.line,
            "the section [" + kind + "] needs a name: write [" + kind + " " + std::string{spec->example_name} + "]");
    } else if (!spec->is_named() && !section.id.name.empty()) {
      wrong(section.line, "the section [" + kind + "] takes no name");
    }
    std::map<std::string_view, int> seen;
    for (const IniEntry& entry : section.entries) check_entry(*spec, entry, seen);
  }

  void check_entry(const SectionSpec& section, const IniEntry& entry, std::map<std::string_view, int>& seen) {
    const KeySpec* const spec = section.find(entry.key);
    if (spec == nullptr) return wrong(entry.line, unknown_key(section, entry.key));
    auto const [first, is_new] = seen.try_emplace(spec->key, entry.line);
    if (!is_new && !spec->repeatable) {
      return wrong(entry.line, entry.key + " was given already in line " + std::to_string(first->second));
    }
    if (entry.value.empty()) return;
    if (auto text = problem(*spec, entry.value)) wrong(entry.line, entry.key + ": " + *text);
  }

  std::string unknown_key(const SectionSpec& section, std::string_view key) const {
    std::string text = "unknown key " + in_quotes(key) + " in [" + std::string{section.kind} + "]";
    std::vector<std::string_view> keys;
    for (const KeySpec& spec : section.keys) keys.push_back(spec.key);
    if (std::string const near = hint(key, keys); !near.empty()) return text + near;
    for (const SectionSpec& other : schema_.sections) {
      if (other.find(key) != nullptr) return text + ": it belongs to [" + std::string{other.kind} + "]";
    }
    return text;
  }

  void wrong(int line, std::string text) { errors_.push_back({document_.file(), line, std::move(text)}); }

  const Schema& schema_;
  const IniDocument& document_;
  std::vector<ConfigError>& errors_;
};

}  // namespace

const KeySpec* SectionSpec::find(std::string_view key) const {
  auto const found = std::find_if(keys.begin(), keys.end(), [&](const KeySpec& k) { return k.key == key; });
  return found == keys.end() ? nullptr : &*found;
}

const SectionSpec* Schema::find(std::string_view kind) const {
  auto const found =
      std::find_if(sections.begin(), sections.end(), [&](const SectionSpec& s) { return s.kind == kind; });
  return found == sections.end() ? nullptr : &*found;
}

void check(const Schema& schema, const IniDocument& document, std::vector<ConfigError>& errors) {
  Checker{schema, document, errors}.run();
}

}  // namespace farkeep
