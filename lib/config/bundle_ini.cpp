#include "config/bundle_ini.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "config/written_settings.hpp"

namespace farkeep {
namespace {

std::string head(const ProfileConfig& profile, const BundleTarget& target, std::string_view software) {
  std::string who = target.is_host ? "machine " + target.bundle : "";
  if (target.group != nullptr) (who += who.empty() ? "class " : ", class ") += target.group->name;
  if (who.empty()) who = "all machines";
  return "# Farkeep agent of " + profile.organisation + ": " + who + ".\n" + "# Made by farkeep-deploy (" + std::string{software} +
         ") of the organisation's profile: change it there, and deploy anew.\n" +
         "# What is changed here all the same counts, and farkeep status says so; farkeep-deploy diff shows what it is.\n\n" +
         "[deployment]\nbundle = " + target.bundle + "\n";
}

bool is_for(const IniSection& job, const ClassConfig* group) {
  if (job.find("class") == nullptr || group == nullptr) return true;
  return std::any_of(job.entries.begin(), job.entries.end(), [&](const IniEntry& e) { return e.key == "class" && e.value == group->name; });
}

/// Builds the text key by key; every value is written by the grammar's own rules.
class Text {
 public:
  explicit Text(const std::string& start) {
    auto parsed = IniDocument::parse(start, std::string{kDeployedConfig});
    FARKEEP_CHECK(parsed);
    document_ = std::move(*parsed.value);
  }

  void set(const SectionId& section, std::string_view key, std::span<const std::string> values) {
    value_or_throw(document_.set_all(section, key, values),
                   "writing " + std::string{key} + " in " + section.to_string() + " of a bundle's agent.ini");
  }
  void set(const SectionId& section, std::string_view key, std::string_view value) {
    std::string const one[] = {std::string{value}};
    set(section, key, one);
  }

  /// What is the default is left out.
  void copy(const SectionSpec& spec, const IniSection& from) {
    for (const KeySpec& key : spec.keys) {
      std::vector<std::string> values;
      for (const IniEntry& entry : from.entries)
        if (entry.key == key.key) values.push_back(entry.value);
      if (values.empty() || (values.size() == 1 && values[0] == key.fallback)) continue;
      set(from.id, key.key, values);
    }
  }

  const IniDocument& document() const { return document_; }

 private:
  IniDocument document_;
};

}  // namespace

std::string bundle_ini(const ProfileConfig& profile, const BundleTarget& target, std::string_view software) {
  Text out{head(profile, target, software)};
  if (target.is_host) out.set({"agent", ""}, "name", target.bundle);
  for (const SectionSpec& spec : AgentConfig::schema().sections) {
    if (spec.kind == "deployment") continue;
    for (const IniSection& section : profile.document.sections()) {
      if (section.id.kind == spec.kind && (spec.kind != "job" || is_for(section, target.group))) out.copy(spec, section);
    }
  }
  out.set({"registration", ""}, "ca_file", kDeployedAuthority);
  out.set({"registration", ""}, "token_file", kDeployedToken);
  if (!profile.agent.escrow_key_file.empty()) out.set({"escrow", ""}, "public_key_file", kDeployedEscrowKey);
  out.set({"deployment", ""}, "digest", settings_digest(out.document().sections()).hex());
  FARKEEP_CHECK(AgentConfig::parse(out.document().text(), std::string{kDeployedConfig}));
  return out.document().text();
}

}  // namespace farkeep
