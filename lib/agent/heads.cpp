#include "agent/heads.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "agent/address_book.hpp"
#include "agent/fetcher.hpp"
#include "agent/root_fit.hpp"
#include "agent/server_choice.hpp"
#include "archive/manifest.hpp"
#include "async/race.hpp"
#include "async/scope.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/valid_text.hpp"
#include "wire/message.hpp"

namespace farkeep {

std::string in_words(const Head& head) {
  const std::string number = head.sequence == 0 ? "none" : fmt::format("number {} ({})", head.sequence, head.id.brief());
  return head.time == WallTime{} ? number : number + " of " + rfc3339(head.time);
}

namespace {

constexpr std::size_t kMaxAlarm = 4 * limits::kKiB, kMaxServerName = 256;  // a screen; the data centre's name, its role and its address
constexpr int kMostPins = 64;  // servers come and go over the years: the oldest memories are dropped

WallTime wall_time(std::int64_t ns) { return WallTime{std::chrono::nanoseconds(ns)}; }

// What a receipt says, without a look at its signature: a time for people.
std::optional<wire::pb::Receipt> said_by(std::string_view signed_receipt) {
  const auto document = wire::parse_message<wire::pb::SignedReceipt>(signed_receipt);
  if (!document) return std::nullopt;
  auto receipt = wire::parse_message<wire::pb::Receipt>(document->receipt());
  if (!receipt) return std::nullopt;
  return std::move(*receipt);
}

Head head_of(const agent::pb::Pin& p) { return {p.sequence(), Digest::from(p.digest()).value_or(Digest{}), wall_time(p.time_ns())}; }

agent::pb::Pin& find_or_add(agent::pb::Pins& all, const ServerId& server) {
  for (auto& p : *all.mutable_pin())
    if (p.server() == server.raw()) return p;
  while (all.pin_size() >= kMostPins) all.mutable_pin()->DeleteSubrange(0, 1);
  auto* p = all.add_pin();
  p->set_server(server.raw());
  return *p;
}

void set(agent::pb::Pin& pin, const Head& head) {
  pin.set_sequence(head.sequence);
  pin.set_digest(head.id.raw());
  pin.set_time_ns(head.time.time_since_epoch().count());
}

// A state of an earlier version has no pins, but the newest receipt of all.
agent::pb::Pins read(const AgentState& state) {
  agent::pb::Pins all = state.pins();
  const auto head = state.head();
  const auto receipt = head ? said_by(head->receipt()) : std::nullopt;
  const auto server = receipt ? ServerId::from(receipt->server_id()) : std::nullopt;
  if (!server) return all;
  agent::pb::Pin& pin = find_or_add(all, *server);
  if (head->sequence() > pin.sequence()) set(pin, Head{head->sequence(), Digest::from(head->digest()).value_or(Digest{}), wall_time(receipt->time_ns())});
  return all;
}

// A server that the directory in force does not name: it was replaced.
bool is_other(const std::vector<ServerId>& in_force, const std::string& server) {
  return !in_force.empty() && std::none_of(in_force.begin(), in_force.end(), [&](const ServerId& id) { return id.raw() == server; });
}

[[noreturn]] void refuse(const VaultPort& vault, const std::string& what) {
  throw forged_head(fmt::format("opening the vault on {}: {} (it is not used, and nothing is sent there; ask the operator to look at that snapshot and to set it aside)", vault.server(), what));
}

// To set aside what was made with another key would be wrong where that one is the agent's.
[[noreturn]] void refuse_key(const VaultPort& vault, const AgentId& agent) {
  throw forged_head(fmt::format("opening the vault on {}: none of the snapshots that it shows was made with this machine's root key. That is probably not this agent's: farkeep recover --agent {} looks for the right one. "
                                "(If that finds this one right, what the server shows is not what this machine made: ask its operator. Until then nothing is to be set aside; it is not used, and nothing is sent there)",
                                vault.server(), agent.hex()));
}

[[noreturn]] void refuse_rollback(const VaultPort& vault, const Head& pinned, const std::string& shown) {
  throw failure::whole(Errc::rollback, fmt::format("opening the vault on {}: it had snapshot {}, as this machine knows, and does not show it any more. The newest there is {} now. "
                                                   "Either its store was set back or replaced, or that snapshot was set aside there. Nothing of it is used; ask its operator, and if that is right: farkeep history accept",
                                                   vault.server(), in_words(pinned), shown));
}

std::string number_in_words(std::uint64_t sequence) { return sequence == 0 ? "none" : fmt::format("number {}", sequence); }

}  // namespace

Head Heads::pinned(const ServerId& server) const {
  const auto all = read(state_);
  for (auto& p : all.pin())
    if (p.server() == server.raw()) return head_of(p);
  return {};
}

Head Heads::newest_seen() const {
  Head best;
  const auto all = read(state_);
  for (auto& p : all.pin())
    if (p.sequence() > best.sequence) best = head_of(p);
  if (const auto head = state_.head(); head && head->sequence() > best.sequence) best = Head{head->sequence(), Digest::from(head->digest()).value_or(Digest{}), {}};
  return best;
}

Head Heads::newest() const {
  Head best = newest_seen();
  // Of two with one number that which a server has counts: ours was refused.
  if (const auto given = state_.last_given(); given.sequence > best.sequence) best = Head{given.sequence, given.id, {}};
  return best;
}

bool Heads::are_lost() const { return state_.pins().lost(); }

void Heads::told_of_loss() {
  auto all = read(state_);
  all.clear_lost();
  state_.set_pins(all);
}

bool Heads::is_alarmed(const ServerId& server) const {
  const auto all = read(state_);
  return std::any_of(all.pin().begin(), all.pin().end(), [&](const agent::pb::Pin& p) { return p.server() == server.raw() && !p.alarm().empty(); });
}

std::uint64_t Heads::bound_from() const { return state_.pins().bound_from(); }

void Heads::pin(const ServerId& server, const Head& head, const std::string& name) {
  auto all = read(state_);
  if (is_of_another(all, head)) {
    auto& other = *all.mutable_other();
    if (other.first() == 0) other.set_first(head.sequence);
    other.set_last(head.sequence);
    other.set_digest(head.id.raw());
    other.set_time_ns(head.time.time_since_epoch().count());
    other.set_server(valid_text(name, kMaxServerName));
    other.set_told(false);
  }
  agent::pb::Pin& pin = find_or_add(all, server);
  if (!pin.has_judged()) pin.set_judged(pin.sequence() > 0 ? pin.sequence() : head.sequence);
  if (pin.judged() + 1 == head.sequence) pin.set_judged(head.sequence);  // proven, and nothing lies in between
  if (head.sequence > pin.sequence()) set(pin, head);
  pin.clear_alarm();
  pin.clear_alarm_ns();
  if (all.SerializeAsString() != state_.pins().SerializeAsString()) state_.set_pins(all);
}

void Heads::found_bound(std::uint64_t sequence) {
  auto all = read(state_);
  if (all.bound_from() != 0 && all.bound_from() <= sequence) return;
  all.set_bound_from(sequence);
  state_.set_pins(all);
}

bool Heads::alarm(const ServerTarget& server, const std::string& text, WallTime now) {
  try {
    return keep_alarm(server, text, now);
  } catch (const failure& f) {
    log_error("ALARM: {} (it could not be noted: {})", text, f.what());
    return true;
  }
}

// Of a server that was replaced and still answers there is nothing to keep, nor to say every hour.
bool Heads::keep_alarm(const ServerTarget& server, const std::string& whole_text, WallTime now) {
  if (is_other(servers_in_force(state_), server.id.raw())) return false;
  const std::string text = valid_text(whole_text, kMaxAlarm);
  auto all = read(state_);
  agent::pb::Pin& pin = find_or_add(all, server.id);
  if (pin.alarm() == text) return false;
  if (pin.alarm().empty()) pin.set_alarm_ns(now.time_since_epoch().count());
  pin.set_name(valid_text(server.name, kMaxServerName));
  pin.set_alarm(text);
  state_.set_pins(all);
  return true;
}

void Heads::forget_alarms_of_others() {
  const auto in_force = servers_in_force(state_);
  auto all = state_.pins();
  bool any = false;
  for (auto& pin : *all.mutable_pin()) {
    if (pin.alarm().empty() || !is_other(in_force, pin.server())) continue;
    log_warning("server {} is none of this machine's pair any more; its alarm of {} ends: {}", pin.name(), rfc3339(wall_time(pin.alarm_ns())), pin.alarm());
    pin.clear_alarm();
    pin.clear_alarm_ns();
    any = true;
  }
  if (any) state_.set_pins(all);
}

// What a server that was replaced had is no history of this machine any more, either.  The head first: its receipt would make the pin what it was.
void Heads::accept(const ServerId& server, const Head& shown, std::uint64_t told_up_to) {
  auto all = read(state_);
  agent::pb::Pin& own = find_or_add(all, server);
  set(own, shown);
  own.clear_alarm();
  own.clear_alarm_ns();
  own.set_judged(std::min(told_up_to, shown.sequence));
  own.clear_foreign();
  const auto in_force = servers_in_force(state_);
  auto* pins = all.mutable_pin();
  pins->erase(std::remove_if(pins->begin(), pins->end(), [&](const agent::pb::Pin& pin) { return pin.server() != server.raw() && is_other(in_force, pin.server()); }), pins->end());
  Head best;
  for (auto& pin : all.pin())
    if (pin.sequence() > best.sequence) best = head_of(pin);
  if (const auto head = state_.head()) {
    const auto receipt = said_by(head->receipt());
    const bool by_it = receipt && receipt->server_id() == server.raw();
    if (by_it || head->sequence() > best.sequence || (head->sequence() == best.sequence && head->digest() != best.id.raw())) {
      agent::pb::Head newest;
      newest.set_sequence(best.sequence);
      newest.set_digest(best.id.raw());
      state_.set_head(newest);
    }
  }
  state_.set_pins(all);
  state_.insist();
}

std::vector<HistoryAlarm> history_alarms(const AgentState& state) {
  std::vector<HistoryAlarm> out;
  const auto in_force = servers_in_force(state);
  const auto all = state.pins();
  for (auto& p : all.pin()) {
    if (is_other(in_force, p.server())) continue;
    if (!p.alarm().empty()) out.push_back({p.name(), p.alarm(), wall_time(p.alarm_ns())});
    if (p.has_foreign()) out.push_back({p.name(), Heads::about_foreign(p), wall_time(p.foreign().time_ns())});
  }
  return out;
}

namespace {

task<bool> fits_any(VaultPort& vault, const AgentKeys& keys) {
  FitTrust trust;
  trust.owner = KeyOwner{keys.account, keys.agent};
  RootFit fit(keys.ring);
  std::vector<RootFit*> one{&fit};
  (void)co_await look_for_fit(vault, std::move(trust), std::move(one));
  co_return fit.any();
}

// The snapshot that the server calls its newest, if a holder of our root key made it.  A statement of format 1 binds nothing; there it is the details that
// only such a holder could seal for this number.
task<Head> fetch_head(VaultPort& vault, const AgentKeys& keys, Workers& workers, std::uint64_t bound_from) {
  const VaultFacts facts = vault.facts();
  const std::string number = number_in_words(facts.head);
  const std::vector<RemoteSnapshot> rows = co_await vault.snapshots(facts.head - 1);
  if (rows.empty()) refuse(vault, "it says that its newest snapshot is " + number + ", and does not show it");
  const auto manifest = Manifest::parse(rows.front().manifest);
  if (!manifest) refuse(vault, "its newest snapshot, " + number + ", cannot be read: " + manifest.error().message());
  const Statement& s = manifest->statement();
  if (s.sequence != facts.head || manifest->snapshot_id() != facts.head_digest) refuse(vault, "the newest snapshot that it shows is not the one that it names, " + number);
  if (s.account != keys.account || s.agent != keys.agent) refuse(vault, "its newest snapshot, " + number + ", is of another agent");
  bool ours = manifest->is_bound_by(keys.ring);
  if (manifest->format() == StatementFormat::signed_only && (bound_from == 0 || s.sequence < bound_from)) {
    try {
      Fetcher fetcher(vault, keys, workers);
      auto session = co_await fetcher.session(s.session);
      ours = manifest->open_details(session->key).has_value();
    } catch (const failure& f) {
      if (!is_about_data(f)) throw;
    }
  }
  if (!ours) {
    if (!co_await fits_any(vault, keys)) refuse_key(vault, keys.agent);
    refuse(vault, "its newest snapshot, " + number + ", was not made with this machine's root key");
  }
  const auto receipt = said_by(as_text(rows.front().receipt));
  Head head{s.sequence, manifest->snapshot_id(), {}};
  if (receipt) head.time = wall_time(receipt->time_ns());
  co_return head;
}

std::optional<Head> known_as(AgentState& state, const VaultFacts& facts, const Head& pinned) {
  const auto is = [&](std::uint64_t sequence, const Digest& id) { return sequence == facts.head && id == facts.head_digest; };
  if (is(pinned.sequence, pinned.id)) return pinned;
  const auto pins = state.pins();
  for (auto& p : pins.pin())
    if (const Head head = head_of(p); is(head.sequence, head.id)) return head;
  if (const auto head = state.head(); head && is(head->sequence(), Digest::from(head->digest()).value_or(Digest{}))) return Head{facts.head, facts.head_digest, {}};
  if (const auto given = state.readable_given(); given && is(given->sequence, given->id)) return Head{facts.head, facts.head_digest, {}};
  return std::nullopt;
}

}  // namespace

// 1. nothing that cannot be  2. known here, or proven
task<Head> shown_head(VaultPort& vault, const AgentKeys& keys, Workers& workers, AgentState& state) {
  const VaultFacts facts = vault.facts();
  if (facts.head == 0) co_return Head{};
  if (facts.head > kLastSequence) refuse(vault, "it says that its newest snapshot is " + number_in_words(facts.head) + ", and there are no such numbers");
  const std::optional<Head> known = known_as(state, facts, Head{});
  if (known) co_return *known;
  co_return co_await fetch_head(vault, keys, workers, Heads(state).bound_from());
}

// 1. not less than is known  2. nothing that cannot be  3. known here, or proven
task<Head> prove_head(VaultPort& vault, const AgentKeys& keys, Workers& workers, AgentState& state, Head pinned) {
  const VaultFacts facts = vault.facts();
  if (facts.head < pinned.sequence) refuse_rollback(vault, pinned, number_in_words(facts.head));
  if (facts.head == 0) co_return Head{};
  if (facts.head == pinned.sequence && facts.head_digest != pinned.id) refuse_rollback(vault, pinned, fmt::format("{} ({})", number_in_words(facts.head), facts.head_digest.brief()));
  // Later snapshots do not bring back one that it had lost: the mirror may have brought them before anybody looked.
  if (pinned.sequence > 0 && facts.head > pinned.sequence) {
    const std::vector<RemoteSnapshot> rows = co_await vault.snapshots(pinned.sequence - 1);
    const auto first = rows.empty() ? result<Manifest>{Errc::missing_object} : Manifest::parse(rows.front().manifest);
    if (!first || first->snapshot_id() != pinned.id) refuse_rollback(vault, pinned, number_in_words(facts.head));
  }
  if (facts.head > kLastSequence) refuse(vault, "it says that its newest snapshot is " + number_in_words(facts.head) + ", and there are no such numbers");
  Heads heads(state);
  const std::optional<Head> known = known_as(state, facts, pinned);
  Head head;
  if (known) head = *known;
  else head = co_await fetch_head(vault, keys, workers, heads.bound_from());
  heads.pin(vault.server_id(), head, vault.server());
  co_await look_for_foreign(vault, keys, state);
  co_return head;
}

void compare_listing(const VaultPort& vault, AgentState& state, const Head& pinned, const std::vector<SnapshotInfo>& all) {
  Heads heads(state);
  Head newest;
  bool has_pinned = pinned.sequence == 0;
  std::uint64_t bound_from = 0;
  for (auto& s : all) {
    if (s.missing_from != 0) continue;
    // What is pinned was proven once: that its envelope or its receipt does not open any more is no other history.
    if (!s.ours && (s.sequence != pinned.sequence || s.id != pinned.id)) continue;
    newest = Head{s.sequence, s.id, s.server_time};
    has_pinned = has_pinned || (s.sequence == pinned.sequence && s.id == pinned.id);
    if (s.bound && bound_from == 0) bound_from = s.sequence;
    if (s.sequence == pinned.sequence && s.id != pinned.id) refuse_rollback(vault, pinned, in_words(newest));
  }
  if (!has_pinned) refuse_rollback(vault, pinned, in_words(newest));
  if (newest.sequence > 0 && all.back().ours) heads.pin(vault.server_id(), newest, vault.server());
  if (bound_from > 0) heads.found_bound(bound_from);
}

bool is_history_alarm(const boost::system::system_error& error) noexcept {
  const Errc e = classify(error.code());
  return e == Errc::rollback || e == Errc::fork;
}

namespace {

task<void> look_at_address(HeadParts parts, std::chrono::nanoseconds patience, HeadLook& look) {
  Heads heads(parts.state);
  const Head pinned = heads.pinned(look.target.id);
  Servers::Work work = [&](VaultPort& vault) -> task<void> {
    look.said = vault.facts().head;
    look.head = co_await prove_head(vault, parts.keys, parts.workers, parts.state, pinned);
    look.answered = true;
  };
  try {
    task<void> used = parts.servers.use(look.target, std::move(work));
    co_await with_timeout(parts.timers, patience, std::move(used), "asking " + look.target.name + " for its newest snapshot");
  } catch (const boost::system::system_error& e) {
    if (classify(e.code()) == Errc::cancelled) throw;
    if (look.answered) co_return;  // only its goodbye failed
    look.problem = e.what();
    look.alarm = is_history_alarm(e);
    look.is_forged = dynamic_cast<const forged_head*>(&e) != nullptr;
    look.answered = look.alarm;
    look.is_news = look.alarm && heads.alarm(look.target, look.problem, parts.clock.wall());
  }
}

// One address after the other until the server answers: the first, which worked lately, has half of the time, the next half of what is left.
task<void> look_at_server(HeadParts parts, std::chrono::nanoseconds patience, std::vector<ServerTarget> addresses, HeadLook& look) {
  const SteadyTime end = parts.timers.now() + patience;
  for (auto& target : addresses) {
    const std::chrono::nanoseconds left = end - parts.timers.now();
    look = HeadLook{};
    look.target = target;
    const std::chrono::nanoseconds share = &target == &addresses.back() ? left : left / 2;
    co_await look_at_address(parts, share, look);
    if (look.answered) co_return;
  }
}

}  // namespace

task<std::vector<HeadLook>> look_at_heads(HeadParts parts, std::chrono::nanoseconds patience) {
  Heads(parts.state).forget_alarms_of_others();
  std::vector<std::vector<ServerTarget>> servers;
  for (auto& target : known_ones_first(parts.state, parts.clock, parts.servers.pair())) {
    const auto same = std::find_if(servers.begin(), servers.end(), [&](const auto& s) { return s.front().id == target.id; });
    if (same == servers.end()) servers.push_back({target});
    else same->push_back(target);
  }
  std::vector<HeadLook> out(servers.size());
  Scope scope(co_await asio::this_coro::executor);
  for (std::size_t i = 0; i < servers.size(); ++i) scope.spawn(look_at_server(parts, patience, servers[i], out[i]), "asking " + servers[i].front().name + " for its newest snapshot");
  co_await scope.join();
  co_return out;
}

std::string in_words(const std::vector<HeadLook>& looks) {
  Head newest;
  std::string shown, silent;
  for (auto& l : looks) {
    if (!l.answered || l.alarm) silent += (silent.empty() ? "" : ", ") + l.target.name;
    else shown += (shown.empty() ? "" : "; ") + l.target.name + " shows " + in_words(l.head);
    if (l.head.sequence > newest.sequence) newest = l.head;
  }
  std::string out = "this machine knows nothing of its own history yet. The newest snapshot: " + in_words(newest) + " (" + (shown.empty() ? "no server answered" : shown) + ")";
  if (!silent.empty()) out += ". NOT heard of: " + silent + ", which may have a newer one";
  return out;
}

}  // namespace farkeep
