#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"
#include "platform/disk.hpp"
#include "vault/registry.pb.h"

namespace farkeep {

/// Accounts, agents, tokens and the partner: one small file each below `folder`, written atomically.
///
/// The running server and the administrator's commands use the same folder at once: nothing is cached, every change is made
/// under a lock file, and the file `generation` counts the changes so that the mirror notices those of another process.
/// All calls block (worker threads); safe from many threads, given a Random that is.  Throws failure: `io` and the like from
/// the disk, `busy` when the lock is held for seconds, `damaged` for a file that does not parse.
class Registry {
 public:
  Registry(Disk& disk, const Clock& clock, Random& random, std::string folder);

  // ---- accounts
  /// Errors: exists (the name is taken), usage (a name that is empty, longer than 64 bytes, or not printable).
  vault::pb::Account add_account(std::string_view name, std::uint64_t quota_bytes);
  std::vector<vault::pb::Account> accounts();
  std::optional<vault::pb::Account> account(const AccountId& id);
  std::optional<vault::pb::Account> account_named(std::string_view name);

  // ---- tokens
  struct TokenOrder {
    TokenOrder() = default;
    vault::pb::Token::Purpose purpose = vault::pb::Token::ENROL;
    AccountId account;
    std::uint32_t uses = 1;              ///< 1 … 10,000
    std::chrono::nanoseconds valid{};    ///< from now
    std::optional<AgentId> recover;
  };
  /// The token: 32 random bytes that are stored nowhere.  Errors: usage, not_found (no such account or agent).
  Secret<32> create_token(const TokenOrder& order);

  // ---- agents
  struct Enrolment {
    Enrolment() = default;
    std::string token;            ///< as received
    std::string name;             ///< for people; made printable and cut at 128 bytes
    std::string key;              ///< the agent's Ed25519 public key, 32 bytes
    std::string recovery_key;     ///< 32 bytes, or empty
    std::optional<AgentId> recover;
    bool recovery_proved = false; ///< the caller checked a signature by the agent's recovery key: no token is needed
  };
  /// A new agent, or the recovered one, whose earlier keys are retired.  The token's use and the agent are one durable step.
  /// The same key with the same token again gets the same agent and uses nothing up: an answer may be lost.
  /// Errors: bad_token (its text says: unknown, used up, expired, for another agent), not_found.
  vault::pb::Agent enrol(const Enrolment& enrolment);
  /// Uses an invitation up for this server.  The same server may ask again.  Errors: bad_token.
  void accept_invitation(std::string_view token, const ServerId& joining);

  std::vector<vault::pb::Agent> agents();
  std::optional<vault::pb::Agent> agent(const AgentId& id);
  void set_revoked(const AgentId& id, bool revoked);
  /// Notes a contact; not an event that anybody else must hear of.  A disk that does not take it keeps nobody from a restore: logged.
  void note_seen(const AgentId& id, std::string_view address, std::string_view software);
  /// Notes which address directory it uses; as little an event, and as little in the way.
  void note_directory(const AgentId& id, std::uint64_t serial);
  std::optional<vault::pb::Seen> seen(const AgentId& id);

  // ---- what agents told of themselves
  /// Keeps a serialised wire Report, received now.  Errors: too_large.
  void set_told(const AgentId& id, std::string_view report);
  std::optional<vault::pb::Told> told(const AgentId& id);
  std::vector<vault::pb::Told> all_told();

  // ---- what people were told of agents (alarms.hpp)
  /// All of them in one change.
  void set_alarms(const std::vector<vault::pb::Alarm>& alarms);
  std::optional<vault::pb::Alarm> alarm(const AgentId& id);
  std::vector<vault::pb::Alarm> all_alarms();
  void set_alarm_watch(const vault::pb::AlarmWatch& watch);
  std::optional<vault::pb::AlarmWatch> alarm_watch();

  // ---- the pair
  std::optional<vault::pb::Partner> partner();
  void set_partner(const vault::pb::Partner& partner);
  std::optional<vault::pb::MirrorState> mirror_state();
  void set_mirror_state(const vault::pb::MirrorState& state);
  /// The signed address directory as stored (a wire SignedDirectory); empty when there is none yet.
  std::string directory();
  void set_directory(std::string_view signed_directory);

  // ---- replication: the higher version stays; of two with one version the greater bytes stay; retired keys are united
  /// True when something changed here.
  bool merge(const vault::pb::Account& theirs);
  bool merge(const vault::pb::Agent& theirs);
  bool merge(const vault::pb::Told& theirs);
  bool merge(const vault::pb::Alarm& theirs);
  /// Grows with every change that the partner must hear of.
  std::uint64_t generation();

 private:
  class Locked;

  template <class Message>
  std::optional<Message> load(const std::string& path);
  template <class Message>
  std::vector<Message> load_all(const std::string& kind);
  template <class Message>
  void save(const std::string& path, const Message& message);
  template <class Message>
  bool merge_newer(const std::string& path, const Message& theirs, std::int64_t (*time_of)(const Message&));
  std::string path(std::string_view kind, ByteView id) const;
  void save_changed(const vault::pb::Account& account);
  void save_changed(const vault::pb::Agent& agent);
  void bump();
  std::pair<std::string, vault::pb::Token> usable_token(std::string_view token, vault::pb::Token::Purpose purpose);
  void finish_pending(vault::pb::Token& token);
  vault::pb::Agent recovered(const AgentId& id, const Enrolment& enrolment);
  std::int64_t now() const { return clock_.wall().time_since_epoch().count(); }

  Disk& disk_;
  const Clock& clock_;
  Random& random_;
  const std::string folder_;
  std::mutex mutex_;
};

}  // namespace farkeep
