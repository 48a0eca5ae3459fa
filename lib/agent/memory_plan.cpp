#include "agent/memory_plan.hpp"

#include <algorithm>

namespace farkeep {
namespace {

// Measured: an idle program has 14 MiB; the compressor, the connection and the streams of catalogs take the rest.
constexpr std::uint64_t kProgram = 36 * limits::kMiB;
constexpr std::uint64_t kUnit = 5 * limits::kMiB;        // read, gathered, sealed
constexpr std::uint64_t kKnownId = 64;

template <class T>
T between(std::uint64_t value, T least, T most) { return static_cast<T>(std::clamp<std::uint64_t>(value, least, most)); }

}  // namespace

MemoryPlan MemoryPlan::of(std::optional<std::uint64_t> limit) {
  const MemoryPlan most;
  if (!limit || *limit >= kEnough) return most;
  const std::uint64_t room = std::max(*limit, kLeast) - kProgram;
  MemoryPlan plan;
  plan.unacked = between(room * 2 / 5, 8 * limits::kMiB, most.unacked);
  plan.reading = between(room * 2 / 5 / kUnit, std::size_t{1}, most.reading);
  plan.known = between(room / 5 / kKnownId, std::size_t{65536}, most.known);
  plan.names = between(room / 5, 4 * limits::kMiB, most.names);
  // A unit's records are as large again: only a part of each may be what it needs.
  plan.kept = between(room / 8, 2 * limits::kMiB, most.kept);
  plan.restored = between(room / 16, 1 * limits::kMiB, most.restored);
  plan.restoring = between(room / (4 * plan.restored), std::size_t{2}, most.restoring);
  plan.restoring_large = room >= 64 * limits::kMiB ? most.restoring_large : 1;
  return plan;
}

}  // namespace farkeep
