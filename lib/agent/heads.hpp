#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/keys.hpp"
#include "agent/servers.hpp"
#include "agent/snapshots.hpp"
#include "agent/state.hpp"
#include "async/timers.hpp"
#include "async/workers.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"

namespace farkeep {

/// What is wrong when Heads::are_lost(), for alarms.
inline constexpr const char* kLostHeads = "what this machine knew of its snapshots (pins, head) was damaged and is lost: a server that was set back before may have gone unnoticed. "
                                          "Compare farkeep snapshots with what there should be";

/// A snapshot by its place in the agent's history.
struct Head {
  std::uint64_t sequence = 0;  ///< 0: none
  Digest id;
  WallTime time;  ///< when a server acknowledged it, for people; zero where that is not known
};

/// What this machine knows of its own history, for each server apart: the newest snapshot that a server acknowledged to it or showed it with proof.
/// A server that shows an older one later, or another with that number, was set back, replaced, or lies; or an operator has set a snapshot aside there.
///
/// A value of no state: everything lies in the agent's folder.  Each change is read, made and written without waiting in between.
class Heads {
 public:
  explicit Heads(AgentState& state) : state_(state) {}

  Head pinned(const ServerId& server) const;
  /// The newest that any server has acknowledged or shown.
  Head newest_seen() const;
  /// What the next manifest follows: the newest that any server has, or the last that was made here, whatever became of it.
  Head newest() const;
  /// From this number on all of the agent's statements are of format 2; 0: none is known.
  std::uint64_t bound_from() const;

  /// There is an alarm about what it shows.
  bool is_alarmed(const ServerId& server) const;
  /// Keeps the newer one, and forgets an alarm: the server shows what it must.  A newer one that this machine neither made nor knew of, though it has made some, is
  /// another machine's that works as this agent, and noted as that.  `name`: the server's, for people.
  void pin(const ServerId& server, const Head& head, const std::string& name);
  void found_bound(std::uint64_t sequence);
  /// Another machine works as this agent, or this folder was set back: what was seen of that, in words; empty: nothing, since the administrator last said that all is right.
  std::string other_machine() const;
  /// The same, once for each snapshot that shows it.
  std::string news_of_other_machine();
  /// This machine has made snapshots since it first met one of the other's, so the other one is no memory of its own past; its own newest counts as its latest.
  bool works_beside_another() const;
  /// Number and digest of the other's newest; number 0: there is none.
  static Head newest_of_other(const AgentState& state);
  /// Whether that one is among what servers showed.
  bool shows_other_machine(const std::vector<SnapshotInfo>& shown) const;
  void forget_other_machine();
  /// True: it was not known before, and the server is of the pair in force.  Kept until pin().  Where it cannot be kept, nor what was kept be read, it is news.
  bool alarm(const ServerTarget& server, const std::string& text, WallTime now);
  /// The snapshots of this server up to this number were judged by look_for_foreign().
  std::uint64_t judged(const ServerId& server) const;
  /// They were judged up to here; the one after that is none of ours, or there is none such.  `name`: the server's, for people.
  /// `began`: what judged() was when the look began.  False, and nothing changes: it is another by now, for an administrator has accepted what is there, or
  /// another look came first.
  bool judge(const ServerId& server, const std::string& name, std::uint64_t began, std::uint64_t up_to, const Head& foreign);
  /// A snapshot of this server that is none of ours, below its newest; number 0: none is known.
  Head foreign(const ServerId& server) const;
  /// The alarms about such snapshots of the pair in force, each once: empty when all were told.
  std::string news_of_foreign();
  static std::string about_foreign(const agent::pb::Pin& pin);
  /// What was known of the servers could not be read any more, and no run has told of it yet.
  bool are_lost() const;
  void told_of_loss();
  /// Ends the alarms of servers that the directory in force does not name: whoever was replaced shows nothing any more.  What they had stays known.
  void forget_alarms_of_others();
  /// At the word of this machine's administrator: what the server shows now is all that it is known to have.  Its alarm ends; numbers that were given stay given.
  /// `told_up_to`: the administrator was told of all that are none of ours up to this number; those after it are alarms still.
  void accept(const ServerId& server, const Head& shown, std::uint64_t told_up_to);

