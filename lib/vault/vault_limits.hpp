#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/limits.hpp"

/// What one agent may cost a vault, each with its reason (LOCKING.md §10).
namespace farkeep::vault_limits {

using namespace std::chrono_literals;

// ---- small objects
inline constexpr std::size_t kMaxSlot = 4 * limits::kKiB;      // a slot has 142 or 158 bytes (crypto/KEYS.md); a later kind may be larger
inline constexpr std::size_t kMaxSlots = 64;                   // eight at a time, and those they replaced; all of them fit one answer
inline constexpr std::size_t kSlotsOfPartner = 32;             // of those: half, so that a partner leaves the agent room
inline constexpr std::size_t kSlotsADay = 16;                  // brought by the agent, and by the partner: a new passphrase and a new escrow key, and mistakes; who fills the rest takes days in which somebody notices
inline constexpr std::size_t kMaxReceipt = 16 * limits::kKiB;  // a receipt with its chain of certificates has 1 to 2 KiB

inline constexpr std::size_t kBlock = 4 * limits::kKiB;        // what a file system gives at once: quotas count in it

// ---- numbers of snapshots
inline constexpr std::uint64_t kMostAhead = 1000;                      // above head + 1: numbers that attempts used up which no server took
inline constexpr std::uint64_t kFirstNumber = std::uint64_t{1} << 24;  // in a vault without snapshots, as after the loss of a store: one a minute for 31 years
inline constexpr std::uint64_t kLastNumber = std::uint64_t{1} << 48;   // far from where adding to it overflows, and never reached: kMostAhead a commit, 5,000 commits a day

// ---- commits
inline constexpr std::int64_t kSnapshotsADay = 5000;      // three jobs that each run once a minute, and some by hand
inline constexpr std::size_t kWaitingCommits = 4;         // behind the one in service: the other server's mirror, an agent that came again after its line broke
inline constexpr std::size_t kAttempts = 20;              // of an agent, that made no snapshot: each that lacks something makes a segment of whatever came; an honest agent has one when its line broke
inline constexpr auto kAttemptsWithin = 60s;

// ---- answers
inline constexpr std::size_t kMostAnswer = limits::kMaxFrameHead - limits::kKiB;  // of a page of rows: room for the page's other fields

}  // namespace farkeep::vault_limits
