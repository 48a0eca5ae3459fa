#include "common/config_report.hpp"
#include "common/json_path.hpp"
#include "common/say.hpp"

#include <boost/json/serialize.hpp>

namespace farkeep {

boost::json::object mistake_json(const ConfigError& error, const char* message_type) {
  boost::json::object o{{"message_type", message_type}, {"text", error.text}};
  put_path(o, "file", error.file);
  if (error.line != 0) o["line"] = error.line;
  return o;
}

void report(const std::vector<ConfigError>& mistakes, const std::vector<ConfigError>& warnings, bool json, const SayLine& say) {
  for (const ConfigError& e : mistakes) {
    if (json) say(boost::json::serialize(mistake_json(e)));
    else tell_text(e.to_string());
  }
  for (const ConfigError& e : warnings) {
    if (json) say(boost::json::serialize(mistake_json(e, "warning")));
    else tell_text(e.to_string() + " (a warning)");
  }
}

void show_config(const Schema& schema, const MergedIni& files, Show what, bool json, const SayLine& say) {
  auto const settings = settings_in_force(schema, files, what);
  if (!json) {
    std::string text = shown_text(files, settings);
    if (text.ends_with('\n')) text.pop_back();
    return say(text);
  }
  for (const ShownSetting& s : settings) {
    boost::json::object o{{"message_type", "setting"}, {"section", s.section.kind}, {"key", s.key}};
    if (!s.section.name.empty()) o["name"] = s.section.name;
    if (s.hidden) o["hidden"] = true;
    else o["value"] = s.value;
    if (s.place.file) {
      put_path(o, "file", *s.place.file);
      o["line"] = s.place.line;
    } else {
      o["default"] = true;
    }
    say(boost::json::serialize(o));
  }
}

void generate_config(const Schema& schema, bool only_required, bool json, const SayLine& say) {
  std::string text = only_required ? minimal(schema) : sample(schema);
  if (json) return say(boost::json::serialize(boost::json::object{{"message_type", "generated"}, {"text", text}}));
  text.pop_back();
  say(text);
}

}  // namespace farkeep
