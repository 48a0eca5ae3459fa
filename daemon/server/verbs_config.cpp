#include "command.hpp"
#include "common/config_report.hpp"

// The configuration: checked, shown as it is in force, and written anew.
namespace farkeep::server {
namespace {

SayLine to(App& app) {
  return [&app](const std::string& line) { app.out().line(line); };
}

}  // namespace

Exit config_check(App& app, const po::variables_map&, const Operands& operands) {
  no_operands(operands);
  const MergedIni files = app.read_files();
  auto const parsed = ServerConfig::parse(files);
  report(parsed.errors, open_secrets(ServerConfig::schema(), files), app.out().json(), to(app));
  boost::json::object o{{"message_type", "config"}, {"file", files.main}, {"found", files.has_main}, {"mistakes", parsed.errors.size()}};
  o["files"] = boost::json::array(files.files.begin(), files.files.end());
  if (parsed) o["data"] = parsed.value->data;
  if (parsed || app.out().json()) {
    std::string const files_text = files.files.size() > 1 ? ": fine, with " + std::to_string(files.files.size() - 1) + " further files" : ": fine";
    app.out().result(files.has_main ? files.main + files_text : files.main + " does not exist: " + (files.files.empty() ? "all defaults hold" : "its drop-ins are fine"), o);
  }
  return parsed ? Exit::done : Exit::usage;
}

void config_show_options(po::options_description& d) { d.add_options()("all", "also defaults, of what the files do not say"); }

Exit config_show(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  const MergedIni files = app.read_files();
  (void)config_of<ServerConfig>(files, tell_on_stderr);
  show_config(ServerConfig::schema(), files, values.count("all") ? Show::all : Show::written, app.out().json(), to(app));
  return Exit::done;
}

void config_generate_options(po::options_description& d) { d.add_options()("minimal", "only what must be filled in"); }

Exit config_generate(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  generate_config(ServerConfig::schema(), values.count("minimal") > 0, app.out().json(), to(app));
  return Exit::done;
}

}  // namespace farkeep::server
