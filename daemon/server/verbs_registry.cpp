#include "base/hex.hpp"
#include "command.hpp"
#include "vault/standing.hpp"

// Accounts, tokens and agents.
namespace farkeep::server {
namespace {

constexpr auto kTokenLife = std::chrono::hours{24};

vault::pb::Account account_for(App& app, const std::string& name) {
  if (auto account = app.registry().account_named(name)) return std::move(*account);
  if (auto const id = AccountId::from_hex(name))
    if (auto account = app.registry().account(*id)) return std::move(*account);
  throw failure(Errc::not_found, "account \"" + name + "\"; `farkeep-server account list` shows which there are");
}

// By id, by the first digits of its id, or by name.
vault::pb::Agent agent_for(App& app, const std::string& what) {
  std::vector<vault::pb::Agent> found;
  for (auto& agent : app.registry().agents())
    if (agent.name() == what || (what.size() >= 4 && hex(as_bytes(agent.id())).starts_with(what))) found.push_back(std::move(agent));
  if (found.empty()) throw failure(Errc::not_found, "agent \"" + what + "\"; `farkeep-server agents` shows which there are");
  if (found.size() > 1) throw failure(Errc::usage, "agent \"" + what + "\" is not unique: give the id that `farkeep-server agents` shows");
  return std::move(found.front());
}

std::string account_name(App& app, const vault::pb::Agent& agent) {
  auto const id = AccountId::from(agent.account());
  auto const account = id ? app.registry().account(*id) : std::nullopt;
  return account ? account->name() : hex(as_bytes(agent.account())).substr(0, 8);
}

}  // namespace

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
      "recover", po::value<std::string>()->value_name("AGENT"), "hands this agent's vault to the machine that registers with it");
}

Exit token_create(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  Registry::TokenOrder order;
  order.uses = values.count("uses") ? values["uses"].as<std::uint32_t>() : 1;
  order.valid = duration_of(values, "expires", kTokenLife);
  auto const account = text_of(values, "account");
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
  auto const text = base32(token.view());
  o["token"] = text;
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
  if (standing.drifted) text += text.empty() ? "drifted" : "; drifted";
  return text.empty() ? "active" : text;
}

std::string time_text(const std::optional<WallTime>& t) { return t ? rfc3339(*t) : "never"; }

boost::json::array jobs_of(const AgentStanding& standing) {
  boost::json::array out;
  for (auto const& job : standing.jobs) {
    out.push_back(boost::json::object{{"name", job.name}, {"schedule", job.schedule}, {"last_good", time_text(job.last_good)}, {"overdue_from", time_text(job.overdue_from)},
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
    auto const standing = standing_of(app.registry().told(id).value_or(vault::pb::Told{}), app.clock().wall());
    if ((only_overdue || only_drifted) && (agent.revoked() || !((only_overdue && standing.overdue()) || (only_drifted && standing.drifted)))) continue;
    auto const seen = app.registry().seen(id).value_or(vault::pb::Seen{});
    auto const account = account_name(app, agent);
    table.add({id.hex(), agent.name(), account, time_text(agent.created_ns()), time_text(seen.last_ns()), seen.address(), state_of(agent, standing)});
    if (!app.out().json()) continue;
    boost::json::object o;
    o["agent"] = id.hex();
    o["name"] = agent.name();
    o["account"] = account;
    o["registered"] = time_text(agent.created_ns());
    o["last_seen"] = time_text(seen.last_ns());
    o["address"] = seen.address();
    o["software"] = seen.software();
    o["state"] = agent.revoked() ? "revoked" : "active";
    o["deployed_as"] = standing.deployed_as;
    o["drifted"] = standing.drifted;
    o["overdue"] = standing.overdue();
    o["jobs"] = jobs_of(standing);
    app.out().result("", o);
  }
  if (!app.out().json()) app.out().hint(table.empty() ? (only_overdue || only_drifted || only ? "No such agent." : "No agent has registered yet.") : table.text());
  return Exit::done;
}

namespace {

Exit set_revoked(App& app, const Operands& operands, bool revoked) {
  auto const agent = agent_for(app, only_operand(operands, "the agent's id or name"));
  auto const id = AgentId::from(agent.id()).value_or(AgentId{});
  app.registry().set_revoked(id, revoked);
  boost::json::object o;
  o["agent"] = id.hex();
  o["state"] = revoked ? "revoked" : "active";
  app.out().result("Agent " + id.brief() + " (" + agent.name() + ") is " + (revoked ? "revoked" : "admitted") + "; the partner hears of it within seconds while both run", o);
  return Exit::done;
}

}  // namespace

Exit agent_revoke(App& app, const po::variables_map&, const Operands& operands) { return set_revoked(app, operands, true); }
Exit agent_admit(App& app, const po::variables_map&, const Operands& operands) { return set_revoked(app, operands, false); }

}  // namespace farkeep::server
