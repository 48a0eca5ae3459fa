#include <charconv>
#include <thread>

#include "command.hpp"
#include "crypto/digest.hpp"
#include "platform/atomic_file.hpp"
#include "vault/aside_orders.hpp"
#include "vault/layout.hpp"
#include "vault/slot_number.hpp"
#include "vault/small_object.hpp"

// Taking a snapshot, or key slots, out of the way.
namespace farkeep::server {
namespace {

constexpr std::size_t kMaxSlotObject = 16 * 1024;
constexpr auto kPatience = std::chrono::seconds{30};  // the server looks every two seconds, and may have a commit to finish

std::uint64_t number_in(const std::string& text) {
  std::uint64_t number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0)
    throw failure(Errc::usage, "\"" + text + "\" is no number of a snapshot; `farkeep-server snapshots` shows them");
  return number;
}

enum class State { done, waits_for_the_vault, waits_for_the_server };

const char* ending_of(State state) {
  switch (state) {
    case State::done: return " is set aside";
    case State::waits_for_the_vault: return " will be set aside: the server is busy with its vault";
    case State::waits_for_the_server: break;
  }
  return " will be set aside when the server starts";
}

// Places the order, and waits for what comes of it where the server runs.  Throws usage with the reason where it is refused.
State carry_out(App& app, const AsideOrder& order) {
  AsideOrders orders{app.disk(), app.data()};
  orders.place(order);
  std::optional<std::string> outcome;
  bool const running = is_running(app);
  auto const until = std::chrono::steady_clock::now() + kPatience;
  while (running && !(outcome = orders.outcome(order)) && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds{200});
  if (outcome && *outcome != "done") throw failure(Errc::usage, *outcome);
  return outcome ? State::done : running ? State::waits_for_the_vault : State::waits_for_the_server;
}

std::uint64_t slot_in(const std::string& text) {
  std::uint64_t number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.size() != 16 || error != std::errc{} || end != text.data() + text.size())
    throw failure(Errc::usage, "\"" + text + "\" is no key slot: 16 hexadecimal digits, as `farkeep-server slots` shows them");
  return number;
}

std::string day_text(std::uint32_t day) { return day == 0 ? "-" : rfc3339(WallTime{std::chrono::hours{24} * day}).substr(0, 10); }

}  // namespace

// Key slots are files of the store (vault/LOCKING.md §1): read beside the running server, they cannot change.
Exit slots(App& app, const po::variables_map&, const Operands& operands) {
  if (operands.size() != 1) throw failure(Errc::usage, "whose key slots: an agent, as `farkeep-server agents` shows it");
  app.identity();
  auto const agent = agent_for(app, operands[0]);
  VaultLayout const layout{AccountId::from(agent.account()).value_or(AccountId{}), AgentId::from(agent.id()).value_or(AgentId{})};
  auto const folder = store_folder(app.data()) + "/" + layout.slots();
  Table table{{"SLOT", "ADDED", "BROUGHT BY", "BYTES", "SHA-256"}};
  for (auto const& file : app.disk().list(folder)) {
    auto const number = VaultLayout::number_of(file.substr(0, file.find('.')));
    if (!number) continue;
    auto const bytes = read_file(app.disk(), folder + file, kMaxSlotObject);
    auto const slot = parse_slot(bytes ? ByteView{*bytes} : ByteView{});
    auto const known = SlotNumber::of(*number);
    auto const name = file.substr(0, file.find('.')), by = std::string{known.from == SlotFrom::partner ? "partner" : "agent"};
    auto const size = slot ? std::to_string(slot->size()) : "damaged", sum = slot ? sha256(*slot).hex().substr(0, 16) : "-";
    table.add({name, day_text(known.day), by, size, sum});
    if (!app.out().json()) continue;
    boost::json::object o;
    o["slot"] = name;
    o["added"] = day_text(known.day);
    o["brought_by"] = by;
    o["bytes"] = slot ? slot->size() : 0;
    o["sha256"] = sum;
    app.out().result("", o);
  }
  if (!app.out().json()) app.out().hint(table.empty() ? "This agent has no key slot here." : table.text());
  return Exit::done;
}

Exit slots_set_aside(App& app, const po::variables_map& values, const Operands& operands) {
  if (operands.size() < 2) throw failure(Errc::usage, "which key slots: an agent and one or more slots, as `farkeep-server slots` shows them");
  auto const reason = text_of(values, "reason");
  if (!reason) throw failure(Errc::usage, "setting a key slot aside: --reason TEXT is needed");
  app.identity();
  auto const agent = agent_for(app, operands[0]);
  AsideOrder order;
  order.what = AsideOrder::What::key_slot;
  order.account = AccountId::from(agent.account()).value_or(AccountId{});
  order.agent = AgentId::from(agent.id()).value_or(AgentId{});
  order.reason = *reason;
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 1; i < operands.size(); ++i) numbers.push_back(slot_in(operands[i]));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    order.sequence = numbers[i];
    order.time_ns = app.clock().wall().time_since_epoch().count();
    auto const state = carry_out(app, order);
    boost::json::object o;
    o["agent"] = order.agent.hex();
    o["slot"] = operands[i + 1];
    o["state"] = state == State::done ? "set aside" : "ordered";
    app.out().result("Key slot " + operands[i + 1] + " of agent " + order.agent.brief() + ending_of(state), o);
  }
  if (app.registry().partner()) app.out().hint("The partner may have it, too, under another number, and its mirror will be refused: find it there by its SHA-256 (farkeep-server slots), and set it aside there.  Nothing is deleted: it lies in the vault's slot-aside/.");
  return Exit::done;
}

void set_aside_options(po::options_description& d) {
  d.add_options()("reason", po::value<std::string>()->value_name("TEXT"), "why: it is kept with the snapshot, in audit.log, and told to the partner");
}

void slots_set_aside_options(po::options_description& d) { d.add_options()("reason", po::value<std::string>()->value_name("TEXT"), "why: it is kept in audit.log"); }

Exit set_aside(App& app, const po::variables_map& values, const Operands& operands) {
  if (operands.size() != 2) throw failure(Errc::usage, "which snapshot: an agent and a number, as `farkeep-server snapshots` shows them");
  auto const reason = text_of(values, "reason");
  if (!reason) throw failure(Errc::usage, "setting a snapshot aside: --reason TEXT is needed");
  app.identity();
  auto const agent = agent_for(app, operands[0]);
  AsideOrder order;
  order.account = AccountId::from(agent.account()).value_or(AccountId{});
  order.agent = AgentId::from(agent.id()).value_or(AgentId{});
  order.sequence = number_in(operands[1]);
  order.reason = *reason;
  order.time_ns = app.clock().wall().time_since_epoch().count();
  auto const state = carry_out(app, order);
  boost::json::object o;
  o["agent"] = order.agent.hex();
  o["number"] = order.sequence;
  o["state"] = state == State::done ? "set aside" : "ordered";
  auto const what = "Snapshot " + std::to_string(order.sequence) + " of agent " + order.agent.brief();
  app.out().result(what + ending_of(state), o);
  if (app.registry().partner())
    app.out().hint("Where the partner has it, too, its mirror is refused until the same order is given there.  What the partner has under that number otherwise, its mirror brings now.  Nothing is deleted: it lies in the vault's aside/.");
  return Exit::done;
}

}  // namespace farkeep::server
