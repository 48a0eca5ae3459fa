#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "agent/control.hpp"
#include "agent/way_out.hpp"
#include "base/limits.hpp"
#include "common/config_files.hpp"
#include "config/ini.hpp"
#include "config/nearest.hpp"
#include "platform/atomic_file.hpp"
#include "platform/edited_file.hpp"
#include "verbs.hpp"
#include "way.hpp"

// The way to the servers: shown, tried, changed, and written down for the firewall's administrator.
namespace farkeep::cli {
namespace {

constexpr std::string_view kModes[] = {"direct", "socks", "mapped", "http"};

AddressBook book_of(App& app) { return {app.state(), app.authority(), app.clock()}; }

std::uint64_t newest_serial(App& app) {
  if (!app.state().registered()) return 0;
  const AddressBook book = book_of(app);
  return book.announced().value_or(book.serial());
}

std::string way_text(const ConnectionConfig& c) {
  std::string out{kModes[static_cast<std::size_t>(c.mode)]};
  if (const ProxyConfig* proxy = c.proxy()) {
    out += " through " + proxy->proxy.to_string();
    if (c.mode == ConnectionMode::socks) out += c.socks_version == 4 ? ", SOCKS 4" : ", SOCKS 5";
    out += proxy->user.empty() ? ", no login" : ", as " + proxy->user;
  }
  if (c.source_ports) out += fmt::format(", from ports {}-{}", c.source_ports->low, c.source_ports->high);
  return out;
}

boost::json::object json_of(const NeededServer& s) {
  boost::json::object o{{"purpose", s.purpose}, {"destination", s.address.to_string()}};
  if (s.via) o["via"] = s.via->to_string();
  if (!s.subnet.empty()) o["subnet"] = s.subnet;
  if (s.from) o["from"] = rfc3339(*s.from);
  if (s.until) o["until"] = rfc3339(*s.until);
  return o;
}

// The exit code of the worst: an identity that is wrong weighs more than silence.  Announced servers need not be there yet.
Exit worst(App& app, const std::vector<Examination>& seen) {
  Exit out = Exit::done;
  for (auto& e : seen) {
    if (e.works() || e.server.from || e.server.until) continue;
    const Exit code = exit_code(make_error_code(e.code));
    if (out == Exit::done || code == Exit::refused) out = code;
  }
  if (const auto swapped = exchanged(seen))
    app.say(app.options().json ? boost::json::serialize(boost::json::object{{"message_type", "finding"}, {"text", *swapped}}) : *swapped);
  return out;
}

// "mode=socks", "socks.proxy=fw:1080", "mapped.destination=192.0.2.10 via fw:40001"; nothing behind "=" takes the key out.
struct Change {
  SectionId section;
  std::string key, value;
};
Change parse_change(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos) throw failure(Errc::usage, "'" + text + "' changes nothing: write KEY=VALUE, such as mode=socks or socks.proxy=fw.example.net:1080");
  std::string name = text.substr(0, equals);
  Change c;
  c.value = text.substr(equals + 1);
  const std::size_t dot = name.find('.');
  c.section.kind = dot == name.npos ? "connection" : name.substr(0, dot);
  c.key = dot == name.npos ? name : name.substr(dot + 1);
  for (const char* allowed : {"connection", "socks", "mapped", "http"})
    if (c.section.kind == allowed) return c;
  throw failure(Errc::usage, "'" + text + "': only [connection], [socks], [mapped] and [http] are changed here");
}

// A key given twice has two lines; one without values has none.
using Wanted = std::map<std::pair<SectionId, std::string>, std::vector<std::string>>;

Wanted wanted_by(const std::vector<std::string>& operands) {
  Wanted wanted;
  for (auto& operand : operands) {
    Change c = parse_change(operand);
    auto& values = wanted[{c.section, c.key}];
    if (!c.value.empty()) values.push_back(std::move(c.value));
  }
  return wanted;
}

// Only the file that was named is ever edited.
IniDocument changed(const std::string& file, const Wanted& wanted) {
  const auto text = read_file(system_disk(), file, limits::kMaxIniFile);
  if (!text) throw failure(Errc::configuration, "reading the configuration " + file + ": there is no such file");
  auto parsed = IniDocument::parse(as_text(*text), file);
  if (!parsed.value) throw failure(Errc::configuration, "reading the configuration " + file + ": correct it first (farkeep config check)");
  IniDocument document = std::move(*parsed.value);
  for (auto& [where, values] : wanted) {
    const auto done = values.size() == 1 ? document.set(where.first, where.second, values[0]) : document.set_all(where.first, where.second, values);
    if (!done) throw failure(done.error(), "changing " + where.second + " in " + where.first.to_string() + " of " + file);
  }
  return document;
}

// What other files say may outweigh the change, or add to it: then it would be written, and not be in force.
void refuse_outweighed(const MergedIni& after, const Wanted& wanted) {
  for (auto& [where, values] : wanted) {
    const MergedSection* section = after.find(where.first);
    if (!section) continue;
    std::vector<std::string> in_force;
    const IniEntry* other = nullptr;
    for (auto& entry : section->entries) {
      if (entry.key != where.second) continue;
      in_force.push_back(entry.value);
      if (*entry.file != after.main) other = &entry;
    }
    if (in_force == values) continue;
    for (auto& entry : section->emptied)
      if (!other && entry.key == where.second) other = &entry;
    if (!other) continue;  // it is wrong in another way, which the check of the whole says
    throw failure::whole(Errc::configuration, "changing " + where.second + " in " + where.first.to_string() + " of " + after.main + ": " + *other->file + ":" +
                                                  std::to_string(other->line) + " has a say in it, and is not changed here; take that line out, or change it there. Nothing was written");
  }
}

}  // namespace

