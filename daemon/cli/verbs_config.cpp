#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>

#include "agent/jobs.hpp"
#include "agent/scanner.hpp"
#include "common/config_report.hpp"
#include "common/json_path.hpp"
#include "platform/printable.hpp"
#include "verbs.hpp"

// The configuration: checked, shown as it is in force, and written anew.
namespace farkeep::cli {
namespace {

SayLine to(App& app) {
  return [&app](const std::string& line) { app.say(line); };
}

void no_operands(const Operands& operands) {
  if (!operands.empty()) throw failure(Errc::usage, "unexpected operand '" + operands.front() + "'");
}

// Where a mistake belongs that shows only when the key's value is used.
ConfigError at_key(const MergedIni& files, const SectionId& id, std::string_view key, std::string text) {
  const MergedSection* const section = files.find(id);
  const IniEntry* const entry = section ? section->find(key) : nullptr;
  const IniPlace place = entry ? entry->place() : section ? section->place() : IniPlace{};
  return {place.file ? *place.file : files.main, place.line, std::move(text)};
}

// The line that says this path.
ConfigError at_path(const MergedIni& files, const std::string& job, const std::string& source, const std::string& text) {
  ConfigError out = at_key(files, {"job", job}, "path", "path " + printable(source) + ": " + text);
  const MergedSection* const section = files.find({"job", job});
  if (!section) return out;
  for (auto& entry : section->entries) {
    if (entry.key != "path") continue;
    const auto path = parse_path(entry.value);
    if (!path || *path != source) continue;
    out.file = *entry.file;
    out.line = entry.line;
  }
  return out;
}

// What the files name is opened, too: the authority, every job's exclude_file, and the way to its paths.  One that is not there now may be mounted when the job runs: a warning.
std::vector<ConfigError> mistakes_in_use(App& app, const MergedIni& files, std::vector<ConfigError>& warnings) {
  std::vector<ConfigError> out;
  try {
    (void)app.authority();
  } catch (const failure& f) {
    out.push_back(at_key(files, {"registration", ""}, "ca_file", f.what()));
  }
  for (auto& job : app.config().jobs) {
    try {
      (void)backup_job(job, system_disk());
    } catch (const failure& f) {
      out.push_back(at_key(files, {"job", job.name}, "exclude_file", f.what()));
    }
    std::string systems;
    for (auto& path : never_entered(job.paths)) systems += (systems.empty() ? "" : ", ") + path;
    if (!systems.empty()) warnings.push_back(at_path(files, job.name, "/", systems + " are not entered, for the running kernel and system make them up (name one as a path to back it up)"));
    for (auto& source : look_at_sources(system_sources(), job.paths))
      if (!source.problem.empty()) (source.link != SourceFound::Link::none ? out : warnings).push_back(at_path(files, job.name, source.path, source.problem));
  }
  return out;
}

}  // namespace

Exit config_check(App& app, const Values&, const Operands& operands) {
  no_operands(operands);
  const MergedIni files = read_config_files(AgentConfig::schema(), app.options().config);
  auto parsed = AgentConfig::parse(files);
  std::vector<ConfigError> mistakes = std::move(parsed.errors), warnings = open_secrets(AgentConfig::schema(), files);
  if (parsed.value) {
    app.replace_config(std::move(*parsed.value));
    mistakes = mistakes_in_use(app, files, warnings);
  }
  report(mistakes, warnings, app.options().json, to(app));
  if (app.options().json) {
    boost::json::object o{{"message_type", "config"}, {"mistakes", mistakes.size()}};
    put_path(o, "file", files.main);
    put_paths(o, "files", {files.files.begin(), files.files.end()});
    app.say(boost::json::serialize(o));
  } else if (mistakes.empty()) {
    app.say(fmt::format("{} is right: {} files, {} jobs, {} registration servers", files.main, files.files.size(), app.config().jobs.size(), app.config().servers.size()));
  }
  return mistakes.empty() ? Exit::done : Exit::usage;
}

void config_show_options(po::options_description& d) { d.add_options()("all", "also defaults, of what the files do not say"); }

Exit config_show(App& app, const Values& values, const Operands& operands) {
  no_operands(operands);
  const MergedIni files = read_config_files(AgentConfig::schema(), app.options().config);
  (void)config_of<AgentConfig>(files, tell_on_stderr);
  show_config(AgentConfig::schema(), files, values.count("all") ? Show::all : Show::written, app.options().json, to(app));
  return Exit::done;
}

void config_generate_options(po::options_description& d) { d.add_options()("minimal", "only what must be filled in"); }

Exit config_generate(App& app, const Values& values, const Operands& operands) {
  no_operands(operands);
  generate_config(AgentConfig::schema(), values.count("minimal") > 0, app.options().json, to(app));
  return Exit::done;
}

}  // namespace farkeep::cli
