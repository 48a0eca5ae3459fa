#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace farkeep {

/// Whether a store takes anything now, and how much room it has.
struct StoreHealth {
  bool takes_writes = true;     ///< false: what is here can be read, nothing can be stored
  std::string problem;          ///< why not, for people
  std::uint64_t free = 0;       ///< on its disk…
  std::uint64_t total = 0;      ///< …which is so large; 0: it has no disk of its own
  std::uint64_t reserve = 0;    ///< with less than this free it takes no new data
};

/// Of its disk new data never gets this: a registry of 10,000 agents is 20 MiB, a collection that makes room copies a segment of 16 MiB first, and the
/// indexes of the vaults grow with what it leaves.
inline constexpr std::uint64_t kDiskReserve = std::uint64_t{64} << 20;
/// A small disk keeps so much of itself instead: of 24 MiB 1.5.
inline constexpr std::uint64_t kReserveShare = 16;
/// Of the reserve, what snapshots and slots do not get either: an entry of the registry is 1 KiB.
inline constexpr std::uint64_t kLastReserveShare = 4;
/// How often to look whether there is room again, or the disk well: a write and a sync at most, no load for any disk.
inline constexpr std::chrono::seconds kLookAtDisk{15};

/// What a disk of this size keeps from new data; 0: of an unknown size.
std::uint64_t disk_reserve(std::uint64_t total) noexcept;

}  // namespace farkeep
