#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/limits.hpp"

namespace farkeep {

/// How much of what a run may hold at once.  As it is by default: what makes it fastest; more would bring nothing.
struct MemoryPlan {
  // backups
  std::size_t unacked = limits::kUnackedBytes;  ///< bytes sent ahead of durable acknowledgements
  std::size_t reading = 6;                      ///< units of work under way, each of about 4 MiB; two cores are busy with three
  std::size_t known = 2'000'000;                ///< ids remembered as being on the server, in about 60 bytes each: 0.1 TB of distinct content in one run
  std::size_t names = 32 * limits::kMiB;        ///< names of folders that the walk is in
  // restores
  std::size_t restored = 8 * limits::kMiB;      ///< content fetched and written as one unit, or piece of a large file
  std::size_t restoring = 4;                    ///< units under way: one fetched, two written, one waiting
  std::size_t restoring_large = 2;              ///< large files at once: each has pieces fetched, waiting and written
  // both
  std::size_t kept = 16 * limits::kMiB;         ///< opened records: neighbours in the catalog lie in the same few

  /// The least for which a plan can be made, and from where on there is nothing to limit.
  static constexpr std::uint64_t kLeast = 64 * limits::kMiB, kEnough = 256 * limits::kMiB;
  /// For a process that is to stay below `limit` bytes (at least kLeast) in all: its resident memory, with the program itself.  Nothing: no limit.
  /// What it does not know of: the stacks of very many threads, and how the system's allocator cuts its pages.
  static MemoryPlan of(std::optional<std::uint64_t> limit);
};

}  // namespace farkeep
