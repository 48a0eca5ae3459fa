#include "agent/protection.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "agent/heads.hpp"
#include "agent/shown_job.hpp"
#include "base/error.hpp"

namespace farkeep {
namespace {

std::uint64_t known_for(const agent::pb::Protections& all, const std::string& job) {
  for (auto& p : all.protection())
    if (p.job() == job) return p.sequence();
  return 0;
}

void remember(AgentState& state, const std::string& job, std::uint64_t sequence) {
  agent::pb::Protections all = state.protections();
  auto* rows = all.mutable_protection();
  auto at = std::find_if(rows->begin(), rows->end(), [&](auto& p) { return p.job() == job; });
  agent::pb::Protection& row = at == rows->end() ? *rows->Add() : *at;
  row.set_job(job);
  row.set_sequence(sequence);
  state.set_protections(all);
}

}  // namespace

KnownProtection::KnownProtection(const AgentState& state) : state_(state), is_alarmed_(!history_alarms(state).empty()), known_(state.protections()) {}

std::optional<bool> KnownProtection::of(const std::string& job) const {
  const std::uint64_t newest = shown_job(state_, job).snapshot_sequence();
  if (newest == 0) return std::nullopt;
  return !is_alarmed_ && known_for(known_, job) >= newest;  // what a server had, it may have no longer
}

std::vector<std::string> unprotected_jobs(const AgentState& state, const AgentConfig& config) {
  std::vector<std::string> out;
  const KnownProtection known(state);
  for (auto& job : config.jobs)
    if (known.of(job.name) == false) out.push_back(job.name);
  return out;
}

task<void> ask_protection(AgentState& state, std::vector<std::string> jobs, VaultPort& vault, TrustedRoots roots, std::vector<ServerId> pair) {
  for (auto& job : jobs) {
    const std::uint64_t newest = state.job(job).snapshot_sequence();
    if (newest == 0) continue;
    const std::vector<RemoteSnapshot> rows = co_await vault.snapshots(newest - 1);
    if (rows.empty() || rows.front().partner_receipt.empty()) continue;
    const Manifest manifest = value_or_throw(Manifest::parse(rows.front().manifest), "reading a manifest from " + vault.server());
    if (manifest.snapshot_id().raw() != state.job(job).snapshot_digest() || !proves_protection(rows.front(), manifest.snapshot_id(), roots, pair)) continue;
    remember(state, job, newest);
  }
}

task<bool> wait_protected(VaultPort& vault, SnapshotInfo wanted, TrustedRoots roots, std::vector<ServerId> pair, Timers& timers) {
  const SteadyTime until = timers.now() + kWaitProtected;
  std::chrono::nanoseconds pause = std::chrono::milliseconds{500};
  while (timers.now() < until) {
    co_await timers.sleep(std::min<std::chrono::nanoseconds>(pause, until - timers.now()));
    pause = std::min<std::chrono::nanoseconds>(2 * pause, kMostBetween);
    const std::vector<RemoteSnapshot> rows = co_await vault.snapshots(wanted.sequence - 1);
    if (rows.empty()) co_return false;  // it was set aside
    const Manifest manifest = value_or_throw(Manifest::parse(rows.front().manifest), "reading a manifest from " + vault.server());
    if (manifest.snapshot_id() != wanted.id) co_return false;
    if (proves_protection(rows.front(), wanted.id, roots, pair)) co_return true;
  }
  co_return false;
}

std::vector<std::string> settle_jobs(AgentState& state, const AgentConfig& config, std::span<const SnapshotInfo> there) {
  std::vector<std::string> out;
  for (auto& job : config.jobs) {
    agent::pb::Job record = state.job(job.name);
    const std::uint64_t before = record.snapshot_sequence();
    if (before == 0) continue;
    const SnapshotInfo* newest = nullptr;
    bool is_there = false;
    for (auto& s : there) {
      if (s.missing_from != 0) continue;
      is_there = is_there || (s.sequence == before && s.id.raw() == record.snapshot_digest());
      if (s.ours && s.problem.empty() && s.details.job == job.name && (!newest || s.sequence > newest->sequence)) newest = &s;
    }
    if (is_there) continue;
    record.set_snapshot_sequence(newest ? newest->sequence : 0);
    record.set_snapshot_digest(newest ? newest->id.raw() : std::string{});
    record.set_snapshot_root(newest ? newest->root.raw() : std::string{});
    record.set_last_good_ns(newest ? newest->server_time.time_since_epoch().count() : 0);
    record.set_lost(record.lost() && !newest);
    state.set_job(job.name, record);
    remember(state, job.name, newest && newest->is_protected ? newest->sequence : 0);
    out.push_back(fmt::format("job {}: its newest snapshot was number {} and is {} now", job.name, before, newest ? fmt::format("number {} ({})", newest->sequence, newest->id.brief()) : "none"));
  }
  state.insist();
  return out;
}

void note_protection(AgentState& state, const AgentConfig& config, std::span<const SnapshotInfo> all) {
  for (auto& job : unprotected_jobs(state, config)) {
    const std::uint64_t newest = state.job(job).snapshot_sequence();
    const std::string id = state.job(job).snapshot_digest();
    const auto found = std::find_if(all.begin(), all.end(), [&](auto& s) { return s.missing_from == 0 && s.sequence == newest && s.id.raw() == id; });
    if (found != all.end() && found->is_protected) remember(state, job, newest);
  }
}

}  // namespace farkeep
