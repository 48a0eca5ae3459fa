#include "vault/session.hpp"

#include "async/race.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

// Who may come in, and the verbs that need no vault.
namespace farkeep {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr auto kLongestWork = std::chrono::hours{1};

// What may be told to the other side about a failure: never what our disks and files are called.
bool is_private(Errc code) { return code == Errc::io || code == Errc::no_space || code == Errc::damaged || code == Errc::busy; }

std::string public_text(Errc code) {
  switch (code) {
    case Errc::no_space: return "the server's disk is full; its administrator has been told";
    case Errc::busy: return "the server is busy; try again in a moment";
    case Errc::damaged: return "the server found stored data damaged; its administrator has been told";
    default: return "the server could not read or write its storage; its administrator has been told";
  }
}

}  // namespace

Session::Session(SessionParts& parts, PeerIdentity who, std::string address)
    : parts_(parts), who_(std::move(who)), address_(std::move(address)) {
  auto const certificate = Certificate::from_der(who_.certificate);
  auto const key = certificate ? certificate->public_key() : result<VerifyKey>{Errc::identity};
  if (key) key_ = *key;
}

wire::Role Session::role() const {
  switch (who_.role) {
    case PeerIdentity::Role::agent: return wire::Role::agent;
    case PeerIdentity::Role::server: return wire::Role::server;
    case PeerIdentity::Role::anonymous: break;
  }
  return wire::Role::nobody;
}

task<Reply> Session::handle(Request request, Replies& replies) {
  auto const verb = request.verb;
  check_allowed(verb);
  Errc code{};
  try {
    co_return co_await dispatch(std::move(request), replies);
  } catch (const HangUp&) {
    throw;
  } catch (const wire::Refusal&) {
    throw;
  } catch (const boost::system::system_error& e) {
    code = classify(e.code());
    if (code == Errc::cancelled || !is_private(code)) throw;
    log_error("{} asks for {}: {}", who_.text(), wire::name_of(verb), e.what());
  }
  throw wire::Refusal(code, public_text(code), std::chrono::seconds{code == Errc::busy ? 10 : 60});
}

void Session::check_allowed(wire::Verb verb) const {
  auto const name = std::string{wire::name_of(verb)};
  switch (wire::allowed(verb, role(), stage_)) {
    case wire::Verdict::yes: return;
    case wire::Verdict::too_early:
      throw HangUp(Errc::protocol, name + " comes too early: " + (stage_ == wire::Stage::connected ? "hello" : "open") + " first");
    case wire::Verdict::second_hello: throw HangUp(Errc::protocol, "hello belongs at the beginning, once");
    case wire::Verdict::wrong_role: throw HangUp(Errc::unauthorised, name + " is not for " + who_.text());
    case wire::Verdict::not_a_request: throw HangUp(Errc::protocol, name + " is not a request");
  }
}

task<Reply> Session::dispatch(Request request, Replies& replies) {
  switch (request.verb) {
    case wire::Verb::hello: return hello(std::move(request));
    case wire::Verb::register_agent: return register_agent(std::move(request));
    case wire::Verb::renew: return renew(std::move(request));
    case wire::Verb::directory: return directory(std::move(request));
    case wire::Verb::report: return report(std::move(request));
    case wire::Verb::join: return join(std::move(request));
    case wire::Verb::open: return at_work(open(std::move(request)), replies);
    case wire::Verb::have: return have(std::move(request));
    case wire::Verb::put: return put(std::move(request));
    case wire::Verb::commit: return at_work(commit(std::move(request)), replies);
    case wire::Verb::snapshots: return snapshots(std::move(request));
    case wire::Verb::get: return get(std::move(request), replies);
    case wire::Verb::add_slot: return add_slot(std::move(request));
    case wire::Verb::slots: return slots();
    case wire::Verb::registry: return sync_registry(std::move(request));
    case wire::Verb::vaults: return list_vaults(std::move(request));
    case wire::Verb::ping:
    case wire::Verb::bye:
    case wire::Verb::failure: break;
  }
  throw HangUp(Errc::protocol, "not a request");
}

// Signs of life while the work lasts; not for ever, for a disk that hangs is no work.
task<Reply> Session::at_work(task<Reply> work, Replies& replies) {
  auto signs = [](Session& self, Replies& to) -> task<void> {
    for (std::chrono::nanoseconds said{0}; said < kLongestWork; said += limits::kSignOfLife) {
      co_await self.parts_.timers.sleep(limits::kSignOfLife);
      co_await to.more(Reply{});
    }
    co_await self.never_.wait();
  };
  auto first = co_await race(std::move(work), signs(*this, replies));
  co_return std::get<0>(std::move(first));
}

// ---- hello: 1. a version both know  2. is this peer welcome here?  3. who we are

