#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "async/budget.hpp"
#include "async/race.hpp"
#include "async/timers.hpp"
#include "async/waiters.hpp"
#include "async/workers.hpp"
#include "base/clock.hpp"
#include "base/rare_line.hpp"
#include "transport/peer.hpp"
#include "vault/admission.hpp"
#include "vault/disk_watch.hpp"
#include "vault/failure_limit.hpp"
#include "vault/guests.hpp"
#include "vault/registration.hpp"
#include "vault/room.hpp"
#include "vault/turn.hpp"
#include "vault/unusable_copies.hpp"
#include "vault/vaults.hpp"

namespace farkeep {

/// What a session holds of records that are not written yet.  Of all that an agent sends ahead of durable acknowledgements
/// (limits::kUnackedBytes), one segment is being made durable and the next is written when the disk is the slow part: this is
/// the rest.
inline constexpr std::size_t kHeldBySession = limits::kUnackedBytes - 2 * limits::kSegmentTarget + 4 * limits::kMiB;

/// All other frames of one session that are in service: reports, pings that are answered, whatever strangers send.  None of them waits
/// for what others have.
inline constexpr std::size_t kSmallFrames = 256 * limits::kKiB;

/// Answers of one session that read from the disk at once, and questions that are looked up; others wait with their ids.
inline constexpr std::size_t kGetsAtOnce = 4, kHavesAtOnce = 4;

/// Who wants to know that there is something to mirror.
class MirrorNews {
 public:
  virtual void vault_changed(const VaultName& name) = 0;
  /// The partner has not what it had when a snapshot of this vault went there.
  virtual void partner_lost_some(const VaultName& name) = 0;
  virtual void registry_changed() = 0;
  /// It connected, and was admitted: so it can probably be reached again.
  virtual void partner_came() = 0;

 protected:
  ~MirrorNews() = default;
};

/// What all sessions of a server share; all of it outlives them.
struct SessionParts {
  Registry& registry;
  const Identity& identity;
  AddressDirectory& directory;
  Registration& registration;
  Admission& admission;
  Vaults& vaults;
  Workers& workers;
  Timers& timers;
  const Clock& clock;
  ClockGuard& guard;
  FailureLimit& failures;
  // Of all sessions together, in shares (GuestShare).
  Budget& budget;     ///< bytes of records between the network and the disk (vault/room.hpp)
  Budget& questions;  ///< what questions of many ids take.  Who has it may wait for `answers`, so it is apart.
  Budget& answers;    ///< bytes of records between the disk and those who asked for them
  MirrorNews& news;
  UnusableCopies& unusable;
  RareLine& refusals;  ///< what the log says of those who are refused…
  RareLine& troubles;  ///< …and of those whom our disks fail
  DiskWatch& disk;
  std::atomic<std::uint64_t> agent_quota;  ///< may change at any time; read by workers, too; for agents whose account says nothing; 0: none
  std::string software;
};

/// One authenticated peer: PROTOCOL.md §2 and §3, request by request.  `co_await peer.serve(session)` drives it.
///
/// Breaking the protocol gets an answer and ends the connection (HangUp); what is merely refused leaves it open.  Texts of failures say
/// what to do; what happened on this machine's disks stays in its log.
class Session final : public Handler {
 public:
  /// `address`: where the peer comes from, without a port, for slowing guesses down.
  Session(SessionParts& parts, PeerIdentity who, std::string address);
  task<Reply> handle(Request request, Replies& replies) override;
  wire::FrameSizes most_of(const wire::FrameHeader& header) const override;
  task<std::vector<Budget::Lease>> room_for(wire::FrameHeader header) override;
  Pressed pressed() const override;
  /// Until its hello has come (not: been answered).
  task<void> says_hello();
  /// Gives it a place when the registry has let it in (Guests::admit()); before the first request.
  void enter_by(std::function<std::shared_ptr<GuestShare>()> door) { door_ = std::move(door); }

