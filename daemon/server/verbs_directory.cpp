#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>

#include "base/build_time.hpp"
#include "command.hpp"
#include "config/address.hpp"
#include "config/instant.hpp"
#include "transport/firewall_rules.hpp"
#include "vault/directory.hpp"
#include "wire/message.hpp"

// The addresses that agents are told.
namespace farkeep::server {
namespace {

constexpr auto kOverlap = std::chrono::hours{30 * 24};  // machines are switched off for a holiday

std::vector<std::string> addresses(const po::variables_map& values, const char* name) {
  std::vector<std::string> out;
  if (!values.count(name)) return out;
  for (auto const& text : values[name].as<std::vector<std::string>>()) {
    auto const address = parse_address(text);
    if (!address) throw failure(Errc::usage, std::string{"--"} + name + ": " + address.error().text);
    if (address->is_any()) throw failure(Errc::usage, std::string{"--"} + name + " " + text + ": that is an address to listen on; agents need the server's own");
    out.push_back(address->to_string());
  }
  return out;
}

std::vector<std::string> subnets(const po::variables_map& values, const char* name) {
  std::vector<std::string> out;
  if (!values.count(name)) return out;
  for (auto const& text : values[name].as<std::vector<std::string>>()) {
    auto const net = parse_subnet(text);
    if (!net) throw failure(Errc::usage, std::string{"--"} + name + ": " + net.error().text);
    out.push_back(net->to_string());
  }
  return out;
}

// "2027-03-01T00:00:00Z", "2027-03-01", or "14d" from now.
WallTime valid_from(App& app, const po::variables_map& values) {
  auto const text = text_of(values, "valid-from");
  if (!text) return app.clock().wall();
  if (auto const t = parse_instant(*text)) return *t;
  auto const wait = parse_duration(*text);
  if (!wait) throw failure(Errc::usage, "--valid-from " + *text + ": write a time such as 2027-03-01T00:00:00Z, or how long from now, such as 14d");
  return app.clock().wall() + *wait;
}

template <class Texts>
std::string list(const Texts& texts) {
  std::string out;
  for (auto const& t : texts) out += (out.empty() ? "" : ", ") + std::string{t};
  return out.empty() ? "-" : out;
}

void add_rows(Table& table, const wire::pb::Pair& pair, const std::string& when) {
  auto const row = [&](const wire::pb::DataCentre& centre, const char* role) {
    if (centre.server_id().empty()) return;
    table.add({role, centre.name(), list(centre.address()), list(centre.subnet()), when});
  };
  row(pair.primary(), "primary");
  row(pair.alternate(), "alternate");
}

boost::json::object json_of(const wire::pb::Pair& pair) {
  auto const side = [](const wire::pb::DataCentre& centre) {
    boost::json::object o;
    o["name"] = centre.name();
    boost::json::array at, nets;
    for (auto const& a : centre.address()) at.emplace_back(a);
    for (auto const& n : centre.subnet()) nets.emplace_back(n);
    o["addresses"] = std::move(at);
    o["subnets"] = std::move(nets);
    return o;
  };
  boost::json::object o;
  o["primary"] = side(pair.primary());
  o["alternate"] = side(pair.alternate());
  return o;
}

}  // namespace

void directory_publish_options(po::options_description& d) {
  auto const many = [](const char* what) { return po::value<std::vector<std::string>>()->value_name(what); };
  d.add_options()("primary", many("IP[:PORT]"), "an address of the primary; may be repeated; without it, as before")(
      "alternate", many("IP[:PORT]"), "an address of the alternate; may be repeated; without it, as before")(
      "primary-subnet", many("NET"), "the net that the primary's addresses lie in, for firewall rules; may be repeated")(
      "alternate-subnet", many("NET"), "the same of the alternate")(
      "valid-from", po::value<std::string>()->value_name("TIME"), "from when on agents use them: RFC 3339, or 14d from now; without it, at once")(
      "overlap", po::value<std::string>()->value_name("DURATION"), "how long the old addresses answer after that (default 30d)");
}

Exit directory_publish(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  DirectoryOrder order;
  order.primary.addresses = addresses(values, "primary");
  order.primary.subnets = subnets(values, "primary-subnet");
  order.alternate.addresses = addresses(values, "alternate");
  order.alternate.subnets = subnets(values, "alternate-subnet");
  order.valid_from = valid_from(app, values);
  order.overlap = duration_of(values, "overlap", kOverlap);
  static_cast<void>(app.identity());
  ClockGuard{app.disk(), app.data(), app.clock(), build_time()}.require("publishing an address directory");
  AddressDirectory directory{app.registry(), app.identity(), app.clock()};
  auto const made = directory.publish(order);
  boost::json::object o;
  o["serial"] = made.serial();
  o["valid_from"] = time_text(made.valid_from_ns());
  o["overlap_until"] = time_text(made.overlap_until_ns());
  o["pair"] = json_of(made.pair(0));
  app.out().result(fmt::format("Address directory {} is signed. Agents hear of it when they next connect, use it from {} on, and find the old addresses until {}.",
                               made.serial(), time_text(made.valid_from_ns()), time_text(made.overlap_until_ns())), o);
  app.out().hint("The partner takes it over with the next mirroring; who uses it: farkeep-server directory show");
  return Exit::done;
}

Exit directory_show(App& app, const po::variables_map&, const Operands& operands) {
  no_operands(operands);
  AddressDirectory directory{app.registry(), app.identity(), app.clock()};
  auto const stored = directory.current();
  auto const content = value_or_throw(wire::parse_message<wire::pb::Directory>(stored.directory()), "reading the address directory");
  auto const now = app.clock().wall().time_since_epoch().count();
  bool const announced = content.valid_from_ns() > now;

  Table table{{"ROLE", "NAME", "ADDRESSES", "SUBNETS", "WHEN"}};
  for (auto const& p : content.before())
    if (announced || content.overlap_until_ns() > now) add_rows(table, p, announced ? "in force" : "until " + time_text(content.overlap_until_ns()));
  for (auto const& p : content.pair()) add_rows(table, p, announced ? "from " + time_text(content.valid_from_ns()) : "in force");
  boost::json::object o;
  o["serial"] = content.serial();
  o["valid_from"] = time_text(content.valid_from_ns());
  o["overlap_until"] = time_text(content.overlap_until_ns());
  o["pair"] = json_of(content.pair(0));
  if (content.before_size() > 0) o["before"] = json_of(content.before(0));

  Table late{{"AGENT", "NAME", "USES", "LAST SEEN HERE"}};
  boost::json::array behind;
  for (auto const& agent : app.registry().agents()) {
    if (agent.revoked()) continue;
    auto const id = AgentId::from(agent.id()).value_or(AgentId{});
    auto const seen = app.registry().seen(id).value_or(vault::pb::Seen{});
    if (seen.directory_serial() >= content.serial()) continue;
    auto const uses = seen.directory_serial() == 0 ? std::string{"-"} : std::to_string(seen.directory_serial());
    late.add({id.hex(), agent.name(), uses, time_text(seen.last_ns())});
    behind.push_back(boost::json::object{{"agent", id.hex()}, {"name", agent.name()}, {"serial", seen.directory_serial()}, {"last_seen", time_text(seen.last_ns())}});
  }
  o["agents_behind"] = std::move(behind);
  app.out().result(fmt::format("Address directory {}\n{}", content.serial(), table.text()), o);
  if (!app.out().json()) app.out().hint(late.empty() ? "Every agent uses it." : "These agents do not use it yet, as far as this server has heard:\n" + late.text());
  return Exit::done;
}

}  // namespace farkeep::server
