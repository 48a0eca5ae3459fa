#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/state.pb.h"
#include "base/id.hpp"
#include "crypto/secret.hpp"
#include "crypto/signature.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// An agent's own folder: identity, root key, assignment, head, and what each job remembers.
///
/// Every file is replaced atomically and is durable when a call returns.  Files are 0600, folders 0700.  Nothing here is
/// needed to restore on another machine: the key slots and the snapshots are on the servers.
class AgentState {
 public:
  AgentState(Disk& disk, std::string folder);

  /// The lock that one run, recovery or daemon holds; nothing while another process has it.
  std::unique_ptr<DiskLock> lock();

  // Identity.  Missing until registration.
  bool registered() const;
  agent::pb::Identity identity() const;                       ///< throws configuration: not registered, what to do
  void set_identity(const agent::pb::Identity& identity);
  AgentId agent_id() const;                                   ///< zero until registration
  SecretText key_pem() const;                                 ///< the agent's private key, PKCS#8
  void set_key_pem(std::string_view pem);
  bool has_key() const;
  SecretKey root_key() const;
  void set_root_key(const SecretKey& root);
  bool has_root_key() const;
  void remove_root_key();

  /// The signed address directory as received; empty before registration.
  Buffer directory() const;
  void set_directory(ByteView signed_directory);
  /// A newer one, whose addresses have not worked yet; empty: none.
  Buffer next_directory() const;
  void set_next_directory(ByteView signed_directory);
  void clear_next_directory();

  /// The head, from whichever of its two copies is whole and newer.
  std::optional<agent::pb::Head> head() const;
  void set_head(const agent::pb::Head& head);

  /// The manifest that was made and perhaps sent, whose acknowledgement is not known.
  struct Pending {
    std::uint64_t sequence;
    std::string job;
    Buffer manifest;
  };
  std::optional<Pending> pending() const;
  /// `id`: the snapshot's, which the next manifest names as its predecessor.
  void set_pending(const Pending& pending, const Digest& id);
  void clear_pending();
  /// The last manifest that was ever made here, whatever became of it: its number is never used twice, and the chain goes on from it, for a
  /// server may have it without our knowing.
  struct Given {
    std::uint64_t sequence = 0;  ///< 0: none
    Digest id;
  };
  Given last_given() const;

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

  Disk& disk() const { return disk_; }
  const std::string& folder() const { return folder_; }

 private:
  std::string path(std::string_view name) const { return folder_ + "/" + std::string{name}; }
  std::optional<Buffer> load(std::string_view name, std::size_t most) const;
  void store(std::string_view name, ByteView bytes);

  Disk& disk_;
  std::string folder_;
};

}  // namespace farkeep
