#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "agent/address_book.hpp"
#include "agent/heads.hpp"
#include "archive/manifest.hpp"
#include "base/limits.hpp"
#include "base/valid_text.hpp"
#include "wire/message.hpp"

// Snapshots under this agent's name, among the honest ones, that its root key did not make.
namespace farkeep {
namespace {

constexpr int kMostPagesAtOnce = 16;  // of 256 snapshots: a look has a time limit, and the next one goes on
constexpr std::size_t kMostName = 256;

Head head_of_foreign(const agent::pb::Pin& p) {
  return {p.foreign().sequence(), Digest::from(p.foreign().digest()).value_or(Digest{}), WallTime{std::chrono::nanoseconds(p.foreign().time_ns())}};
}

const agent::pb::Pin* pin_of(const agent::pb::Pins& all, const ServerId& server) {
  const auto at = std::find_if(all.pin().begin(), all.pin().end(), [&](const agent::pb::Pin& p) { return p.server() == server.raw(); });
  return at == all.pin().end() ? nullptr : &*at;
}

WallTime acknowledged(std::string_view signed_receipt) {
  const auto document = wire::parse_message<wire::pb::SignedReceipt>(signed_receipt);
  const auto receipt = document ? wire::parse_message<wire::pb::Receipt>(document->receipt()) : result<wire::pb::Receipt>{Errc::malformed};
  return receipt ? WallTime{std::chrono::nanoseconds(receipt->time_ns())} : WallTime{};
}

failure out_of_order(const VaultPort& vault) { return failure(Errc::protocol, "looking at snapshots: " + vault.server() + " sent them out of order"); }

// A statement of format 1 binds nothing: before the first of format 2 only its details could tell, and farkeep snapshots looks at those.
bool is_foreign(const Manifest& m, const AgentKeys& keys, std::uint64_t bound_from) {
  const Statement& s = m.statement();
  if (s.account != keys.account || s.agent != keys.agent) return true;
  if (m.format() == StatementFormat::bound) return !m.is_bound_by(keys.ring);
  return bound_from != 0 && s.sequence >= bound_from;
}

}  // namespace

std::uint64_t Heads::judged(const ServerId& server) const {
  const auto all = state_.pins();
  const auto* pin = pin_of(all, server);
  return !pin ? 0 : pin->has_judged() ? pin->judged() : pin->sequence();
}

Head Heads::foreign(const ServerId& server) const {
  const auto all = state_.pins();
  const auto* pin = pin_of(all, server);
  return pin && pin->has_foreign() ? head_of_foreign(*pin) : Head{};
}

bool Heads::judge(const ServerId& server, const std::string& name, std::uint64_t began, std::uint64_t up_to, const Head& foreign) {
  if (judged(server) != began) return false;
  auto all = state_.pins();
  for (auto& pin : *all.mutable_pin()) {
    if (pin.server() != server.raw()) continue;
    pin.set_judged(up_to);
    if (foreign.sequence == 0) {
      pin.clear_foreign();
    } else if (!(head_of_foreign(pin).id == foreign.id) || pin.foreign().sequence() != foreign.sequence) {
      pin.clear_foreign();
      pin.set_name(valid_text(name, kMostName));
      pin.mutable_foreign()->set_sequence(foreign.sequence);
      pin.mutable_foreign()->set_digest(foreign.id.raw());
      pin.mutable_foreign()->set_time_ns(foreign.time.time_since_epoch().count());
    }
  }
  if (all.SerializeAsString() != state_.pins().SerializeAsString()) state_.set_pins(all);
  return true;
}

std::string Heads::about_foreign(const agent::pb::Pin& pin) {
  const Head head = head_of_foreign(pin);
  return fmt::format("{} has among this machine's snapshots one that was not made with its root key: number {} ({}). Somebody has this machine's certificate and its key, or that server made it up; it keeps this "
                     "machine's own number {} away from there. Ask the operator to look at it, and to set it aside there (farkeep-server snapshots set-aside); then the mirror brings the right one",
                     pin.name(), head.sequence, head.id.brief(), head.sequence);
}

std::string Heads::news_of_foreign() {
  auto all = state_.pins();
  const auto in_force = servers_in_force(state_);
  std::string news;
  for (auto& pin : *all.mutable_pin()) {
    const bool serves = in_force.empty() || std::any_of(in_force.begin(), in_force.end(), [&](const ServerId& id) { return id.raw() == pin.server(); });
    if (!pin.has_foreign() || pin.foreign().told() || !serves) continue;
    pin.mutable_foreign()->set_told(true);
    news += (news.empty() ? "" : "; ") + about_foreign(pin);
  }
  if (!news.empty()) state_.set_pins(all);
  return news;
}

task<void> look_for_foreign(VaultPort& vault, const AgentKeys& keys, AgentState& state) {
  Heads heads(state);
  const std::uint64_t head = vault.facts().head;
  for (int pages = 0; pages < kMostPagesAtOnce; ++pages) {
    const std::uint64_t after = heads.judged(vault.server_id());
    std::vector<RemoteSnapshot> rows;
    if (after < head) rows = co_await vault.snapshots(after);
    std::uint64_t up_to = after;
    Head foreign;
    for (auto& row : rows) {
      const auto manifest = Manifest::parse(row.manifest);
      if (!manifest) continue;  // farkeep snapshots says so
      const std::uint64_t number = manifest->statement().sequence;
      if (number <= up_to) throw out_of_order(vault);
      if (is_foreign(*manifest, keys, heads.bound_from())) {
        foreign = Head{number, manifest->snapshot_id(), acknowledged(as_text(row.receipt))};
        break;
      }
      if (manifest->format() == StatementFormat::bound) heads.found_bound(number);
      up_to = number;
    }
    const bool kept = heads.judge(vault.server_id(), vault.server(), after, up_to, foreign);
    if (!kept || foreign.sequence > 0 || up_to == after) co_return;
  }
}

// Numbers ascend, so this ends; what came meanwhile, above the newest that the server named, is for the next look.
task<ForeignSnapshots> list_foreign(VaultPort& vault, const AgentKeys& keys, AgentState& state, std::uint64_t after) {
  const std::uint64_t head = vault.facts().head, bound_from = Heads(state).bound_from();
  ForeignSnapshots out;
  out.told_up_to = head;
  for (std::uint64_t seen = after, before = seen; seen < head; before = seen) {
    const std::vector<RemoteSnapshot> rows = co_await vault.snapshots(seen);
    for (auto& row : rows) {
      const auto manifest = Manifest::parse(row.manifest);
      if (!manifest) continue;
      const std::uint64_t number = manifest->statement().sequence;
      if (number <= seen) throw out_of_order(vault);
      seen = number;
      if (number > head || !is_foreign(*manifest, keys, bound_from)) continue;
      if (out.first.size() < ForeignSnapshots::kMost) out.first.push_back(Head{number, manifest->snapshot_id(), acknowledged(as_text(row.receipt))});
      else ++out.more;
    }
    if (seen == before) {  // nothing that can be read: what lies behind it was not looked at
      out.told_up_to = seen;
      break;
    }
  }
  if (out.more > 0) out.told_up_to = out.first.back().sequence;
  co_return out;
}

}  // namespace farkeep
