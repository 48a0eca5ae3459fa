#pragma once

#include <cstdint>

namespace farkeep {

/// Who brought a key slot to this server.
enum class SlotFrom { agent, partner };

/// A key slot's number in the store (LOCKING.md §1): who brought it, on which day, and which of them all it is.  So both can be counted after a
/// restart, and slots of one side stand in the order of their coming.  Those of earlier versions are of day 0, and count as the agent's.
struct SlotNumber {
  SlotFrom from = SlotFrom::agent;
  std::uint32_t day = 0;  ///< since 1970; 31 bits
  std::uint32_t n = 0;

  static SlotNumber of(std::uint64_t number) {
    return {number >> 63 != 0 ? SlotFrom::partner : SlotFrom::agent, static_cast<std::uint32_t>(number >> 32) & 0x7fffffffu, static_cast<std::uint32_t>(number)};
  }
  std::uint64_t number() const { return (from == SlotFrom::partner ? std::uint64_t{1} << 63 : 0) | std::uint64_t{day & 0x7fffffffu} << 32 | n; }
  static std::uint32_t day_of(std::int64_t ns) { return ns < 0 ? 0 : static_cast<std::uint32_t>(ns / (std::int64_t{86'400} * 1'000'000'000)) & 0x7fffffffu; }
};

}  // namespace farkeep
