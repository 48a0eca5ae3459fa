#include <spdlog/fmt/fmt.h>

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include "agent/doctor.hpp"
#include "agent/secrets.hpp"
#include "verbs.hpp"
#include "way.hpp"

// One sentence on what stands in the way, and who must do what.
namespace farkeep::cli {
namespace {

void show(App& app, const Examination& e) {
  if (!app.options().json) {
    app.say(fmt::format("{} {} ({}): {} after {} ms{}", e.works() ? "ok    " : "FAILED", e.server.address.to_string(), e.server.purpose, name_of(e.reached), e.took.count(),
                        ": " + e.text));
    return;
  }
  boost::json::object o{{"message_type", "examination"}, {"destination", e.server.address.to_string()}, {"purpose", e.server.purpose}, {"works", e.works()},
                        {"reached", name_of(e.reached)}, {"ms", e.took.count()}, {"text", e.text}};
  if (e.server.via) o["via"] = e.server.via->to_string();
  if (e.server.from) o["from"] = rfc3339(*e.server.from);
  if (e.trouble) o["proxy_trouble"] = name_of(*e.trouble);
  if (e.skew) o["clock_skew_s"] = e.skew->count();
  app.say(boost::json::serialize(o));
}

void show(App& app, const Verdict& v) {
  if (app.options().json) {
    boost::json::array evidence;
    for (auto& line : v.evidence) evidence.emplace_back(line);
    app.say(boost::json::serialize(boost::json::object{{"message_type", "verdict"}, {"finding", v.finding}, {"sentence", v.sentence}, {"who", name_of(v.who)}, {"change", v.change},
                                                       {"evidence", std::move(evidence)}, {"exit", static_cast<int>(v.exit)}}));
    return;
  }
  app.say("");
  app.say("Finding: " + v.sentence + ".");
  if (v.who != Who::nobody) app.say(fmt::format("Who:     {}", name_of(v.who)));
  if (!v.change.empty()) app.say("Change:  " + v.change + ".");
}

}  // namespace

std::vector<Examination> examine_all(App& app, Extras* extras, Doctor::Idle idle) {
  const ConnectionConfig& connection = app.config().connection;
  const SecretText password = proxy_password(connection);
  const AgentCredentials* keys = app.state().registered() ? &app.credentials() : nullptr;
  app.logins().forget_time();  // whoever examines wants to know
  std::vector<Examination> seen;
  auto work = [&]() -> task<void> {
    const Executor executor = co_await boost::asio::this_coro::executor;
    SystemResolver resolver(executor, app.timers());
    Doctor physician(executor, app.timers(), app.clock(), resolver, app.random(), connection, password, app.trusted(), keys, app.logins());
    for (auto& s : servers_of(app)) {
      Examination e = co_await physician.examine(s);
      show(app, e);
      seen.push_back(std::move(e));
    }
    if (extras) *extras = co_await physician.probe_further(seen, idle);
  };
  app.run(work());
  return seen;
}

void doctor_options(po::options_description& d) { d.add_options()("idle", "tries whether connections survive silence, too: takes a minute"); }

Exit doctor(App& app, const Values& values, const Operands&) {
  Extras extras;
  const std::vector<Examination> seen = examine_all(app, &extras, values.count("idle") ? Doctor::Idle::probe : Doctor::Idle::skip);
  const Verdict v = judge(app.config().connection, seen, extras);
  show(app, v);
  return v.exit;
}

}  // namespace farkeep::cli