std::vector<NeededServer> servers_of(App& app) {
  if (!app.state().registered()) return needed_servers(app.config(), nullptr);
  const AddressBook book = book_of(app);
  return needed_servers(app.config(), &book);
}

// 1. change the text  2. does it decide, and is it right, with all other files?  3. does it work?  4. write it  5. tell the daemon
Exit change_way(App& app, const std::vector<std::string>& changes, Trial trial) {
  const Wanted wanted = wanted_by(changes);
  const IniDocument document = changed(app.options().config, wanted);
  DiskConfigFiles disk;
  ChangedConfigFiles files(disk, app.options().config, document.text());
  MergedIni after = read_merged(AgentConfig::schema(), files, app.options().config);
  refuse_outweighed(after, wanted);
  auto parsed = AgentConfig::parse(std::move(after));
  for (auto& e : parsed.errors) tell_on_stderr(e.to_string());
  if (!parsed.value) throw failure(Errc::configuration, "changing the connection: with this change the configuration would be wrong; nothing was written");
  app.replace_config(std::move(*parsed.value));
  if (trial == Trial::first) {
    const Exit code = worst(app, examine_all(app));
    if (code != Exit::done) {
      app.say("nothing was written (to write it all the same: --no-test; to find out why: farkeep doctor)");
      return code;
    }
  }
  replace_edited_file(app.options().config, as_bytes(document.text()));
  std::optional<std::string> answer;
  auto tell = [&]() -> task<void> { answer = co_await ask_daemon(app.timers(), app.state().folder(), "reload"); };
  app.run(tell());
  if (answer && *answer != "ok") throw failure(Errc::configuration, "telling the daemon about the new settings, which are written: " + *answer);
  app.say(app.options().config + " is changed" + (answer ? ", and the daemon uses it" : "; no daemon runs here"));
  return Exit::done;
}

