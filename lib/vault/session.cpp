#include "vault/session.hpp"

#include "async/fair_workers.hpp"
#include "async/race.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "wire/connection_limits.hpp"
#include "wire/frame_limits.hpp"

// Who may come in, and the verbs that need no vault.
namespace farkeep {
namespace {

constexpr std::uint32_t kProtocolVersion = 1;
constexpr auto kAskAgain = std::chrono::seconds{30};   // for a place: backups end, and an agent has another server to go to
constexpr std::size_t kSmallFrame = 4 * limits::kKiB;  // 64 of them are less than one record: not counted

// What may be told to the other side about a failure: never what our disks and files are called.  Whatever is "not found" or "exists already" is such a file; what is
// meant for the other side is a wire::Refusal.
bool is_private(Errc code) { return code == Errc::io || code == Errc::no_space || code == Errc::damaged || code == Errc::busy || code == Errc::not_found || code == Errc::exists; }

std::string public_text(Errc code) {
  switch (code) {
    case Errc::no_space: return "the server's disk is full, and its operator must give it more room";
    case Errc::busy: return "the server is busy; try again in a moment";
    case Errc::damaged: return "the server found stored data damaged; its operator finds it in the log";
    default: return "the server could not read or write its storage; its operator finds it in the log";
  }
}

}  // namespace

Session::Session(SessionParts& parts, PeerIdentity who, std::string address)
    : parts_(parts), workers_(lane_of(parts.workers)), who_(std::move(who)), address_(std::move(address)) {
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

wire::FrameSizes Session::most_of(const wire::FrameHeader& header) const {
  return header.reply ? wire::most_of_pong() : wire::most_of_request(header.verb, role(), stage_);
}

task<void> Session::says_hello() {
  while (!said_hello_) co_await hello_came_.wait();
}

// What waits for a vault, for its turn or for a disk has its room by then.  A small frame never waits for what others hold.
task<std::vector<Budget::Lease>> Session::room_for(wire::FrameHeader header) {
  std::vector<Budget::Lease> room;
  const auto keep = [&room](Budget::Lease lease) { room.push_back(std::move(lease)); };
  std::size_t const size = std::size_t{header.head_size} + header.body_size;
  bool const is_ping = header.verb == wire::Verb::ping;  // in any number: the answers are what waits
  if (size <= kSmallFrame && !is_ping) co_return room;
  auto const verb = share_ && stage_ != wire::Stage::connected ? header.verb : wire::Verb::ping;
  switch (verb) {
    case wire::Verb::put:
    case wire::Verb::commit:
    case wire::Verb::registry: {
      auto session = co_await held_.take(size);
      keep(std::move(session));
      auto server = co_await parts_.budget.take(share_->records, size);
      keep(std::move(server));
      break;
    }
    case wire::Verb::have:
    case wire::Verb::get: {
      auto const times = verb == wire::Verb::have ? limits::kHaveCosts : limits::kGetCosts;
      auto ids = co_await parts_.questions.take(share_->questions, times * size);
      keep(std::move(ids));
      break;
    }
    default: {
      auto small = co_await small_.take(size + wire::FrameHeader::kSize);
      keep(std::move(small));
    }
  }
  co_return room;
}

// Those who wait with their ids wait for answers to go.
Pressed Session::pressed() const {
  Pressed out;
  out.coming = parts_.budget.is_scarce() || parts_.questions.is_scarce();
  out.going = parts_.answers.is_scarce() || parts_.questions.is_scarce();
  return out;
}

task<Reply> Session::handle(Request request, Replies& replies) {
  auto const verb = request.verb;
  check_allowed(verb);
  Errc code{};
  try {
    auto work = dispatch(std::move(request), replies);  // begins when it is awaited
    if (stage_ != wire::Stage::connected && who_.role != PeerIdentity::Role::anonymous) work = welcomed(std::move(work));
    if (wire::takes_long(verb)) work = at_work(std::move(work), replies);
    co_return co_await std::move(work);
  } catch (const HangUp&) {
    throw;
  } catch (const wire::Refusal&) {
    throw;
  } catch (const boost::system::system_error& e) {
    code = classify(e.code());
    if (code == Errc::cancelled || !is_private(code)) throw;
    parts_.troubles.say(parts_.timers.now(), who_.text() + " asks for " + std::string{wire::name_of(verb)} + ": " + e.what());
  }
  if (code == Errc::no_space) parts_.disk.refused();
  if (code == Errc::not_found || code == Errc::exists) code = Errc::io;
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
    case wire::Verb::open: return open(std::move(request));
    case wire::Verb::have: return have(std::move(request));
    case wire::Verb::put: return put(std::move(request));
    case wire::Verb::commit: return commit(std::move(request));
    case wire::Verb::snapshots: return snapshots(std::move(request), replies);
    case wire::Verb::get: return get(std::move(request), replies);
    case wire::Verb::add_slot: return add_slot(std::move(request));
    case wire::Verb::slots: return slots(replies);
    case wire::Verb::registry: return sync_registry(std::move(request));
    case wire::Verb::vaults: return list_vaults(std::move(request));
    case wire::Verb::ping:
    case wire::Verb::bye:
    case wire::Verb::failure: break;
  }
  throw HangUp(Errc::protocol, "not a request");
}

// Not for ever, for a disk that hangs is no work.
task<void> Session::signs_of_life(Replies& replies) {
  for (std::chrono::nanoseconds said{0}; said < limits::kLongestWork; said += limits::kSignOfLife) {
    co_await parts_.timers.sleep(limits::kSignOfLife);
    co_await replies.more(Reply{});
  }
  co_await never_.wait();
}

task<Reply> Session::welcomed(task<Reply> work) {
  co_await still_welcome();
  co_return co_await std::move(work);
}

// ---- hello: 1. a version both know  2. is this peer welcome here?  3. who we are

task<Reply> Session::hello(Request request) {
  auto const theirs = parsed<wire::pb::Hello>(request);
  said_hello_ = true;
  hello_came_.wake_all();
  if (theirs.version_min() > kProtocolVersion || theirs.version_max() < kProtocolVersion)
    throw HangUp(Errc::unsupported_version, "this server speaks version 1 of the protocol, the other side " + std::to_string(theirs.version_min()) +
                                                " to " + std::to_string(theirs.version_max()) + ": update the older one");
  if (!who_.untimely.empty()) {
    auto const say = [](std::int64_t ns) { return ns > 0 ? rfc3339(WallTime{std::chrono::nanoseconds{ns}}) : std::string{"nothing"}; };
    auto const now = parts_.clock.wall();
    throw HangUp(Errc::identity, who_.untimely + ": the server's clock or this machine's is wrong, or the certificate was not renewed in time; the server says it is " +
                                     say(now.time_since_epoch().count()) + ", this machine says " + say(theirs.time_ns()), std::chrono::seconds{0}, now);
  }
  if (who_.role != PeerIdentity::Role::anonymous)
    co_await workers_->offload([](Session* self, std::string software) { self->admit(software); }, this, theirs.software());
  if (stage_ != wire::Stage::connected) throw HangUp(Errc::protocol, "hello belongs at the beginning, once");
  if (who_.role != PeerIdentity::Role::anonymous) {
    share_ = door_();
    if (!share_)
      throw HangUp(Errc::busy, "this server is full ([server] max_connections); use the other server, or try again in " + std::to_string(kAskAgain.count()) + " s", kAskAgain);
  }
  if (who_.role == PeerIdentity::Role::server) {
    co_await workers_->offload([](ClockGuard* guard, WallTime said) { guard->heard(said); }, &parts_.guard, WallTime{std::chrono::nanoseconds{theirs.time_ns()}});
    parts_.news.partner_came();
  }
  stage_ = wire::Stage::greeted;
  wire::pb::HelloReply ours;
  ours.set_version(kProtocolVersion);
  ours.set_software(parts_.software);
  ours.set_server_id(wire::to_field(parts_.identity.id()));
  ours.set_time_ns(parts_.clock.wall().time_since_epoch().count());
  if (who_.role == PeerIdentity::Role::server) ours.set_compares(true);
  co_return reply_with(ours);
}

// Notes first how often the registry had changed: a change that comes while it is read is met by the next request.
void Session::admit(const std::string& software) {
  judged_at_ = parts_.registry.generation();
  judge();
  if (who_.role == PeerIdentity::Role::agent) parts_.registry.note_seen(who_.agent, address_, software);
}

void Session::judge() const {
  if (who_.role == PeerIdentity::Role::agent) parts_.admission.judge_agent(who_, key_ ? to_string(key_->view()) : std::string{});
  if (who_.role == PeerIdentity::Role::server) parts_.admission.judge_server(who_);
}

// Whoever was admitted is judged again when the registry has changed.  In turn, so that requests begin in the order in which they came:
// a put counts on the envelopes before it.
task<void> Session::still_welcome() {
  auto const held = co_await judging_.take();
  auto const generation = co_await parts_.admission.generation();
  if (generation == judged_at_) co_return;
  co_await workers_->offload([](Session* self) { self->judge(); }, this);
  judged_at_ = generation;
}

// ---- registration

task<void> Session::slow_down(std::string token) {
  auto const wait = parts_.failures.wait(address_, token);
  if (wait.count() > 0) throw wire::Refusal(Errc::busy, "this token was refused too often: try again in " + std::to_string(wait.count()) + " s", wait);
  auto const delay = parts_.failures.delay(address_);
  if (delay.count() > 0) co_await parts_.timers.sleep(delay);
}

void Session::note_bad_token(const std::string& token, const failure& why) {
  if (classify(why.code()) != Errc::bad_token) return;
  parts_.failures.note_failure(address_, token);
  parts_.refusals.say(parts_.timers.now(), "a token from " + address_ + " was refused: " + why.what());
}

task<Reply> Session::register_agent(Request request) {
  auto message = parsed<wire::pb::Register>(request);
  auto const token = message.token().empty() ? message.recover_agent() : message.token();
  auto const held = co_await trying_.take();
  co_await slow_down(token);
  try {
    auto const answer = co_await workers_->offload(
        [](Registration* registration, wire::pb::Register asked) { return registration->register_agent(asked); }, &parts_.registration, std::move(message));
    parts_.news.registry_changed();
    co_return reply_with(answer);
  } catch (const failure& e) {
    note_bad_token(token, e);
    throw;
  }
}

task<Reply> Session::renew(Request request) {
  auto message = parsed<wire::pb::Renew>(request);
  auto const answer = co_await workers_->offload(
      [](Session* self, wire::pb::Renew asked) { return self->parts_.registration.renew(self->who_, asked); }, this, std::move(message));
  co_return reply_with(answer);
}

task<Reply> Session::directory(Request request) {
  auto const message = parsed<wire::pb::GetDirectory>(request);
  auto const answer = co_await workers_->offload(
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
  bool const written = co_await workers_->offload([](Registry* registry, AgentId id, std::string told) { return registry->set_told(id, told); }, &parts_.registry, who_.agent, message.SerializeAsString());
  if (written) parts_.news.vault_changed({who_.account, who_.agent});  // else when it is: Server
  co_return reply_with(wire::pb::Done{});
}

task<Reply> Session::join(Request request) {
  auto message = parsed<wire::pb::Join>(request);
  auto const token = message.invitation();
  auto const held = co_await trying_.take();
  co_await slow_down(token);
  try {
    auto const answer = co_await workers_->offload(
        [](Registration* registration, wire::pb::Join asked) { return registration->join(asked); }, &parts_.registration, std::move(message));
    parts_.news.registry_changed();
    co_return reply_with(answer);
  } catch (const failure& e) {
    note_bad_token(token, e);
    throw;
  }
}

}  // namespace farkeep
