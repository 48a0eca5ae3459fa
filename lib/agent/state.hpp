#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "platform/hint_files.hpp"
#include "agent/state.pb.h"
#include "base/id.hpp"
#include "crypto/key_file.hpp"
#include "crypto/secret.hpp"
#include "crypto/signature.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// An agent's own folder: identity, root key, assignment, head, and what each job remembers.
///
/// Every file is replaced atomically and is durable when a call returns.  Files are 0600, folders 0700.  Nothing here is
/// needed to restore on another machine: the key slots and the snapshots are on the servers.
///
/// What servers, jobs and snapshots are remembered by is only a hint (HintFiles): where the disk does not take it the call returns all the same, and it counts
/// in memory.  Whoever cannot go on before it is durable says insist().
class AgentState {
 public:
  AgentState(Disk& disk, std::string folder);

  /// The lock that one run, recovery or daemon holds; nothing while another process has it.  With it, of two copies a damaged one is written anew from the other:
  /// a process that only looks may be slower than one that writes.
  std::unique_ptr<DiskLock> lock();

  /// Throws what the disk says of a hint that it did not take.
  void insist() { hints_.insist(); }
  /// False: the disk did not take all hints yet.
  bool has_all_hints() { return hints_.write_rest(); }

  // Identity.  Missing until registration.
  bool registered() const;
  bool has_identity() const;  ///< a file of that name, whatever it holds
  agent::pb::Identity identity() const;                       ///< throws configuration: not registered, what to do
  void set_identity(const agent::pb::Identity& identity);
  AgentId agent_id() const;                                   ///< zero until registration, and where the identity cannot be read
  SecretText key_pem() const;                                 ///< the agent's private key, PKCS#8
  void set_key_pem(std::string_view pem);
  bool has_key() const;
  void remove_key();
  /// The identity's file or the key's, whatever it holds, gets another name: `<name>.aside-N`.  Nothing where there is none.
  void put_identity_aside() { put_aside("identity"); }
  void put_key_aside() { put_aside("agent.key"); }
  /// How an agent whose identity or key cannot be read gets them again, for messages.
  std::string how_to_recover() const;
  /// Throws configuration when it is missing; damaged, or what else is wrong with the file; identity when it is another agent's.  Says what to do.
  SecretKey root_key() const;
  /// Bound to the agent whose key it is (KEYS.md §9).
  void set_root_key(const SecretKey& root, const KeyOwner& owner);
  /// Whether root_key() would give one.
  bool has_root_key() const;
  /// Whose it is, if the file is whole and says so.
  std::optional<KeyOwner> root_key_owner() const;
  /// A file of an older version says henceforth whose key it is.  Nothing when there is none, or it does so already.
  void bind_root_key();
  /// The file, whatever it holds, gets another name: it may be all that somebody has.
  void put_root_key_aside() { put_aside("root.key"); }

  /// Whose history lies here, as noted beside it: it outlives an identity that is lost.  Of an older version's folder: whose the root key is.
  std::optional<KeyOwner> history_owner() const;
  /// Notes it.  Where history of another agent lies, or of nobody knows whom, that is moved to `aside-N` first; returns that folder's path, or nothing.
  std::string begin_history(const KeyOwner& owner);
  /// A folder of an older version says henceforth whose history it holds.
  void note_owner();

  /// What was begun here and may have been cut off: "register", or "recover" and the agent's id; empty: nothing.
  std::string unfinished() const;
  void set_unfinished(std::string_view what);
  void clear_unfinished();
  /// What to do about it, for messages; empty: nothing.  A machine that has an identity and no root key is in the middle of a recovery, whatever was noted.
  std::string how_to_finish() const;

  /// The signed address directory as received; empty before registration.  It, the next one and the root's word are hints.
  Buffer directory() const;
  void set_directory(ByteView signed_directory);
  /// A newer one, whose addresses have not worked yet; empty: none.
  Buffer next_directory() const;
  void set_next_directory(ByteView signed_directory);
  void clear_next_directory();
  /// The newest root's word as received; empty: none was ever heard.
  Buffer root_word() const;
  void set_root_word(ByteView signed_word);

