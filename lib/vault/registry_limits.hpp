#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/limits.hpp"

/// The registry's bounds, each with its reason.
namespace farkeep::registry_limits {

inline constexpr std::size_t kMaxAgentName = 128, kMaxAccountName = 64;  // host names have 64 bytes at most; a column of a listing
inline constexpr std::size_t kMaxKeys = 8;              // one is usual; two where both servers recovered an agent while they were apart
inline constexpr std::size_t kMaxRetiredKeys = 1000;    // recoveries of one machine: a mistake made daily for years
inline constexpr std::size_t kMaxWord = 48 * limits::kKiB;  // a record with so many keys
inline constexpr std::size_t kMaxProofCsr = limits::kKiB;   // a request for an Ed25519 key has 150 bytes
// An entry without its retired keys: its two certificates, with sixteen addresses, have 1.5 KiB, the longest names and eight keys 1 KiB.
inline constexpr std::size_t kUsualEntry = 4 * limits::kKiB;
inline constexpr int kMaxChain = 3;                         // certificates, as crypto/KEYS.md §6 has it
inline constexpr std::size_t kMaxAlarmJobs = 100, kMaxJobName = 200;  // what alarms.hpp tells of one agent
inline constexpr std::size_t kMaxFile = 4 * limits::kMiB;   // a token with 10,000 uses is the largest: under 1 MiB

// What a partner's key can do that fell into wrong hands (crypto/KEYS.md §6).
inline constexpr std::uint64_t kMostSteps = 1 << 16;            // by which one word's number may exceed the one before: changes of years of outage
inline constexpr std::uint64_t kHighestFirst = std::uint64_t{1} << 32;  // of a record that is new here: a change a second for a century
inline constexpr std::size_t kMostOfPartner = 20'000;           // accounts and agents that it may have brought in: 4 KiB and an inode each, 80 MiB
inline constexpr std::size_t kMostLongBytes = 16 * limits::kMiB;  // of its words, beyond 4 KiB of each: 500 agents that were recovered a thousand times
inline constexpr double kNewcomersAtOnce = 10'000;              // a partner that joins with all its agents
inline constexpr double kNewcomersAnHour = 1'000;               // and then a large roll-out
inline constexpr int kMostOfPage = 8192;                        // entries: each costs a look at the disk; the pages of this program have four thousand of the smallest at most
inline constexpr auto kTimeAhead = std::chrono::hours{24};      // of a report or an alarm: a partner's clock may be wrong, a lie ends within a day

}  // namespace farkeep::registry_limits
