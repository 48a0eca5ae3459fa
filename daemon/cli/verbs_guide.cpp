#include <spdlog/fmt/fmt.h>

#include <iostream>

#include "config/address.hpp"
#include "config/connection_config.hpp"
#include "verbs.hpp"
#include "way.hpp"
#include "common/say.hpp"

// The questions about the firewall, in the order in which the service's own page asks them; or without questions, from options.
namespace farkeep::cli {
namespace {

// A line from whoever sits there; the words stand on standard error, so that results stay apart.
std::string ask(const std::string& question, const std::string& otherwise = {}) {
  ask_text(question + (otherwise.empty() ? "" : " [" + otherwise + "]") + ": ");
  std::string line;
  if (!std::getline(std::cin, line)) throw failure(Errc::usage, "setup: there is nobody to answer (give --mode and what it needs instead)");
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.pop_back();
  return line.empty() ? otherwise : line;
}

template <class Parse>
std::string ask_until(const std::string& question, const std::string& otherwise, Parse parse) {
  for (;;) {
    const std::string text = ask(question, otherwise);
    auto value = parse(text);
    if (value) return value->to_string();
    tell_text(value.error().text);
  }
}

void ask_login(const std::string& section, std::vector<std::string>& changes) {
  const std::string user = ask("User, if the proxy demands a login", "none");
  if (user == "none") {
    for (const char* key : {"user", "password", "password_file", "password_command"}) changes.push_back(section + "." + key + "=");
    return;
  }
  changes.push_back(section + ".user=" + user);
  changes.push_back(section + ".password_file=" + ask("File whose first line is the password"));
}

void ask_mappings(App& app, std::vector<std::string>& changes) {
  const auto servers = servers_of(app);
  tell_text("\nThese addresses must be mapped on the firewall, TCP, outbound:\n" + mapping_table(servers, ConnectionMode::mapped));
  for (auto& s : servers) {
    const std::string there = s.via ? s.via->to_string() : "not yet";
    const auto parse = [](std::string_view text) -> Value<HostAddress> {
      if (text == "not yet") return HostAddress{};
      return parse_host(text, 0);
    };
    const std::string via = ask_until("Firewall address and port for " + s.address.to_string() + " (" + s.purpose + ")", there, parse);
    if (via != HostAddress{}.to_string()) changes.push_back("mapped.destination=" + s.address.to_string() + " via " + via);
  }
}

std::vector<std::string> from_answers(App& app) {
  const ConnectionConfig& now = app.config().connection;
  tell_text("How does this machine reach the data centres?\n  1  no proxy\n  2  use SOCKS proxy firewall\n  3  use proxy firewall server(s): a firewall port for each data centre\n  4  use HTTP proxy\n");
  std::vector<std::string> changes;
  for (;;) {
    const std::string choice = ask("1, 2, 3 or 4", std::to_string(now.mode == ConnectionMode::direct ? 1 : now.mode == ConnectionMode::socks ? 2 : now.mode == ConnectionMode::mapped ? 3 : 4));
    if (choice == "1") {
      changes = {"mode=direct"};
    } else if (choice == "2") {
      changes = {"mode=socks"};
      const auto parse = [](std::string_view text) { return parse_host(text, kSocksPort); };
      changes.push_back("socks.proxy=" + ask_until("SOCKS proxy, address:port (port 1080 unless written)", now.socks.proxy.host.empty() ? "" : now.socks.proxy.to_string(), parse));
      ask_login("socks", changes);
    } else if (choice == "3") {
      changes = {"mode=mapped"};
      ask_mappings(app, changes);
    } else if (choice == "4") {
      changes = {"mode=http"};
      const auto parse = [](std::string_view text) { return parse_host(text, kHttpProxyPort); };
      changes.push_back("http.proxy=" + ask_until("HTTP proxy, address:port (port 3128 unless written)", now.http.proxy.host.empty() ? "" : now.http.proxy.to_string(), parse));
      ask_login("http", changes);
    } else {
      continue;
    }
    return changes;
  }
}

std::vector<std::string> from_options(const Values& values) {
  const std::string mode = values["mode"].as<std::string>();
  std::vector<std::string> changes{"mode=" + mode};
  const auto pass_on = [&](const char* option, const std::string& key) {
    if (values.count(option)) changes.push_back(mode + "." + key + "=" + values[option].as<std::string>());
  };
  if (mode == "socks" || mode == "http") {
    pass_on("proxy", "proxy");
    pass_on("user", "user");
    pass_on("password-file", "password_file");
  } else if (values.count("proxy") || values.count("user") || values.count("password-file")) {
    throw failure(Errc::usage, "setup: --proxy, --user and --password-file belong to --mode socks and http");
  }
  if (values.count("map")) {
    if (mode != "mapped") throw failure(Errc::usage, "setup: --map belongs to --mode mapped");
    for (auto& row : values["map"].as<std::vector<std::string>>()) changes.push_back("mapped.destination=" + row);
  }
  return changes;
}

}  // namespace

void setup_options(po::options_description& d) {
  d.add_options()("mode", po::value<std::string>()->value_name("MODE"), "direct, socks, mapped or http: then nothing is asked")(
      "proxy", po::value<std::string>()->value_name("HOST[:PORT]"), "the SOCKS or HTTP proxy")("user", po::value<std::string>()->value_name("NAME"), "to log in there")(
      "password-file", po::value<std::string>()->value_name("FILE"), "whose first line is the password")(
      "map", po::value<std::vector<std::string>>()->value_name("\"IP via HOST:PORT\""), "a mapped port; may be repeated")("no-test", "writes without trying whether it works");
}

Exit setup(App& app, const Values& values, const Operands& operands) {
  if (!operands.empty()) throw failure(Errc::usage, "setup takes options only (farkeep setup --help)");
  const auto changes = values.count("mode") ? from_options(values) : from_answers(app);
  return change_way(app, changes, values.count("no-test") ? Trial::none : Trial::first);
}

}  // namespace farkeep::cli
