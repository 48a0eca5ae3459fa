#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "crypto/random.hpp"
#include "crypto/revocation.hpp"
#include "crypto/secret.hpp"
#include "platform/disk.hpp"
#include "vault/records.hpp"
#include "vault/registry.pb.h"
#include "vault/registry_known.hpp"
#include "vault/registry_limits.hpp"

namespace farkeep {

struct EntryPage;
class Identity;

/// Accounts, agents, tokens and the partner: one small file each below `folder`, written atomically.
///
/// The running server and the administrator's commands use the same folder at once: nothing is cached, every change is made
/// under a lock file, and the file `generation` counts the changes so that the mirror notices those of another process.
/// Every file has a checksum (REGISTRY.md §1).  One that is damaged is skipped by whatever lists, is told in the log and by damaged(), is healed by
/// what the partner has of it, and stops nothing else; only where it is the one thing asked for (agent(), partner(), a token) the answer is `damaged`.
/// The same holds of one that the disk does not give, but that it may be read again: for ten minutes nothing takes its place, and then it is kept in `damaged/`.
/// All calls block (worker threads); safe from many threads, given a Random that is.  Throws failure: `io` and the like from
/// the disk, `busy` when the lock is held for seconds.
class Registry {
 public:
  Registry(Disk& disk, const Clock& clock, Random& random, std::string folder);
  /// From now on what is changed here is signed as this server, and what the partner says can be taken.  `identity` outlives the registry.
  void sign_as(const Identity& identity) { identity_ = &identity; }

  // ---- accounts
  /// Errors: exists (the name is taken), usage (a name that is empty, longer than 64 bytes, or not printable).
  vault::pb::Account add_account(std::string_view name, std::uint64_t quota_bytes);
  Records<vault::pb::Account> accounts();
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
    bool admits = false;  ///< lets the recovered agent in although it is revoked
  };
  /// The token: 32 random bytes that are stored nowhere.  Errors: usage (also: it would recover a revoked agent
  /// and does not admit it), not_found (no such account or agent).
  Secret<32> create_token(const TokenOrder& order);

  // ---- agents
  struct Enrolment {
    Enrolment() = default;
    std::string token;            ///< as received
    std::string name;             ///< for people; made printable and cut at 128 bytes
    std::string key;              ///< the agent's Ed25519 public key, 32 bytes
    std::string recovery_key;     ///< 32 bytes, or empty
    std::optional<AgentId> recover;
    std::string recovery_csr, recovery_signature;  ///< what proves a recovery without a token, for the partner to check
    bool recovery_proved = false; ///< the caller checked a signature by the agent's recovery key: no token is needed
  };
  /// A new agent, or the recovered one, whose earlier keys are retired: none of them is ever taken again.  A revoked agent is recovered by a
  /// token that admits it, and by nothing else.  The token's use and the agent are one durable step.
  /// The same key with the same token again gets the same agent and uses nothing up: an answer may be lost.
  /// Errors: bad_token (its text says: unknown, used up, expired, for another agent), unauthorised (revoked, or a retired key), not_found.
  vault::pb::Agent enrol(const Enrolment& enrolment);
  /// Uses an invitation up for the server with this id and this issuing key.  It may ask again with the same key, for an answer may be lost, until
  /// another server joined.  Errors: bad_token.
  void accept_invitation(std::string_view token, const ServerId& joining, const std::string& key);

  Records<vault::pb::Agent> agents();
  std::optional<vault::pb::Agent> agent(const AgentId& id);
  /// Admitting lifts for this server what the partner's present word denies, too.
  void set_revoked(const AgentId& id, bool revoked);
  /// Takes the keys that the partner says this agent now has, and retires the others: an operator knows that it was recovered there.
  /// Errors: usage (the partner says no other).
  void take_partners_keys(const AgentId& id);
  /// Notes a contact; not an event that anybody else must hear of.  Written once a minute, and eight times at once, whatever the agent
  /// does; what comes meanwhile is kept in memory until write_visits().  A disk that does not take it keeps nobody from a restore: logged.
  void note_seen(const AgentId& id, std::string_view address, std::string_view software);
  /// Notes which address directory it uses; as little an event, and as little in the way.
  void note_directory(const AgentId& id, std::uint64_t serial);
  /// Writes what is kept in memory: every minute, and at the end.  The agents whose reports were among it.
  std::vector<AgentId> write_visits();
  std::optional<vault::pb::Seen> seen(const AgentId& id);

  // ---- what agents told of themselves
  /// Keeps a serialised wire Report, received now; written like a contact.  True when it was written, false when that comes later.
  /// Errors: too_large.
  bool set_told(const AgentId& id, std::string_view report);
  std::optional<vault::pb::Told> told(const AgentId& id);