task<Reply> Session::hello(Request request) {
  auto const theirs = parsed<wire::pb::Hello>(request);
  if (theirs.version_min() > kVersion || theirs.version_max() < kVersion)
    throw HangUp(Errc::unsupported_version, "this server speaks version 1 of the protocol, the other side " + std::to_string(theirs.version_min()) +
                                                " to " + std::to_string(theirs.version_max()) + ": update the older one");
  if (who_.role == PeerIdentity::Role::agent) {
    co_await parts_.workers.offload([](Session* self, std::string software) { self->admit_agent(software); }, this, theirs.software());
  } else if (who_.role == PeerIdentity::Role::server) {
    co_await parts_.workers.offload([](Session* self) { self->admit_server(); }, this);
    parts_.news.partner_came();
  }
  if (stage_ != wire::Stage::connected) throw HangUp(Errc::protocol, "hello belongs at the beginning, once");
  stage_ = wire::Stage::greeted;
  wire::pb::HelloReply ours;
  ours.set_version(kVersion);
  ours.set_software(parts_.software);
  ours.set_server_id(wire::to_field(parts_.identity.id()));
  ours.set_time_ns(parts_.clock.wall().time_since_epoch().count());
  co_return reply_with(ours);
}

// A certificate alone is not enough: another server's stolen issuing key could have made it.  The registry knows the agent and its keys.
void Session::admit_agent(const std::string& software) {
  auto const agent = parts_.registry.agent(who_.agent);
  if (!agent || agent->account() != as_text(who_.account.view()))
    throw HangUp(Errc::busy, "this server has not heard of " + who_.text() + " yet; if it was registered moments ago, try again, or use the other server of the pair");
  if (agent->revoked()) throw HangUp(Errc::unauthorised, who_.text() + " was revoked by the administrator");
  auto const key = key_ ? to_string(key_->view()) : std::string{};
  for (auto const& known : agent->key()) {
    if (known != key) continue;
    parts_.registry.note_seen(who_.agent, address_, software);
    return;
  }
  throw HangUp(Errc::unauthorised, who_.text() + " now acts with another key: its vault was recovered on another machine");
}

void Session::admit_server() {
  auto const partner = parts_.registry.partner();
  if (!partner || partner->server_id() != as_text(who_.server.view()))
    throw HangUp(Errc::unauthorised, who_.text() + " is not the partner of this server");
}

// ---- registration

void Session::slow_down() const {
  auto const wait = parts_.failures.wait(address_);
  if (wait.count() > 0) throw wire::Refusal(Errc::busy, "too many failed attempts from this address: try again in " + std::to_string(wait.count()) + " s", wait);
}

task<Reply> Session::register_agent(Request request) {
  slow_down();
  auto message = parsed<wire::pb::Register>(request);
  try {
    auto const answer = co_await parts_.workers.offload(
        [](Registration* registration, wire::pb::Register asked) { return registration->register_agent(asked); }, &parts_.registration, std::move(message));
    parts_.news.registry_changed();
    co_return reply_with(answer);
  } catch (const failure& e) {
    if (classify(e.code()) == Errc::bad_token) {
      parts_.failures.note_failure(address_);
      log_warning("a registration from {} was refused: {}", address_, e.what());
    }
    throw;
  }
}

task<Reply> Session::renew(Request request) {
  auto message = parsed<wire::pb::Renew>(request);
  auto const answer = co_await parts_.workers.offload(
      [](Session* self, wire::pb::Renew asked) { return self->parts_.registration.renew(self->who_, asked); }, this, std::move(message));
  co_return reply_with(answer);
}

task<Reply> Session::directory(Request request) {
  auto const message = parsed<wire::pb::GetDirectory>(request);
  auto const answer = co_await parts_.workers.offload(
      [](Session* self, std::uint64_t serial) {
        if (self->who_.role == PeerIdentity::Role::agent && serial > 0) self->parts_.registry.note_directory(self->who_.agent, serial);
        return self->parts_.directory.current();
      },
      this, message.serial());
  co_return reply_with(answer);
}

task<Reply> Session::report(Request request) {
  auto const message = parsed<wire::pb::Report>(request);
  if (message.job_size() > limits::kMaxReportJobs) throw wire::Refusal(Errc::too_large, "a report names at most " + std::to_string(limits::kMaxReportJobs) + " jobs", std::chrono::seconds{0});
  co_await parts_.workers.offload([](Registry* registry, AgentId id, std::string told) { registry->set_told(id, told); }, &parts_.registry, who_.agent, message.SerializeAsString());
  parts_.news.vault_changed({who_.account, who_.agent});
  co_return reply_with(wire::pb::Done{});
}

task<Reply> Session::join(Request request) {
  slow_down();
  auto message = parsed<wire::pb::Join>(request);
  try {
    auto const answer = co_await parts_.workers.offload(
        [](Registration* registration, wire::pb::Join asked) { return registration->join(asked); }, &parts_.registration, std::move(message));
    parts_.news.registry_changed();
    co_return reply_with(answer);
  } catch (const failure& e) {
    if (classify(e.code()) == Errc::bad_token) parts_.failures.note_failure(address_);
    throw;
  }
}

}  // namespace farkeep
