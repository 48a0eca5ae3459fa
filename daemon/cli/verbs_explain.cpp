#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>

#include "agent/explain.hpp"
#include "agent/jobs.hpp"
#include "common/json_path.hpp"
#include "common/path_argument.hpp"
#include "platform/printable.hpp"
#include "verbs.hpp"

namespace farkeep::cli {
namespace {

void say(App& app, const std::string& job, const std::string& path, const Explanation& e) {
  if (app.options().json) {
    boost::json::object o{{"message_type", "explanation"}, {"job", job}, {"kept", e.kept}, {"why", e.why}};
    put_path(o, "path", path);
    put_path(o, "decides", e.decides);
    if (!e.file.empty()) {
      put_path(o, "file", e.file);
      o["line"] = e.line;
    }
    app.say(boost::json::serialize(o));
    return;
  }
  std::string text = fmt::format("job {}: {} is {}", job, printable(path), e.kept ? "backed up" : "left out");
  if (e.decides != path) text += " with " + printable(e.decides);
  text += ": " + e.why;
  if (!e.file.empty()) text += fmt::format(" ({}:{})", e.file, e.line);
  app.say(text);
}

}  // namespace

void explain_options(po::options_description& d) { d.add_options()("job", po::value<std::string>()->value_name("JOB"), "only this job"); }

Exit explain_path(App& app, const Values& values, const Operands& operands) {
  if (operands.empty()) throw failure(Errc::usage, "explain needs a path (farkeep explain /home/me/file)");
  std::vector<const JobConfig*> jobs;
  if (values.count("job")) jobs.push_back(&find_job(app.config(), values["job"].as<std::string>()));
  else for (auto& job : app.config().jobs) jobs.push_back(&job);
  for (auto& operand : operands) {
    const std::string path = path_argument("explaining the path", operand);
    for (const JobConfig* job : jobs) say(app, job->name, path, explain(system_sources(), backup_job(*job, system_disk()), path));
  }
  return Exit::done;
}

}  // namespace farkeep::cli