  // ---- what people were told of agents (alarms.hpp)
  /// All of them in one change.
  void set_alarms(const std::vector<vault::pb::Alarm>& alarms);
  std::optional<vault::pb::Alarm> alarm(const AgentId& id);
  /// Writes it only when that changed something.
  void change_alarm_watch(const std::function<void(vault::pb::AlarmWatch&)>& change);
  std::optional<vault::pb::AlarmWatch> alarm_watch();

  // ---- the pair
  std::optional<vault::pb::Partner> partner();
  void set_partner(const vault::pb::Partner& partner);
  std::optional<vault::pb::MirrorState> mirror_state();
  void set_mirror_state(const vault::pb::MirrorState& state);
  std::optional<vault::pb::TurnedAway> turned_away();
  void set_turned_away(const vault::pb::TurnedAway& counts);
  /// The signed address directory as stored (a wire SignedDirectory); empty when there is none yet.
  std::string directory();
  void set_directory(std::string_view signed_directory);
  /// The newest root's word as stored (a wire SignedRootWord); empty when there is none yet.  Of two copies the one that is whole; where neither is, what
  /// was read before.
  std::string root_word();
  void set_root_word(std::string_view signed_word);
  /// Neither copy is whole: what the root said is not known, so nothing may be said in its place.  Until the partner's copy is stored.
  bool has_lost_root_word();
  /// Writes what is known of it again, where a copy is missing or damaged.
  void heal_root_word();
  /// Of a folder that no Registry looks after yet; empty, too, when no copy is whole.
  static std::string root_word_in(Disk& disk, const std::string& folder);

  // ---- replication (REGISTRY.md §2)
  enum class Taken { changed, unchanged, refused };
  /// The word of a server of the pair on an account or agent, as the partner sent it: taken when its author signed it, it is newer than what is
  /// known of that author, and nothing in it breaks a bound.  What is refused is counted, and told by refused().
  Taken take(const wire::pb::RegistryEntry& entry);
  /// The same for the entries of one page: `page`, made before the first of them, remembers what is looked up once.
  Taken take(const wire::pb::RegistryEntry& entry, EntryPage& page);
  bool knows(const AgentId& id);
  /// Whether this server is the author.
  bool is_own(const wire::pb::RegistryEntry& entry) const { return !entry.author().empty() && entry.author() == self(); }
  /// Reports and alarms: of no later time than a day from now; the newer one stays, of two of one time the one whose bytes are greater.  True when something changed here.
  bool merge(const vault::pb::Told& theirs);
  bool merge(const vault::pb::Alarm& theirs);
  /// How many accounts and agents the partner may bring in: at once, an hour after that, and in all.
  void allow_newcomers(double at_once, double an_hour, std::size_t in_all) {
    newcomers_ = newcomers_at_once_ = at_once;
    newcomers_an_hour_ = an_hour;
    newcomers_in_all_ = in_all;
  }
  /// Ids of all that there is of a kind (RegistryEntry.kind; slots are not here), ascending; of some the record may be damaged.
  std::vector<std::string> ids(std::uint32_t kind);
  /// The signed words on an account or agent; nothing when it is not known or damaged.  The partner's own word comes first: where it lost
  /// the record, it believes what this server says of it only once it has its own.
  std::vector<wire::pb::RegistryEntry> words_on(std::uint32_t kind, const std::string& id);
  /// Grows with every change that the partner must hear of.
  std::uint64_t generation();
  /// Of the partner's words, and why the last one; nothing when there never was one.
  std::optional<vault::pb::Refused> refused();

  // ---- what is not as it should be
  /// Files that are damaged now, as names below the registry's folder; reads all of them, or all but those of accounts, agents and reports.
  enum class Look : std::uint8_t { at_all, beside_agents };
  std::vector<std::string> damaged(Look look = Look::at_all);
  /// What of that the partner may have, as entries without a value.
  std::vector<wire::pb::RegistryEntry> wanted();
  /// Those that were damaged when they were read last, as the same names.
  std::set<std::string> met_damaged();
  /// Looks at these files, as met_damaged() named them in an earlier run: those that still are damaged count as met.
  void meet_damaged(const std::set<std::string>& names);
  /// True when damage was met since this was last asked.
  bool take_met_damage();
  /// An operator's act: of this account or agent the partner's word counts no more, and what held is this server's now; a damaged file goes to
  /// `damaged/`.  `reason` goes to the audit log.  Errors: not_found, usage (a reason that is no text).
  void set_aside(const std::string& id, std::string_view reason);
  /// Undoes that: the partner's words are heard again.
  void heed_again(const std::string& id, std::string_view reason);
  /// An operator's act: this data folder was restored from a backup, so this server's own words that the partner has of later are taken for a day.
  void take_back(std::string_view reason);

