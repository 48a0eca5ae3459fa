#include <boost/json.hpp>

#include "bundle_check.hpp"
#include "bundle_folder.hpp"
#include "command.hpp"
#include "common/config_files.hpp"
#include "config/written_settings.hpp"
#include "common/say.hpp"

// verify, diff: is a bundle what it should be, and is a machine what the bundle made of it?
namespace farkeep::deploy {
namespace {

MergedIni read_settings(App& app, const std::string& given) {
  std::string const inside = given + "/agent.ini";
  std::string const path = app.disk().exists(inside) ? inside : given;
  MergedIni files = read_config_files(AgentConfig::schema(), path);
  for (auto const& error : files.errors) tell_text(error.to_string());
  if (!files.has_main) throw failure(Errc::configuration, "reading the settings " + path + ": correct the lines above");
  return files;
}

bool is_secret(const SettingDifference& d) {
  auto const* section = AgentConfig::schema().find(d.section.kind);
  auto const* key = section ? section->find(d.key) : nullptr;
  // What nobody knows may be a secret with a typing error in its name.
  return key == nullptr || key->type == SettingType::secret;
}

std::string side(const std::vector<std::string>& values, bool secret, const std::string& file, const IniPlace& place) {
  if (values.empty()) return "not set in " + file;
  std::string out;
  for (auto const& v : values) out += (out.empty() ? "" : ", ") + in_quotes(v);
  return (secret ? "(not shown)" : out) + " (" + *place.file + ":" + std::to_string(place.line) + ")";
}

boost::json::value json_side(const std::vector<std::string>& values, bool secret, const IniPlace& place) {
  if (values.empty()) return nullptr;
  boost::json::array list;
  if (!secret)
    for (auto const& v : values) list.emplace_back(v);
  return boost::json::object{{"file", *place.file}, {"line", place.line}, {"values", std::move(list)}};
}

}  // namespace

Exit verify(App& app, const po::variables_map&, const Operands& operands) {
  auto const findings = check_bundle(read_bundle(app.disk(), only_operand(operands, "the bundle's folder")), app.clock().wall(), app.random());
  for (auto const& f : findings) {
    if (!f.problem && app.options().quiet && !app.options().json) continue;
    app.result((f.problem ? "WRONG  " : "ok     ") + f.what + ": " + f.text,
               {{"message_type", "finding"}, {"what", f.what}, {"ok", !f.problem}, {"text", f.text}});
  }
  return exit_of(findings);
}

Exit diff(App& app, const po::variables_map&, const Operands& operands) {
  if (operands.size() != 2) throw failure(Errc::usage, "diff needs two operands: a bundle or an agent.ini, and an agent.ini");
  auto const before = read_settings(app, operands[0]), after = read_settings(app, operands[1]);
  auto const differences = settings_differences(before.sections, after.sections);
  for (auto const& d : differences) {
    bool const secret = is_secret(d);
    app.result(d.section.to_string() + " " + d.key + "\n  - " + side(d.before, secret, before.main, d.place_before) + "\n  + " +
                   side(d.after, secret, after.main, d.place_after),
               {{"message_type", "difference"},
                {"section", d.section.to_string()},
                {"key", d.key},
                {"before", json_side(d.before, secret, d.place_before)},
                {"after", json_side(d.after, secret, d.place_after)}});
  }
  if (differences.empty()) app.hint("no setting differs");
  return differences.empty() ? Exit::done : Exit::failed;
}

}  // namespace farkeep::deploy