Exit connection_show(App& app, const Values&, const Operands&) {
  const auto servers = servers_of(app);
  const auto known = app.state().endpoints();
  if (app.options().json) {
    boost::json::array list;
    for (auto& s : servers) list.push_back(json_of(s));
    app.say(boost::json::serialize(boost::json::object{{"message_type", "connection"}, {"mode", kModes[static_cast<std::size_t>(app.config().connection.mode)]},
                                                       {"way", way_text(app.config().connection)}, {"directory", newest_serial(app)}, {"servers", std::move(list)}}));
    return Exit::done;
  }
  app.say("way: " + way_text(app.config().connection));
  app.say(mapping_table(servers, app.config().connection.mode));
  for (auto& e : known.endpoint()) {
    if (e.failures() == 0 && e.last_good_ns() == 0) continue;
    app.say(e.failures() ? fmt::format("{} failed {} times in a row: {}", e.address(), e.failures(), e.last_error())
                         : fmt::format("{} worked {}", e.address(), rfc3339(WallTime{std::chrono::nanoseconds(e.last_good_ns())})));
  }
  for (auto& s : known.segment())
    app.say(fmt::format("{} from the network of {}: large packets vanish on the way, segments of {} bytes are used (seen {})", s.address(), s.network(), s.bytes(),
                        rfc3339(WallTime{std::chrono::nanoseconds(s.learnt_ns())})));
  if (!app.state().registered()) app.say("This machine is not registered yet; which servers keep its data is known then, and they may need mappings of their own.");
  return Exit::done;
}

void connection_map_options(po::options_description& d) { d.add_options()("csv", "for a spreadsheet"); }

Exit connection_map(App& app, const Values& values, const Operands&) {
  const auto servers = servers_of(app);
  const ConnectionMode mode = app.config().connection.mode;
  std::string text = values.count("csv") ? mapping_csv(servers, mode) : "Destinations to map on the firewall (TCP, outbound; choose any free firewall port for each)\n" + mapping_table(servers, mode);
  if (text.ends_with('\n')) text.pop_back();
  app.say(text);
  return Exit::done;
}

Exit connection_test(App& app, const Values&, const Operands&) {
  return worst(app, examine_all(app));
}

void connection_set_options(po::options_description& d) { d.add_options()("no-test", "writes without trying whether it works"); }

Exit connection_set(App& app, const Values& values, const Operands& operands) {
  if (operands.empty()) throw failure(Errc::usage, "connection set needs changes: KEY=VALUE… (mode=socks socks.proxy=fw.example.net:1080)");
  return change_way(app, operands, values.count("no-test") ? Trial::none : Trial::first);
}

void connection_rules_options(po::options_description& d) {
  std::string all;
  for (auto f : rule_formats()) all += (all.empty() ? "" : " ") + std::string(f);
  d.add_options()("for", po::value<std::string>()->value_name("FORMAT")->default_value("nftables"), ("one of: " + all).c_str())(
      "gateway", "for a firewall between this machine and the servers (the default)")("host", "for this machine's own packet filter");
}

Exit connection_rules(App& app, const Values& values, const Operands&) {
  if (values.count("gateway") && values.count("host")) throw failure(Errc::usage, "connection rules: either --gateway or --host");
  const std::string wanted = values["for"].as<std::string>();
  const auto formats = rule_formats();
  const auto found = std::find(formats.begin(), formats.end(), wanted);
  if (found == formats.end()) {
    const auto near = nearest(wanted, formats);
    throw failure(Errc::usage, "connection rules: there is no format '" + wanted + "'" + (near ? " (did you mean '" + std::string(*near) + "'?)" : ""));
  }
  const auto place = values.count("host") ? FirewallPlan::Place::host : FirewallPlan::Place::gateway;
  const FirewallPlan plan = firewall_plan(app.config().connection, servers_of(app), newest_serial(app), app.clock().wall(), place);
  std::string text = firewall_rules(plan, static_cast<RuleFormat>(found - formats.begin()));
  if (text.ends_with('\n')) text.pop_back();
  app.say(text);
  return Exit::done;
}

}  // namespace farkeep::cli
