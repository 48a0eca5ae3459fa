#pragma once

#include <map>
#include <set>
#include <vector>

#include "agent/servers.hpp"
#include "agent/state.hpp"
#include "sim/earth.hpp"
#include "sim/sim_tree.hpp"

namespace farkeep::sim {

/// What was made and what was promised, as seen from outside: the measure that the machines are held against.
class Promises {
 public:
  explicit Promises(Earth& earth) : earth_(earth) {}

  struct Snapshot {
    std::uint64_t sequence = 0;
    std::size_t version = 0;         ///< of the tree, when it was made
    std::set<ServerId> acknowledged;  ///< by these, to the agent
  };

  /// From now on the agent's tree is this one.
  void tree(const TreeVersion& version) { versions_.push_back(version); }
  /// A manifest is about to be sent.  One number never stands for two snapshots.  Returns the snapshot's id.
  Digest made(ByteView manifest);
  /// Its receipt came.
  void acknowledged(const Digest& id, const ServerId& by);

  /// By the digest of the statement.
  const std::map<Digest, Snapshot>& snapshots() const { return snapshots_; }
  const TreeVersion& version_of(const Snapshot& snapshot) const { return versions_[snapshot.version]; }
  std::size_t acknowledgements() const;

 private:
  Earth& earth_;
  std::vector<TreeVersion> versions_;
  std::map<Digest, Snapshot> snapshots_;
  std::map<std::uint64_t, Digest> numbers_;
};

/// The way to the servers, with a witness who writes down what was sent and acknowledged.
class WitnessedServers final : public Servers {
 public:
  WitnessedServers(Servers& servers, Promises& promises) : servers_(servers), promises_(promises) {}
  std::vector<ServerTarget> pair() const override { return servers_.pair(); }
  task<void> use(ServerTarget target, Work work) override;

 private:
  Servers& servers_;
  Promises& promises_;
};

}  // namespace farkeep::sim