  // ---- from the first version, and when the pair changes
  /// Ids of what nobody signed yet, or a server that is no longer of the pair, or this server with a key that was taken back, or has no checksum.
  std::vector<std::string> to_adopt();
  /// Makes these this server's word, at home at `home`: the pair's primary.  Those of a partner that was replaced are at home here.
  void adopt(const std::vector<std::string>& ids, const ServerId& home);

 private:
  class Locked;

  template <class Message>
  std::optional<Message> load(const std::string& path);  // nothing, too, when it is damaged
  template <class Message>
  std::optional<Message> must_load(const std::string& path);
  template <class Message>
  void save(const std::string& path, const Message& message);
  template <class Message>
  bool merge_newer(const std::string& path, const Message& theirs, std::int64_t time, std::int64_t (*time_of)(const Message&));
  std::string path(std::string_view kind, ByteView id) const;
  void bump();
  void note_damage(const std::string& path, const char* what);
  void note_whole(const std::string& path);
  std::optional<Buffer> read(const std::string& path);  // throws damaged, too, for what the disk does not give
  bool may_be_replaced(const std::string& path);
  void keep_damaged(const std::string& kind, const std::string& id);

  // registry_words.cpp
  std::string self() const;
  template <class Record>
  std::optional<Known<Record>> known(const std::string& id);  // throws damaged
  template <class Record>
  Records<Known<Record>> all_known();  // but those that are damaged
  template <class Record>
  void save_known(const std::string& id, Known<Record>& known);
  template <class Record>
  void say(Known<Record>& known, Record word);  // in memory: the next number, signed
  template <class Record>
  void save_changed(Known<Record>& known, Record word);
  template <class Record>
  Records<Record> all_settled();
  // registry_take.cpp
  template <class Record>
  Taken take_as(const wire::pb::RegistryEntry& entry, EntryPage& page);
  template <class Record>
  Taken take_known(const wire::pb::RegistryEntry& entry, Record word, Known<Record> known, bool mine);
  Taken refuse(const wire::pb::RegistryEntry& entry, const std::string& why);
  /// What the partner brought in: records that are at home there, and bytes of its words beyond the usual size of one.
  struct OfPartner {
    std::size_t records = 0, long_bytes = 0;
  };
  OfPartner& of_partner();
  bool may_come();
  template <class Record>
  bool set_aside_as(const std::string& id, bool aside);
  template <class Record>
  void adopt_as(const std::string& id, const ServerId& home);
  bool is_restored();
  const Revocations& revoked();
  template <class Record>
  Taken refuse_own(const wire::pb::RegistryEntry& entry, Known<Record> known, bool by_revoked_key);
  void audit(std::string_view act, const std::string& id, std::string_view reason);
  std::pair<std::string, vault::pb::Token> usable_token(std::string_view token, vault::pb::Token::Purpose purpose);
  void finish_pending(vault::pb::Token& token);
  vault::pb::Agent recovered(const AgentId& id, const Enrolment& enrolment, bool admits);
  /// What was heard of an agent since it was last written, and for each kind of news when all its writes are owed no longer.
  struct Visit {
    SteadyTime contact{}, serial{}, report{};
    std::optional<vault::pb::Seen> seen;
    std::optional<vault::pb::Told> told;
  };
  Visit& visit_of(const AgentId& id);
  bool write_if_due(const AgentId& id, Visit& visit, SteadyTime& paid);
  void write_visit(const AgentId& id, Visit& visit);
  void write_root_word(std::string_view signed_word);
  void save_told(const vault::pb::Told& told);
  void save_word(const vault::pb::Agent& word);
  std::int64_t now() const { return clock_.wall().time_since_epoch().count(); }

  Disk& disk_;
  const Clock& clock_;
  Random& random_;
  const std::string folder_;
  const Identity* identity_ = nullptr;
  std::mutex mutex_;
  std::mutex visits_mutex_;  // taken before the other one
  std::map<AgentId, Visit> visits_;
  std::mutex word_mutex_;
  std::string last_word_;
  std::mutex damage_mutex_;
  std::mutex watch_mutex_;
  std::set<std::string> damage_;  // paths that were told, and not read whole since
  std::map<std::string, SteadyTime> unreadable_;  // paths that the disk does not give, since when
  bool met_damage_ = false;
  // under mutex_: how much the partner may still bring in
  double newcomers_at_once_ = registry_limits::kNewcomersAtOnce, newcomers_an_hour_ = registry_limits::kNewcomersAnHour;
  std::size_t newcomers_in_all_ = registry_limits::kMostOfPartner;
  double newcomers_ = newcomers_at_once_;
  SteadyTime newcomers_at_{};
  std::optional<OfPartner> of_partner_;
  std::string revoked_word_;  // the root's word of which the next one was read
  Revocations revoked_;
  SteadyTime refusal_told_{};
  std::uint64_t refusals_untold_ = 0;
};

}  // namespace farkeep
