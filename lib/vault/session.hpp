#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "async/budget.hpp"
#include "async/timers.hpp"
#include "async/waiters.hpp"
#include "async/workers.hpp"
#include "base/clock.hpp"
#include "transport/peer.hpp"
#include "vault/failure_limit.hpp"
#include "vault/registration.hpp"
#include "vault/vaults.hpp"

namespace farkeep {

/// What a session holds of records that are not written yet.  Of all that an agent sends ahead of durable acknowledgements
/// (limits::kUnackedBytes), one segment is being made durable and the next is written when the disk is the slow part: this is
/// the rest, and a frame.
inline constexpr std::size_t kHeldBySession = limits::kUnackedBytes - 2 * limits::kSegmentTarget + 4 * limits::kMiB;

/// Who wants to know that there is something to mirror.
class MirrorNews {
 public:
  virtual void vault_changed(const VaultName& name) = 0;
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
  Vaults& vaults;
  Workers& workers;
  Timers& timers;
  const Clock& clock;
  FailureLimit& failures;
  Budget& budget;  ///< bytes of records between the network and the disk (vault/room.hpp), of all sessions together
  MirrorNews& news;
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
  /// Full while the connection should not be read (GatedStream).
  Budget& held() noexcept { return held_; }

 private:
  using SharedLease = std::shared_ptr<Vaults::Lease>;
  class PutInProgress;

  task<Reply> dispatch(Request request, Replies& replies);
  task<Reply> at_work(task<Reply> work, Replies& replies);
  void check_allowed(wire::Verb verb) const;
  wire::Role role() const;

  // session.cpp
  task<Reply> hello(Request request);
  void admit_agent(const std::string& software);
  void admit_server();
  task<Reply> register_agent(Request request);
  task<Reply> renew(Request request);
  task<Reply> directory(Request request);
  task<Reply> report(Request request);
  task<Reply> join(Request request);
  void slow_down() const;

  // session_vault.cpp
  task<Reply> open(Request request);
  std::uint64_t quota_of(const AccountId& account);
  task<Reply> have(Request request);
  task<Reply> put(Request request);
  task<void> watch_envelopes(Vault& vault, std::vector<ObjectId> envelopes, std::uint64_t number);
  task<void> settle_puts(Vault& vault);
  task<Reply> commit(Request request);
  task<Reply> snapshots(Request request);
  task<Reply> get(Request request, Replies& replies);
  task<Reply> add_slot(Request request);
  task<Reply> slots();

  // session_pair.cpp
  task<Reply> sync_registry(Request request);
  task<Reply> list_vaults(Request request);

  SessionParts& parts_;
  const PeerIdentity who_;
  const std::string address_;
  std::optional<VerifyKey> key_;  // of the peer's certificate
  wire::Stage stage_ = wire::Stage::connected;
  Budget held_{kHeldBySession};
  SharedLease vault_;  // shared by the requests that began while it was the open one

  std::uint64_t puts_ = 0;                       // begun
  std::set<std::uint64_t> unfinished_, arriving_;  // puts not durable; puts whose envelopes are not received
  Waiters arrived_, never_;
};

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
