#include "agent/protection.hpp"

#include <algorithm>

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

std::optional<bool> is_protected(const AgentState& state, const std::string& job) {
  const std::uint64_t newest = state.job(job).snapshot_sequence();
  if (newest == 0) return std::nullopt;
  return known_for(state.protections(), job) >= newest;
}

std::vector<std::string> unprotected_jobs(const AgentState& state, const AgentConfig& config) {
  std::vector<std::string> out;
  for (auto& job : config.jobs)
    if (is_protected(state, job.name) == false) out.push_back(job.name);
  return out;
}

task<void> ask_protection(AgentState& state, std::vector<std::string> jobs, VaultPort& vault, const Certificate& authority) {
  for (auto& job : jobs) {
    const std::uint64_t newest = state.job(job).snapshot_sequence();
    if (newest == 0) continue;
    const std::vector<RemoteSnapshot> rows = co_await vault.snapshots(newest - 1);
    if (rows.empty() || rows.front().partner_receipt.empty()) continue;
    const Manifest manifest = value_or_throw(Manifest::parse(rows.front().manifest), "reading a manifest from " + vault.server());
    if (manifest.statement().sequence != newest || !valid_receipt(rows.front().partner_receipt, manifest.snapshot_id(), authority)) continue;
    remember(state, job, newest);
  }
}

void note_protection(AgentState& state, const AgentConfig& config, std::span<const SnapshotInfo> all) {
  for (auto& job : unprotected_jobs(state, config)) {
    const std::uint64_t newest = state.job(job).snapshot_sequence();
    const auto found = std::find_if(all.begin(), all.end(), [&](auto& s) { return s.sequence == newest; });
    if (found != all.end() && found->is_protected) remember(state, job, newest);
  }
}

}  // namespace farkeep
