#pragma once

#include <optional>

#include "agent/backup.hpp"
#include "agent/keys.hpp"
#include "agent/restore.hpp"
#include "sim/machine.hpp"
#include "sim/promises.hpp"

namespace farkeep::sim {

/// A machine that is backed up: the daemon of lib/agent, in words of its parts, and a user who changes files between the runs.
class AgentMachine final : public Machine {
 public:
  AgentMachine(Earth& earth, const char* address, Promises& promises);
  static constexpr const char* kState = "/agent";

  /// Once, before run(): what registration gave.
  void registered(const Certificate& authority);
  /// Makes that many more backups, whatever it takes, each of a tree that has changed.
  task<void> back_up(unsigned times);
  /// Reads all that the server has, as a machine does that was lost: every snapshot that it lists must be one that was made, be whole,
  /// and restore to just the tree of that time; what it acknowledged must be there.  Returns the digests.
  /// `sample`: only one of them is restored.
  enum class Depth { sample, all };
  task<std::set<Digest>> examine(ServerTarget target, Depth depth);
  /// What its certificate says, for those who stole it.
  const PeerIdentity& shown_identity() const { return shown_; }
  /// A server's disk was set back: that this is noticed is no fault.
  void excuse_alarms() { alarms_excused_ = true; }
  /// Thieves may have put junk at a server before the mirror came there.  Until it has, a run that needs what is there may fail, and a snapshot is looked back at
  /// only when it is protected, and all before it.
  void expect_junk() { junk_expected_ = true; }
  /// As assigned at registration, primary first.
  std::vector<ServerTarget> pair();

 protected:
  task<void> live() override;
  task<void> clean_up() override;

 private:
  struct Program;
  task<void> one_backup(Program& program);
  task<void> look_back(Program& program);
  task<void> examine_with(Servers& servers, const AgentKeys& keys, ServerTarget target, Depth depth, std::set<Digest>& found);
  task<void> restore_and_compare(VaultPort& vault, const AgentKeys& keys, SnapshotInfo snapshot);
  bool is_settled(const std::vector<SnapshotInfo>& all, const SnapshotInfo& one) const;
  void judge(const boost::system::system_error& error);

  Promises& promises_;
  SimClock clock_;
  SimRandom random_;
  Dice habits_;
  SimTree tree_;
  BackupJob job_;
  std::optional<Certificate> authority_;
  unsigned wanted_ = 0, done_ = 0;
  PeerIdentity shown_;
  bool alarms_excused_ = false, junk_expected_ = false;
  bool tree_is_new_ = false;  // no run of it has ended yet
  Waiters command_, progress_;
};

}  // namespace farkeep::sim
