#include <algorithm>

#include "base/hex.hpp"
#include "command.hpp"
#include "common/say.hpp"
#include "vault/registry_file.hpp"
#include "vault/standing.hpp"
#include "wire/token_text.hpp"

// Accounts, tokens and agents.
namespace farkeep::server {
namespace {

constexpr auto kTokenLife = std::chrono::hours{24};
constexpr auto kTellRefused = std::chrono::hours{24};  // an alarm that nobody can end would not be looked at

// What is meant by a word: an id whole, else all that have this name or whose id begins so.  The order matters: a name is the agent's own choice, and whoever
// names his like another one's id must not keep that one from being named, or be taken for it.
template <class Record, class IsCalled>
Record one_of(Records<Record> all, const std::string& what, const std::string& kind, const std::string& shown_by, IsCalled is_called) {
  std::vector<Record> found;
  auto const collect = [&](auto fits) {
    if (!found.empty()) return;
    for (auto& record : all)
      if (fits(record)) found.push_back(std::move(record));
  };
  collect([&](const Record& r) { return hex(as_bytes(r.id())) == what; });
  collect([&](const Record& r) { return is_called(r) || (what.size() >= 4 && hex(as_bytes(r.id())).starts_with(what)); });
  if (found.empty()) throw failure(Errc::not_found, kind + " \"" + what + "\"; `" + shown_by + "` shows which there are");
  if (found.size() == 1) return std::move(found.front());
  std::string ids;
  for (auto const& r : found) ids += (ids.empty() ? "" : ", ") + hex(as_bytes(r.id()));
  throw failure(Errc::usage, kind + " \"" + what + "\" could be any of " + ids + ": give the id of the one that you mean");
}

vault::pb::Account account_for(App& app, const std::string& name) {
  return one_of(app.registry().accounts(), name, "account", "farkeep-server account list", [&](const vault::pb::Account& a) { return a.name() == name; });
}

std::string account_name(App& app, const vault::pb::Agent& agent) {
  auto const id = AccountId::from(agent.account());
  auto const account = id ? app.registry().account(*id) : std::nullopt;
  return account ? account->name() : hex(as_bytes(agent.account())).substr(0, 8);
}

}  // namespace

AgentStanding standing_of(App& app, const vault::pb::Agent& agent) {
  return farkeep::standing_of(app.registry().told(AgentId::from(agent.id()).value_or(AgentId{})).value_or(vault::pb::Told{}), app.clock().wall());
}

// As it is listed, or as it registered.
vault::pb::Agent agent_for(App& app, const std::string& what) {
  return one_of(app.registry().agents(), what, "agent", "farkeep-server agents", [&](const vault::pb::Agent& a) { return a.name() == what || standing_of(app, a).name == what; });
}

void account_add_options(po::options_description& d) {
  d.add_options()("agent-quota", po::value<std::string>()->value_name("SIZE"), "the most that is stored for each of its agents (default: the configuration's)");
}

Exit account_add(App& app, const po::variables_map& values, const Operands& operands) {
  auto const& name = only_operand(operands, "the account's name");
  std::uint64_t quota = 0;
  if (auto const text = text_of(values, "agent-quota")) {
    auto const size = parse_size(*text);
    if (!size) throw failure(Errc::usage, "--agent-quota " + *text + ": " + size.error().text);
    quota = *size;
  }
  auto const account = app.registry().add_account(name, quota);
  boost::json::object o;
  o["account"] = hex(as_bytes(account.id()));
  o["name"] = account.name();
  app.out().result("Account " + account.name() + " (" + hex(as_bytes(account.id())).substr(0, 8) + ") added", o);
  app.out().hint("Next: farkeep-server token create --account " + account.name() + " --data " + app.data());
  return Exit::done;
}

Exit account_list(App& app, const po::variables_map&, const Operands& operands) {
  no_operands(operands);
  std::map<std::string, std::uint64_t> agents;
  for (auto const& agent : app.registry().agents()) ++agents[agent.account()];
  Table table{{"ACCOUNT", "NAME", "AGENTS", "AGENT QUOTA", "CREATED"}};
  for (auto const& account : app.registry().accounts()) {
    auto const id = hex(as_bytes(account.id()));
    auto const count = agents[account.id()];
    table.add({id.substr(0, 8), account.name(), std::to_string(count), account.quota_bytes() ? size_text(account.quota_bytes()) : "-", time_text(account.created_ns())});
    if (!app.out().json()) continue;
    boost::json::object o;
    o["account"] = id;
    o["name"] = account.name();
    o["agents"] = count;
    if (account.quota_bytes()) o["agent_quota_bytes"] = account.quota_bytes();
    o["created"] = time_text(account.created_ns());
    app.out().result("", o);
  }
  if (!app.out().json()) app.out().hint(table.empty() ? "No account yet: farkeep-server account add NAME" : table.text());
  return Exit::done;
}

void token_create_options(po::options_description& d) {
  d.add_options()("account", po::value<std::string>()->value_name("NAME"), "whose agents it makes")(
      "uses", po::value<std::uint32_t>()->value_name("N"), "how many agents (default 1)")(
      "expires", po::value<std::string>()->value_name("TIME"), "how long it is valid (default 24h)")(
      "recover", po::value<std::string>()->value_name("AGENT"), "hands this agent's vault to the machine that registers with it")(
      "admit", "with --recover: and lets the agent in again, although it was revoked");
}

Exit token_create(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  Registry::TokenOrder order;
  order.uses = values.count("uses") ? values["uses"].as<std::uint32_t>() : 1;
  order.valid = duration_of(values, "expires", kTokenLife);
  order.admits = values.count("admit") > 0;
  auto const account = text_of(values, "account");
  if (order.admits && values.count("recover") == 0) throw failure(Errc::usage, "creating a token: --admit belongs to --recover AGENT");
  if (auto const recover = text_of(values, "recover")) {
    auto const agent = agent_for(app, *recover);
    order.recover = AgentId::from(agent.id());
    order.account = AccountId::from(agent.account()).value_or(AccountId{});
    if (account && account_for(app, *account).id() != agent.account())
      throw failure(Errc::usage, "agent " + *recover + " is not of account " + *account);
  } else if (account) {
    order.account = AccountId::from(account_for(app, *account).id()).value_or(AccountId{});
  } else {
    throw failure(Errc::usage, "creating a token: --account NAME (or --recover AGENT) is needed");
  }
  auto const token = app.registry().create_token(order);
  boost::json::object o;
  ServerId const own[] = {app.identity().id()};
  auto const text = wire::token_text(token.view(), own);
  o["token"] = text;
  o["server"] = own[0].hex();
  o["uses"] = order.recover ? 1 : order.uses;
  o["expires"] = time_text((app.clock().wall() + order.valid).time_since_epoch().count());
  app.out().result(text, o);
  return Exit::done;
}

void agents_options(po::options_description& d) {
  d.add_options()("account", po::value<std::string>()->value_name("NAME"), "only those of this account")("overdue", "only those with a job that is overdue")(
      "drifted", "only those whose settings are not what they were deployed with");
}

namespace {

// What is wrong with an agent, in few words; else that it is active.
std::string state_of(const vault::pb::Agent& agent, const AgentStanding& standing) {
  if (agent.revoked()) return "revoked";
  std::string text;
  for (auto const& job : standing.jobs)
    if (job.overdue) text += (text.empty() ? "overdue: " : ", ") + job.name;
  if (standing.other_machine > 0) text += std::string(text.empty() ? "" : "; ") + "ALARM: two machines, or set back";
  if (standing.drifted) text += text.empty() ? "drifted" : "; drifted";
  return text.empty() ? "active" : text;
}

std::string time_or_never(const std::optional<WallTime>& t) { return t ? rfc3339(*t) : "never"; }

boost::json::array jobs_of(const AgentStanding& standing) {
  boost::json::array out;
  for (auto const& job : standing.jobs) {
    out.push_back(boost::json::object{{"name", job.name}, {"schedule", job.schedule}, {"last_good", time_or_never(job.last_good)}, {"overdue_from", time_or_never(job.overdue_from)},
                                      {"paused", job.paused}, {"overdue", job.overdue}});
  }
  return out;
}

}  // namespace

Exit agents(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  auto const only = text_of(values, "account");
  auto const wanted = only ? account_for(app, *only).id() : std::string{};
  bool const only_overdue = values.count("overdue") > 0, only_drifted = values.count("drifted") > 0;
  Table table{{"AGENT", "NAME", "ACCOUNT", "REGISTERED", "LAST SEEN HERE", "FROM", "STATE"}};
  for (auto const& agent : app.registry().agents()) {
    if (only && agent.account() != wanted) continue;
    auto const id = AgentId::from(agent.id()).value_or(AgentId{});
    auto const standing = standing_of(app, agent);
    if ((only_overdue || only_drifted) && (agent.revoked() || !((only_overdue && standing.overdue()) || (only_drifted && standing.drifted)))) continue;
    auto const seen = app.registry().seen(id).value_or(vault::pb::Seen{});
    auto const account = account_name(app, agent);
    table.add({id.hex(), name_of(agent, standing), account, time_text(agent.created_ns()), time_text(seen.last_ns()), seen.address(), state_of(agent, standing)});
    if (!app.out().json()) continue;
    boost::json::object o;
    o["agent"] = id.hex();
    o["name"] = name_of(agent, standing);
    o["registered_as"] = agent.name();
    o["account"] = account;
    o["registered"] = time_text(agent.created_ns());
    o["last_seen"] = time_text(seen.last_ns());
    o["address"] = seen.address();
    o["software"] = seen.software();
    o["state"] = agent.revoked() ? "revoked" : "active";
    o["deployed_as"] = standing.deployed_as;
    o["drifted"] = standing.drifted;
    o["overdue"] = standing.overdue();
    o["other_machine"] = standing.other_machine;
    o["jobs"] = jobs_of(standing);
    app.out().result("", o);
  }
  if (!app.out().json()) app.out().hint(table.empty() ? (only_overdue || only_drifted || only ? "No such agent." : "No agent has registered yet.") : table.text());
  return tell_registry_state(app);
}

namespace {

Exit set_revoked(App& app, const Operands& operands, bool revoked, bool takes_partners_keys) {
  auto const agent = agent_for(app, only_operand(operands, "the agent's id or name"));
  auto const id = AgentId::from(agent.id()).value_or(AgentId{});
  if (takes_partners_keys) app.registry().take_partners_keys(id);
  app.registry().set_revoked(id, revoked);
  boost::json::object o;
  o["agent"] = id.hex();
  o["state"] = revoked ? "revoked" : "active";
  app.out().result("Agent " + id.brief() + " (" + name_of(agent, standing_of(app, agent)) + ") is " + (revoked ? "revoked" : "admitted") + (app.registry().partner() ? "; the partner hears of it within seconds while both run" : ""), o);
  if (!revoked && app.registry().partner()) app.out().hint("What the partner's own administrator revoked there stays so until it is admitted there, too.");
  return Exit::done;
}

std::string id_operand(const Operands& operands) {
  auto const& text = only_operand(operands, "the id, whole, of an agent or account");
  auto const id = unhex(text);
  if (!id || id->size() != AgentId::kSize) throw failure(Errc::usage, "\"" + text + "\" is no id: 32 hexadecimal digits, as `farkeep-server agents` and `farkeep-server account list --json` show them");
  return to_string(*id);
}

std::string reason_in(const po::variables_map& values) {
  auto const reason = text_of(values, "reason");
  if (!reason) throw failure(Errc::usage, "--reason TEXT is needed: it is kept in audit.log");
  return *reason;
}

}  // namespace

void agent_admit_options(po::options_description& d) {
  d.add_options()("recovered", "and takes the key that the partner says it has since it was recovered there, in the place of the one known here");
}
Exit agent_revoke(App& app, const po::variables_map&, const Operands& operands) { return set_revoked(app, operands, true, false); }
Exit agent_admit(App& app, const po::variables_map& values, const Operands& operands) { return set_revoked(app, operands, false, values.count("recovered") > 0); }

void registry_act_options(po::options_description& d) {
  d.add_options()("reason", po::value<std::string>()->value_name("TEXT"), "why: it is kept in audit.log");
}

Exit registry_set_aside(App& app, const po::variables_map& values, const Operands& operands) {
  auto const id = id_operand(operands);
  app.registry().set_aside(id, reason_in(values));
  boost::json::object o;
  o["id"] = hex(as_bytes(id));
  o["state"] = "set aside";
  app.out().result("The partner's word on " + hex(as_bytes(id)) + " counts here no more", o);
  app.out().hint("An agent that has no key now is handed on by `farkeep-server token create --recover ID`; `registry heed-again` undoes this.");
  return Exit::done;
}

Exit registry_heed_again(App& app, const po::variables_map& values, const Operands& operands) {
  auto const id = id_operand(operands);
  app.registry().heed_again(id, reason_in(values));
  boost::json::object o;
  o["id"] = hex(as_bytes(id));
  o["state"] = "heard";
  app.out().result("The partner is heard again on " + hex(as_bytes(id)), o);
  return Exit::done;
}

Exit registry_take_back(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  app.registry().take_back(reason_in(values));
  boost::json::object o;
  o["state"] = "taken back";
  app.out().result("For 24 hours this server takes back what it said itself and the partner has of later", o);
  app.out().hint("The partner tells all of it within an hour while both run, or at once when this server is started anew.");
  return Exit::done;
}

Exit tell_registry_state(App& app) {
  auto const damaged = app.registry().damaged();
  for (auto const& name : damaged)
    tell_text(fmt::format("farkeep-server: registry/{} is damaged: {}", name, what_helps(name)));
  auto const refused = app.registry().refused();
  bool const lately = refused && app.clock().wall() - WallTime{std::chrono::nanoseconds{refused->last_ns()}} < kTellRefused;
  if (lately)
    tell_text(fmt::format("farkeep-server: {} words of the partner were not believed, the last at {}: {}", refused->count(), time_text(refused->last_ns()), refused->why()));
  auto const mirror = app.registry().mirror_state();
  bool const forked = mirror && !mirror->fork().empty() && app.registry().partner();
  if (forked) tell_text("farkeep-server: " + mirror->fork());
  return damaged.empty() && !lately && !forked ? Exit::done : Exit::alarm;
}

}  // namespace farkeep::server