 private:
  bool is_of_another(const agent::pb::Pins& all, const Head& head) const;
  bool keep_alarm(const ServerTarget& server, const std::string& text, WallTime now);

  AgentState& state_;
};

/// Servers of the pair in force that showed another history than they may, and have not shown the right one since.
struct HistoryAlarm {
  std::string name, text;
  WallTime since;
};
std::vector<HistoryAlarm> history_alarms(const AgentState& state);

/// The newest snapshot that a server shows is none of ours: by whoever has an agent's key, or made up.  What lies below it may be good: it is no predecessor,
/// and no reason not to read.
class forged_head final : public failure {
 public:
  explicit forged_head(std::string text) : failure(Whole{}, Errc::rollback, std::move(text)) {}
};

/// Takes what the server said of its newest snapshot when its vault was opened, and believes nothing of it: either this machine knows that snapshot, or it is
/// fetched, and a holder of this machine's root key has made it.  Then it is pinned.
///
/// `pinned`: as it was before the vault was opened, for another process of this agent may go on meanwhile.
/// Throws failure(rollback): another history than the server has acknowledged or shown; forged_head: a newest snapshot that this agent did not make.
task<Head> prove_head(VaultPort& vault, const AgentKeys& keys, Workers& workers, AgentState& state, Head pinned);

/// Looks at what has come to the server's snapshots since the last look, in order: whoever has an agent's key but not its root key can commit one, and then the honest ones
/// with that number and the next cannot come there any more, while those after them do.  The first such is kept as an alarm (history_alarms) until it has gone.
/// Bounded for each call; the next one goes on.  prove_head does it.
task<void> look_for_foreign(VaultPort& vault, const AgentKeys& keys, AgentState& state);

/// The snapshots that the server lists now and that are none of ours, from `after` on and up to its newest: for who is to accept them.
struct ForeignSnapshots {
  static constexpr std::size_t kMost = 64;  // nobody reads more
  std::vector<Head> first;       ///< at most kMost
  std::uint64_t more = 0;        ///< so many besides
  std::uint64_t told_up_to = 0;  ///< none that is not in `first` lies below this number, nor is it
};
task<ForeignSnapshots> list_foreign(VaultPort& vault, const AgentKeys& keys, AgentState& state, std::uint64_t after);

/// What the server shows, whatever this machine knows of it: proven in the same way, and nothing is kept.  Throws forged_head.
task<Head> shown_head(VaultPort& vault, const AgentKeys& keys, Workers& workers, AgentState& state);

/// The same for a list that was fetched from a server; forged ones above ours change nothing.
void compare_listing(const VaultPort& vault, AgentState& state, const Head& pinned, const std::vector<SnapshotInfo>& all);

/// What one server of the pair shows.
struct HeadLook {
  ServerTarget target;
  Head head;            ///< proven
  std::uint64_t said = 0;  ///< the number of its newest snapshot as it says, proven or not
  bool answered = false;
  bool alarm = false;
  bool is_forged = false;  ///< the alarm is about its newest snapshot alone (forged_head)
  bool is_news = false;  ///< the alarm was not known before
  std::string problem;   ///< why it did not answer, or what the alarm is
};

/// All of it outlives the call.
struct HeadParts {
  Servers& servers;
  AgentState& state;
  const AgentKeys& keys;
  Workers& workers;
  Timers& timers;
  const Clock& clock;
};
/// Asks the servers of the pair side by side, none for longer than `patience`, however many addresses it has.  Alarms are kept (Heads::alarm), nothing is thrown but cancellation.
task<std::vector<HeadLook>> look_at_heads(HeadParts parts, std::chrono::nanoseconds patience);
/// The newest that any of them shows, and who did and did not answer: for a machine that knows nothing of its own history.
std::string in_words(const std::vector<HeadLook>& looks);
/// "number 3 (1a2b3c4d) of 2027-…"; "none".
std::string in_words(const Head& head);

/// Whether a failure says that a server shows another history than it may: rollback or fork.
bool is_history_alarm(const boost::system::system_error& error) noexcept;

}  // namespace farkeep