  /// The head, from whichever of its two copies is whole and newer.  It and the pins are hints, once a manifest's number is `given`.
  std::optional<agent::pb::Head> head() const;
  void set_head(const agent::pb::Head& head);

  /// What each server was seen to have; use Heads.  In two copies, like the head: losing it would hide a rollback, and where nothing of either can be read
  /// `lost` says so, until a run has told of it.
  agent::pb::Pins pins() const;
  void set_pins(const agent::pb::Pins& pins);

  /// The manifest that was made and perhaps sent, whose acknowledgement is not known.
  struct Pending {
    std::uint64_t sequence;
    std::string job;
    Buffer manifest;
  };
  /// Throws damaged: for put_pending_aside().
  std::optional<Pending> pending() const;
  /// `id`: the snapshot's, which the next manifest names as its predecessor.
  void set_pending(const Pending& pending, const Digest& id);
  void clear_pending();
  /// Takes it out of the way, for a server will never have it: it is kept below pending-aside, the last kMostAside of them.  Returns the file's name.
  std::string put_pending_aside();
  static constexpr std::size_t kMostAside = 8;  // of at most 256 KiB: enough to see what happened
  /// The last manifest that was ever made here, whatever became of it: its number is never used twice, and the chain goes on from it, for a
  /// server may have it without our knowing.
  struct Given {
    std::uint64_t sequence = 0;  ///< 0: none
    Digest id;
  };
  /// Throws damaged where neither copy is whole: a number must not be used twice.
  Given last_given() const;
  /// The same for whoever only looks; nothing where neither copy is whole.
  std::optional<Given> readable_given() const;
  /// `farkeep recover` alone: a number above all that may have been used.
  void set_last_given(const Given& given);

  /// A hint; so are endpoints and protections.  Of a record that is damaged nothing is left but that it is `lost`: whoever writes it again keeps that.
  agent::pb::Job job(const std::string& name) const;
  void set_job(const std::string& name, const agent::pb::Job& job);
  std::string job_folder(const std::string& name) const;  ///< made if missing

  agent::pb::Endpoints endpoints() const;
  void set_endpoints(const agent::pb::Endpoints& endpoints);
  agent::pb::Pauses pauses() const;
  void set_pauses(const agent::pb::Pauses& pauses);
  agent::pb::Protections protections() const;
  void set_protections(const agent::pb::Protections& protections);
  /// Empty: no slot for an organisation was put on a server yet.
  agent::pb::Escrow escrow() const;
  void set_escrow(const agent::pb::Escrow& escrow);

  /// A file of it: whether there is one, and its bytes if they can be read and are not longer than such a file may be.
  struct Found {
    bool exists = false;
    std::optional<Buffer> bytes;
  };

  Disk& disk() const { return disk_; }
  const std::string& folder() const { return folder_; }

 private:
  std::string path(std::string_view name) const { return folder_ + "/" + std::string{name}; }
  std::optional<Buffer> load(std::string_view name) const;
  Found find(std::string_view name) const;
  template <class Message>
  Message readable(std::string_view name, bool* damaged = nullptr) const;
  std::optional<result<KeyFile>> key_file() const;  // nothing: there is none
  std::optional<KeyOwner> owner() const;
  void store(std::string_view name, ByteView bytes);
  void store_hint(std::string_view name, ByteView bytes);
  void refuse_if_too_large(std::string_view name, ByteView bytes) const;
  void put_aside(const std::string& name);
  /// Of a file that is there twice.
  struct Copies {
    std::vector<Buffer> whole;
    std::vector<std::string> damaged;  // their names
  };
  Copies copies_of(std::string_view name, bool (*is_whole)(ByteView)) const;
  Copies read_copies(std::string_view name) const;
  void heal();
  void tell_once(const std::string& text) const;  // in the log, for this object's life
  void store_copies(std::string_view name, const Buffer& body);

  Disk& disk_;
  std::string folder_;
  HintFiles hints_;
  mutable std::set<std::string> told_;
};

/// Whose it is, of one that AgentState::identity() gave.
KeyOwner owner_in(const agent::pb::Identity& identity);

}  // namespace farkeep
