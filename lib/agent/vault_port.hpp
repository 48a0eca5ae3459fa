#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/bytes.hpp"
#include "base/id.hpp"

namespace farkeep {

/// What the server said when the vault was opened.
struct VaultFacts {
  std::uint64_t head = 0;
  Digest head_digest;
  std::uint64_t objects = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t quota_bytes = 0;
};

/// A snapshot as a server keeps it; all three are serialised messages.
struct RemoteSnapshot {
  Buffer manifest;         ///< archive SignedManifest
  Buffer receipt;          ///< wire SignedReceipt
  Buffer partner_receipt;  ///< empty: not protected yet
};

/// This agent's vault on one server, opened: everything that backup, restore and check ask of it (PROTOCOL.md §3).
///
/// Calls may run side by side on one thread.  All throw failure: disconnected and timed_out when the session is over,
/// otherwise what the server answered.
class VaultPort {
 public:
  virtual ~VaultPort() = default;
  virtual const VaultFacts& facts() const = 0;
  virtual std::string server() const = 0;  ///< for messages
  virtual ServerId server_id() const = 0;

  /// Which of the ids the server has (received counts, durable or not).  At most limits::kIdsPerQuestion.
  virtual task<std::vector<bool>> have(std::vector<ObjectId> ids) = 0;
  /// Returns when the records are durable.  `on_its_way` is called when they stand in line on the connection: whatever is asked after
  /// that comes behind them.  `soon`: nothing more is sent until that comes back, so the server waits for nothing more (PROTOCOL.md §3.2).
  enum class Haste { none, soon };
  virtual task<void> put(Buffer records, std::function<void()> on_its_way, Haste haste) = 0;
  struct Commit {
    Buffer receipt;                 ///< serialised SignedReceipt, when committed
    std::vector<ObjectId> missing;  ///< otherwise
  };
  virtual task<Commit> commit(Buffer manifest) = 0;
  /// Snapshots with sequence numbers above `after`, oldest first; at most limits::kPageSnapshots, none only at the end.
  virtual task<std::vector<RemoteSnapshot>> snapshots(std::uint64_t after) = 0;
  /// Every record that holds one of the ids, each once, in calls of `sink` with one or more whole records.  Returns the ids
  /// that the server does not have.
  using Sink = std::function<task<void>(Buffer records)>;
  virtual task<std::vector<ObjectId>> get(std::vector<ObjectId> ids, Sink sink) = 0;
  /// The same for records that were of no use: of each id the first copy whose record is not among `not_these` (SHA-256); what has no
  /// other one is returned.  At most limits::kIdsOfOtherCopies and limits::kNotThese.  The server hears by it that its copies are bad.
  virtual task<std::vector<ObjectId>> get_others(std::vector<ObjectId> ids, std::vector<Digest> not_these, Sink sink) = 0;
  /// Tells how this agent's jobs stand: a serialised wire Report.
  virtual task<void> report(Buffer report) = 0;
  virtual task<void> add_slot(Buffer slot) = 0;
  virtual task<std::vector<Buffer>> slots() = 0;
};

/// The other server of the pair, for what the first cannot give.  Connected to for each call: they are rare.
class OtherVault {
 public:
  virtual ~OtherVault() = default;
  /// Throws failure for a server that cannot be reached, and whatever the work throws.
  virtual task<void> use(std::function<task<void>(VaultPort&)> work) = 0;
};

}  // namespace farkeep
