#include <filesystem>
#include <set>

#include "archive/manifest.hpp"
#include "base/build_time.hpp"
#include "base/hex.hpp"
#include "command.hpp"
#include "platform/atomic_file.hpp"
#include "platform/disk_size.hpp"
#include "store/store_health.hpp"
#include "vault/registry_entry.hpp"
#include "vault/layout.hpp"
#include "vault/server_metrics.hpp"
#include "vault/small_object.hpp"
#include "wire/message.hpp"

// What there is and how it goes: snapshots, pair, status.
namespace farkeep::server {
namespace {

constexpr std::size_t kMaxCommitObject = 1024 * 1024;  // a manifest of 256 KiB and a receipt

std::string join_text(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::string out;
  for (auto const& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

std::uint64_t stored_bytes(const std::string& folder) {
  std::uint64_t total = 0;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at{folder, error}, end; !error && at != end; at.increment(error)) {
    std::error_code gone;  // it may vanish while we look
    auto const size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) total += size;
  }
  return total;
}

struct Row {
  AccountId account;
  AgentId agent;
  std::uint64_t sequence = 0;
  Digest id;
  SeriesId series;
  std::int64_t received_ns = 0;
  bool is_protected = false;
};

// Snapshots are files of the store (vault/LOCKING.md §1): read beside the running server, they cannot change.
void read_snapshots(App& app, const AccountId& account, const AgentId& agent, std::vector<Row>& rows) {
  VaultLayout const layout{account, agent};
  auto const store = store_folder(app.data()) + "/";
  for (auto const& file : app.disk().list(store + layout.snapshots())) {
    auto const bytes = read_file(app.disk(), store + layout.snapshots() + file, kMaxCommitObject);
    auto const commit = parse_commit_object(bytes ? ByteView{*bytes} : ByteView{});
    if (!commit) continue;
    Row row;
    row.account = account;
    row.agent = agent;
    row.sequence = commit->sequence;
    row.id = commit->digest;
    if (auto const manifest = Manifest::parse(commit->manifest)) row.series = manifest->statement().series;
    auto const signed_receipt = wire::parse_message<wire::pb::SignedReceipt>(as_text(commit->receipt));
    if (signed_receipt)
      if (auto const receipt = wire::parse_message<wire::pb::Receipt>(signed_receipt->receipt())) row.received_ns = receipt->time_ns();
    auto const receipt = read_file(app.disk(), store + layout.partner(commit->sequence) + ".obj", kMaxCommitObject);
    auto const partner = parse_partner_object(receipt ? ByteView{*receipt} : ByteView{});
    row.is_protected = partner && partner->protects;
    rows.push_back(row);
  }
}

template <class Visit>
void for_each_vault(App& app, Visit&& visit) {
  auto const top = store_folder(app.data()) + "/v";
  for (auto const& account_name : app.disk().list(top)) {
    auto const account = AccountId::from_hex(account_name);
    if (!account) continue;
    for (auto const& agent_name : app.disk().list(top + "/" + account_name))
      if (auto const agent = AgentId::from_hex(agent_name)) visit(*account, *agent);
  }
}

}  // namespace

void snapshots_options(po::options_description& d) {
  d.add_options()("agent", po::value<std::string>()->value_name("AGENT"), "only those of this agent: its id, the first digits of it, or its name");
}

Exit snapshots(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  app.identity();
  auto const only = text_of(values, "agent");
  std::map<AgentId, std::string> names;
  std::set<AgentId> called;  // as was asked
  for (auto const& agent : app.registry().agents()) {
    auto const id = AgentId::from(agent.id());
    if (!id) continue;
    names[*id] = name_of(agent, standing_of(app, agent));
    if (only && (*only == names[*id] || *only == agent.name())) called.insert(*id);
  }
  std::vector<Row> rows;
  bool found = false;
  for_each_vault(app, [&](const AccountId& account, const AgentId& agent) {
    if (only && !called.contains(agent) && !(only->size() >= 4 && agent.hex().starts_with(*only))) return;
    found = true;
    read_snapshots(app, account, agent, rows);
  });
  if (only && !found) throw failure(Errc::not_found, "snapshots of agent \"" + *only + "\": it has stored nothing here");
  Table table{{"AGENT", "NAME", "NUMBER", "SNAPSHOT", "RECEIVED", "STATE"}};
  for (auto const& row : rows) {
    auto const* state = row.is_protected ? "protected" : "received";
    table.add({row.agent.brief(), names[row.agent], std::to_string(row.sequence), row.id.brief(), time_text(row.received_ns), state});
    if (!app.out().json()) continue;
    boost::json::object o;
    o["account"] = row.account.hex();
    o["agent"] = row.agent.hex();
    o["number"] = row.sequence;
    o["snapshot"] = row.id.hex();
    if (!row.series.is_zero()) o["series"] = row.series.hex();
    o["received"] = time_text(row.received_ns);
    o["state"] = state;
    app.out().result("", o);
  }
  if (!app.out().json()) app.out().hint(table.empty() ? "No snapshot yet." : table.text());
  return Exit::done;
}

Exit pair(App& app, const po::variables_map&, const Operands& operands) {
  no_operands(operands);
  auto const& identity = app.identity();
  auto const partner = app.registry().partner();
  auto const mirror = app.registry().mirror_state().value_or(vault::pb::MirrorState{});
  auto const bytes = stored_bytes(store_folder(app.data()));
  std::string own;
  for (auto const& address : identity.addresses()) own += (own.empty() ? "" : ", ") + address.to_string();

  boost::json::object o;
  o["server"] = identity.id().hex();
  o["name"] = identity.name();
  o["address"] = own;
  o["stored_bytes"] = bytes;
  std::string text = fmt::format("This server  {} ({}), {}, {} stored", identity.name(), identity.id().brief(), own, size_text(bytes));
  if (!partner) {
    text += "\nPartner      none: `farkeep-server invite` makes an invitation for one";
    app.out().result(text, o);
    return Exit::done;
  }
  auto const* state = mirror.behind() > 0        ? "behind"
                      : !mirror.problem().empty() ? "interrupted"
                      : mirror.contact_ns() == 0  ? "not reached yet"
                                                  : "equal";
  o["partner"] = hex(as_bytes(partner->server_id()));
  o["partner_name"] = partner->name();
  o["partner_address"] = join_text(partner->address());
  o["state"] = state;
  o["last_contact"] = time_text(mirror.contact_ns());
  o["last_equal"] = time_text(mirror.equal_ns());
  o["vaults"] = mirror.vaults();
  o["vaults_behind"] = mirror.behind();
  if (!mirror.problem().empty()) o["problem"] = mirror.problem();
  text += fmt::format("\nPartner      {} ({}), {}\nMirror       {}, {} vaults, {} behind; last contact {}, last equal {}", partner->name(),
                      hex(as_bytes(partner->server_id())).substr(0, 8), join_text(partner->address()), state, mirror.vaults(), mirror.behind(),
                      time_text(mirror.contact_ns()), time_text(mirror.equal_ns()));
  if (!mirror.problem().empty() && mirror.problem() != mirror.fork()) text += "\nProblem      " + mirror.problem();
  if (!mirror.fork().empty()) {
    text += "\nDiffers      " + mirror.fork() + "\nAgents       ";
    boost::json::array agents;
    for (auto const& agent : mirror.forked()) {
      if (!agents.empty()) text += ", ";
      text += hex(as_bytes(agent));
      agents.push_back(boost::json::string(hex(as_bytes(agent))));
    }
    o["differs"] = mirror.fork();
    o["differing_agents"] = std::move(agents);
  }
  app.out().result(text, o);
  return Exit::done;
}

Exit status(App& app, const po::variables_map&, const Operands& operands) {
  no_operands(operands);
  auto const& identity = app.identity();
  bool const running = is_running(app);
  std::size_t vaults = 0;
  for_each_vault(app, [&](const AccountId&, const AgentId&) { ++vaults; });
  auto const accounts = app.registry().ids(kAccountEntry).size(), known = app.registry().ids(kAgentEntry).size();
  auto const bytes = stored_bytes(store_folder(app.data())), free = app.disk().free_bytes(app.data());
  auto const store_free = app.disk().free_bytes(store_folder(app.data())), reserve = disk_reserve(disk_size(app.data()));
  bool const takes_data = store_free >= reserve;
  auto const until = time_text(identity.chain()[0].not_after().time_since_epoch().count());
  boost::json::object o;
  o["server"] = identity.id().hex();
  o["name"] = identity.name();
  o["running"] = running;
  o["accounts"] = accounts;
  o["agents"] = known;
  o["vaults"] = vaults;
  o["stored_bytes"] = bytes;
  o["free_bytes"] = free;
  o["reserve_bytes"] = reserve;
  o["takes_data"] = takes_data;
  o["certificate_until"] = until;
  auto const partner = app.registry().partner();
  if (partner) o["partner"] = partner->name();
  auto const clock = ClockGuard{app.disk(), app.data(), app.clock(), build_time()}.trouble();
  if (!clock.empty()) o["clock"] = clock;
  std::string away;
  if (auto const counts = app.registry().turned_away()) {
    boost::json::object reasons;
    for (auto const& [reason, count] : reasons_of(*counts)) {
      reasons[reason] = count;
      if (count > 0) away += fmt::format("{}{} {}", away.empty() ? "" : ", ", reason, count);
    }
    reasons["since"] = time_text(counts->since_ns());
    o["turned_away"] = std::move(reasons);
    if (!away.empty()) away = fmt::format("\nTurned away  {} (since {})", away, time_text(counts->since_ns()));
  }
  app.out().result(fmt::format("Server       {} ({}), {}\nHolds        {} accounts, {} agents, {} vaults, {}; {} free\nDisk         {}\nPartner      {}\nCertificate  until {}, renewed by itself{}{}",
                               identity.name(), identity.id().brief(), running ? "running" : "not running", accounts, known, vaults, size_text(bytes),
                               size_text(free), takes_data ? fmt::format("takes new data until {} are left", size_text(reserve)) : fmt::format("full: no new data is taken with less than {} free; restores go on", size_text(reserve)), partner ? partner->name() : "none", until,
                               clock.empty() ? "" : "\nClock        " + clock, away),
                   o);
  return tell_registry_state(app);
}

}  // namespace farkeep::server
