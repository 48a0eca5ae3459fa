#include "vault/disk_watch.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

using Level = DiskWatch::Level;

constexpr std::uint64_t kLowReserves = 4;   // 256 MiB on most disks: room for an administrator to act in
constexpr unsigned kRefusalCounts = 240;    // looks, of 15 s each: an hour, for room that came and went shows in nothing else
constexpr std::uint64_t kLowShare = 20;     // of a large disk 5 %

Level level_of(const StoreHealth& health, std::uint64_t free) {
  if (!health.takes_writes) return Level::no_data;
  if (health.reserve == 0) return Level::ok;
  if (free < health.reserve) return Level::full;
  return free < std::max(kLowReserves * health.reserve, health.total / kLowShare) ? Level::low : Level::ok;
}

std::string text_of(Level level, const StoreHealth& health) {
  switch (level) {
    case Level::ok: return "the disk has room again: " + room_text(health);
    case Level::low: return "the disk is getting full: " + room_text(health) + "; new data is taken until " + std::to_string(health.reserve / limits::kMiB) + " MiB are left";
    case Level::full:
      if (health.free >= health.reserve)
        return "the disk is full: " + room_text(health) + ", and something that was brought did not fit (a large segment, a quota of this user, or inodes: df -i); such things go to the partner. Give it more room: the server goes on by itself";
      return "the disk is full: " + room_text(health) + "; no new data is taken, restores go on. Give it more room, or more inodes where those ran out first (df; df -i): the server goes on by itself";
    case Level::no_data:
      return "nothing can be stored, restores go on: " + health.problem + ". See to the disk; the server goes on by itself when it takes something again";
  }
  return {};
}

}  // namespace

const char* name_of(Level level) noexcept {
  switch (level) {
    case Level::ok: return "ok";
    case Level::low: return "low";
    case Level::full: return "full";
    case Level::no_data: return "read only";
  }
  return "unknown";
}

std::string room_text(const StoreHealth& health) {
  auto const mib = [](std::uint64_t bytes) { return std::to_string(bytes / limits::kMiB) + " MiB"; };
  return mib(health.free) + " of " + mib(health.total) + " free";
}

std::optional<Notice> DiskWatch::see(const StoreHealth& health) {
  health_ = health;
  auto next = level_of(health, health.free);
  if (std::exchange(refused_, false)) {
    full_at_ = health.free;
    looks_since_ = 0;
  } else if (full_at_ && (health.free > *full_at_ + *full_at_ / 8 || ++looks_since_ >= kRefusalCounts)) {
    full_at_.reset();
  }
  if (full_at_) next = std::max(next, Level::full);
  if (next < level_ && level_ != Level::no_data) next = std::min(level_, level_of(health, health.free - health.free / 8));
  if (next == level_) return std::nullopt;
  bool const is_better = next < level_;
  level_ = next;
  if (is_better && next == Level::low) return Notice{Notice::Event::disk, "", "the disk takes new data again: " + room_text(health), true};
  if (is_better && next == Level::full) return Notice{Notice::Event::disk, "", "the disk can be written again, and is full: " + room_text(health), true};
  return Notice{Notice::Event::disk, "", text_of(next, health), true};
}

}  // namespace farkeep
