#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "crypto/digest.hpp"

namespace farkeep::sim {

/// What a simulation may be made to do wrong on purpose, to see that it is noticed.
enum class Sabotage {
  none,
  lying_disks,        ///< the servers' disks say "synced" and are not
  lasting_partition,  ///< the servers are parted and never meet again
  endless_outage,     ///< the agent never reaches anybody again
};

/// How a simulated life of one agent and its pair of data centres went.
struct Life {
  std::string problem;  ///< empty: every promise was kept
  std::vector<std::string> trace;
  Digest digest;        ///< of the trace and of everything that can be counted: equal for equal runs
  unsigned faults = 0, interruptions = 0;
  unsigned crimes = 0;  ///< of thieves of keys, and disks that were set back
  unsigned junk_first = 0;  ///< objects that thieves put as junk where they were not yet
  std::size_t snapshots = 0;
  double seconds = 0;  ///< of virtual time
  std::uint64_t turns = 0;
};

/// One agent and two servers on one seed.  Backups of a changing tree, while machines lose their power, lines break and disks fail, by chance; and
/// in every other life thieves of keys come, some of them before the mirror does, and disks are set back to an earlier time.
/// Then all faults end, and within a bounded time
///   every snapshot that was acknowledged restores, from either server, to just the tree that was backed up,
///   both servers hold the same snapshots, complete, each with the other's receipt,
///   and nothing hangs: neither in virtual time nor in turns of the loop.
/// `live`: gets the trace line by line as well.
Life live_through(std::uint64_t seed, Sabotage sabotage = Sabotage::none, std::ostream* live = nullptr);

}  // namespace farkeep::sim
