#include "vault/vault_cost.hpp"

#include <algorithm>
#include <chrono>

#include "base/log.hpp"
#include "vault/vault.hpp"

// What a vault costs, and what its agent may make of it in a day.
namespace farkeep {
namespace {

constexpr std::int64_t kDay = std::chrono::nanoseconds{std::chrono::hours{24}}.count();

bool within_a_day(std::int64_t time, std::int64_t now) { return time > now - kDay && time < now + kDay; }

}  // namespace

// Every folder but the segments', whatever later versions keep there.
task<void> Vault::count_small_objects() {
  std::uint64_t total = 0;
  auto const folders = co_await store_.list_folders(layout_.top());
  for (const std::string& folder : folders) {
    if (layout_.top() + folder + '/' == layout_.segments()) continue;
    auto const objects = co_await store_.list(layout_.top() + folder + '/');
    for (const ObjectInfo& object : objects) total += in_blocks(object.size);
  }
  small_bytes_ = total;
}

// What was uploaded within the quota can be committed: snapshots and receipts may take an eighth of it besides, and a MiB.  What the partner
// has accepted may take as much again, for both sides do not count the same to the byte.
void Vault::check_room(std::size_t bytes, bool from_mirror) const {
  if (settings_.quota_bytes == 0) return;
  std::uint64_t const besides = settings_.quota_bytes / 8 + limits::kMiB;
  std::uint64_t const most = settings_.quota_bytes + (from_mirror ? 2 * besides : besides);
  std::uint64_t const needs = in_blocks(bytes + vault_limits::kMaxReceipt) + vault_limits::kBlock;
  if (stored_bytes() + writer_.pending_bytes() + needs > most) throw failure(Errc::quota, "committing a snapshot");
}

// Those that lack something make a small segment of what came; the others cost a judgement and a look at what is stored.
void Vault::check_attempts() {
  auto const since = timers_.now() - vault_limits::kAttemptsWithin;
  std::erase_if(attempts_, [&](SteadyTime t) { return t <= since; });
  if (attempts_.size() >= vault_limits::kAttempts)
    throw failure(Errc::busy, "committing a snapshot: too many commits that made none came within a minute");
}

// Counted by receipts, so that a restart forgets nothing.  Snapshots that the mirror brought count when the agent made them, not when they came.
void Vault::check_day(std::int64_t now_ns) const {
  auto const today = std::count_if(rows_.begin(), rows_.end(), [&](const auto& row) { return within_a_day(row.second.received_ns, now_ns); });
  if (today < settings_.snapshots_a_day) return;
  log_warning("{} has made {} snapshots within a day: it makes no more until that is over", layout_.top(), settings_.snapshots_a_day);
  throw failure(Errc::quota, "committing a snapshot: this agent made " + std::to_string(settings_.snapshots_a_day) + " within 24 hours, which is the most");
}

std::size_t Vault::memory() const {
  constexpr std::size_t kBase = 256 * limits::kKiB, kRow = 128, kGroup = 24, kRecent = 96;
  return kBase + index_.table_memory() + index_.recent_count() * kRecent + rows_.size() * kRow + (complete_.group_count() + at_partner_.group_count()) * kGroup;
}

}  // namespace farkeep
