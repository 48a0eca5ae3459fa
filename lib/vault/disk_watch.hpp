#pragma once

#include <optional>
#include <string>

#include "store/store_health.hpp"
#include "transport/notice.hpp"

namespace farkeep {

/// Tells people how a server's disk is: once when it gets worse, once when it is better again.  Pure; one thread.
class DiskWatch {
 public:
  enum class Level {
    ok,
    low,      ///< less than four reserves, or a twentieth of the disk: days of one more machine's backups
    full,     ///< less than the reserve: no new data is taken; restores, receipts, registrations and revocations go on
    no_data,  ///< nothing can be stored: what is here can be restored
  };

  /// What people were told last, by an earlier run.  Before the first look.
  void was_told(Level level) noexcept { level_ = level; }

  /// What there is to tell now.  A level counts as left for a better one only with an eighth more room than it took to enter it, so that a disk at the edge is
  /// not told of all day.
  std::optional<Notice> see(const StoreHealth& health);

  /// Something did not find room just now, however much there is: the disk counts as full until an eighth more is free, or nothing was refused for an hour.
  void refused() noexcept { refused_ = true; }

  Level level() const noexcept { return level_; }
  const StoreHealth& health() const noexcept { return health_; }

 private:
  StoreHealth health_;
  Level level_ = Level::ok;
  bool refused_ = false;                   // since the last look
  std::optional<std::uint64_t> full_at_;  // so much was free when something found no room…
  unsigned looks_since_ = 0;              // …so many looks ago
};

const char* name_of(DiskWatch::Level level) noexcept;

/// "12.5 GiB of 900.0 GiB free"
std::string room_text(const StoreHealth& health);

}  // namespace farkeep