 private:
  class PutInProgress;
  class CommitInService;

  task<Reply> dispatch(Request request, Replies& replies);
  template <class T>
  task<T> at_work(task<T> work, Replies& replies);
  task<void> signs_of_life(Replies& replies);
  void check_allowed(wire::Verb verb) const;
  wire::Role role() const;

  // session.cpp
  task<Reply> hello(Request request);
  void admit(const std::string& software);
  void judge() const;
  task<void> still_welcome();
  task<Reply> welcomed(task<Reply> work);
  task<Reply> register_agent(Request request);
  task<Reply> renew(Request request);
  task<Reply> directory(Request request);
  task<Reply> report(Request request);
  task<Reply> join(Request request);
  task<void> slow_down(std::string token);
  void note_bad_token(const std::string& token, const failure& why);

  // session_vault.cpp
  task<Reply> open(Request request);
  task<bool> is_known(AccountId account, AgentId agent);
  task<Vaults::Lease> lease();
  std::uint64_t quota_of(const AccountId& account);
  task<Reply> have(Request request);
  task<Reply> compare(const wire::pb::Have& message, Vault& vault);
  task<Reply> put(Request request);
  task<void> settle_puts(Vault& vault, std::uint64_t last);
  task<Reply> commit(Request request);
  task<Reply> snapshots(Request request, Replies& replies);
  task<wire::pb::SnapshotPage> page_after(std::uint64_t after);
  task<Reply> get(Request request, Replies& replies);
  task<Budget::Lease> room_for_answer(Replies& replies, std::size_t most);
  task<void> send_records(Replies& replies, Budget::Lease& room, Buffer records);
  task<Reply> add_slot(Request request);
  task<Reply> slots(Replies& replies);

  // session_pair.cpp
  task<Reply> sync_registry(Request request);
  task<Reply> list_vaults(Request request);

  SessionParts& parts_;
  const std::unique_ptr<Workers> workers_;  // its turn among other sessions
  const PeerIdentity who_;
  const std::string address_;
  std::optional<VerifyKey> key_;  // of the peer's certificate
  wire::Stage stage_ = wire::Stage::connected;
  std::uint64_t judged_at_ = 0;  // the registry's generation before the last judgement
  Turn judging_;
  Turn trying_;  // a token: many that are tried side by side would all wait once
  bool said_hello_ = false;
  Waiters hello_came_;
  Budget held_{kHeldBySession}, small_{kSmallFrames};
  VaultName vault_;               // the open one: leased for each request, so that an idle connection keeps nothing
  std::uint64_t vault_quota_ = 0;
  bool committing_ = false;       // a commit is in service
  std::function<std::shared_ptr<GuestShare>()> door_;
  std::shared_ptr<GuestShare> share_;  // null before it was let in, and for strangers
  Budget getting_{kGetsAtOnce}, having_{kHavesAtOnce};

  std::uint64_t puts_ = 0;                       // begun
  std::set<std::uint64_t> unfinished_, arriving_;  // puts not durable; puts whose envelopes are not received
  std::uint64_t steps_ = 0;                        // puts that were received, and that ended: counted…
  Waiters step_, never_;                           // …and waited for
};

/// Signs of life while the work lasts.
template <class T>
task<T> Session::at_work(task<T> work, Replies& replies) {
  auto signs = signs_of_life(replies);
  auto first = co_await race(std::move(work), std::move(signs));
  co_return std::get<0>(std::move(first));
}

/// A request's message; a breach of the protocol when it does not parse.
template <class Message>
Message parsed(const Request& request) {
  auto message = wire::parse_message<Message>(request.head);
  if (!message) throw HangUp(Errc::malformed, std::string{"reading a "} + std::string{wire::name_of(request.verb)} + " request");
  return std::move(*message);
}
template <class Message>
Reply reply_with(const Message& message) {
  return Reply{wire::to_head(message)};
}

}  // namespace farkeep
