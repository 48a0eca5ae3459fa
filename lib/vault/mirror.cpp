#include "vault/mirror.hpp"

#include <algorithm>

#include "async/backoff.hpp"
#include "async/fence.hpp"
#include "async/race.hpp"
#include "async/scope.hpp"
#include "base/log.hpp"
#include "base/valid_text.hpp"

// The conversation with the partner; what is pushed is in mirror_push.cpp.
namespace farkeep {
namespace {

constexpr auto kFirstWait = std::chrono::seconds{1};
constexpr auto kPoll = std::chrono::seconds{2};        // for changes that an administrator's command made in the registry's files
constexpr auto kPartnerPoll = std::chrono::seconds{5};  // whether there is a partner by now
constexpr auto kTellAllAgain = std::chrono::hours{1};     // what the partner could not take, or lost since: 2 KiB and a report for each agent
constexpr std::chrono::nanoseconds kLasts = std::chrono::minutes{1};        // a conversation of that length got on: the next failure is a new one
constexpr std::chrono::nanoseconds kReachedWait = std::chrono::minutes{1};  // the longest after one that failed on the way
constexpr std::chrono::nanoseconds kBehindWait = std::chrono::seconds{10};  // before a vault that could not be mirrored is tried again; then twice as long

constexpr std::size_t kMaxForked = 1024;  // 16 KiB
constexpr std::size_t kMaxProblem = 4096;  // of what `status` shows

double uniform(Random& random) {
  std::array<std::uint8_t, 4> bytes;
  random.fill(bytes);
  std::uint32_t const n = static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
                          static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
  return n / 4294967296.0;
}

}  // namespace

void Mirror::vault_changed(const VaultName& name) {
  changed_.insert(name);
  news_.wake_all();
}

void Mirror::partner_lost_some(const VaultName& name) {
  to_compare_.insert(name);
  vault_changed(name);
}

void Mirror::registry_changed() {
  registry_changed_ = true;
  news_.wake_all();
}

void Mirror::partner_came() { try_now_.wake_all(); }

void Mirror::use(MirrorSettings settings) {
  settings_ = std::move(settings);
  try_now_.wake_all();
}

task<void> Mirror::wait_for_news(std::chrono::nanoseconds longest) {
  if (!changed_.empty() || registry_changed_) co_return;
  co_await race(news_.wait(), parts_.timers.sleep(longest));
}

task<void> Mirror::run() {
  auto longest = settings_.backoff;
  auto const fresh_backoff = [this] { return Backoff{std::min<std::chrono::nanoseconds>(kFirstWait, settings_.backoff), settings_.backoff, [this] { return uniform(parts_.random); }}; };
  auto backoff = fresh_backoff();
  for (;;) {
    std::optional<vault::pb::Partner> partner;
    auto const read_partner = [&]() -> task<void> { partner = co_await parts_.workers.offload([](Registry* registry) { return registry->partner(); }, &parts_.registry); };
    std::string unread = co_await problem_of(read_partner());  // agents are served all the same
    if (!unread.empty()) {
      co_await note(std::move(unread), 0);
      co_await parts_.timers.sleep(kPartnerPoll);
      continue;
    }
    if (!partner) {
      // Nobody to tell; whoever comes is compared with as a whole.
      registry_changed_ = false;
      changed_.clear();
      to_compare_.clear();
      co_await wait_for_news(kPartnerPoll);
      continue;
    }
    auto const name = partner->name();
    reached_ = false;
    auto const began = parts_.timers.now();
    // Whatever a partner made go wrong: agents are served all the same.
    std::string problem = co_await problem_of(converse(std::move(*partner)));
    talks_ = false;
    bool const lasted = reached_ && parts_.timers.now() - began >= kLasts;
    if (longest != settings_.backoff) backoff = fresh_backoff();
    longest = settings_.backoff;
    if (lasted) backoff.reset();
    if (reached_ || problem != logged_problem_) problems_.say(parts_.timers.now(), fmt::format("mirroring to {}: {}", name, problem));
    logged_problem_ = problem;
    co_await note(std::move(problem), 0);
    // Where it was reached there must be a wait that nothing cuts short: both sides would else wake each other without end over something that neither can do.
    if (reached_) co_await parts_.timers.sleep(std::min(backoff.next(), kReachedWait));
    else co_await race(try_now_.wait(), parts_.timers.sleep(backoff.next()));
  }
}

task<void> Mirror::converse(vault::pb::Partner partner) {
  auto const id = ServerId::from(partner.server_id());
  if (!id) throw failure(Errc::damaged, "reading the partner's record");
  auto stream = co_await connect(std::move(partner));
  Peer peer{parts_.timers, std::move(stream)};
  Scope scope{co_await asio::this_coro::executor};
  scope.spawn(peer.run(), "the connection to the partner");
  scope.spawn(work(peer, *id), "mirroring");
  co_await scope.join();
}

task<std::unique_ptr<SecureStream>> Mirror::connect(vault::pb::Partner partner) {
  // What the settings say; else what the directory says now, for a data centre may move; else where it was when it joined.
  auto addresses = settings_.addresses;
  if (addresses.empty()) {
    auto texts = co_await parts_.workers.offload([](AddressDirectory* d, std::string id) { return d->addresses_of(id); }, &parts_.directory, std::string{partner.server_id()});
    texts.insert(texts.end(), partner.address().begin(), partner.address().end());
    for (auto const& text : texts) {
      auto const endpoint = Endpoint::parse(text);
      if (endpoint && std::find(addresses.begin(), addresses.end(), *endpoint) == addresses.end()) addresses.push_back(*endpoint);
    }
  }
  auto const id = ServerId::from(partner.server_id()).value_or(ServerId{});
  std::exception_ptr last = std::make_exception_ptr(failure(Errc::configuration, "connecting to the partner: it has no address"));
  for (auto const& address : addresses) {
    try {
      ExpectedServer const expected{id};
      co_return co_await parts_.dialer.connect(address, expected);
    } catch (const failure& e) {
      if (classify(e.code()) == Errc::cancelled) throw;
      last = std::current_exception();
    }
  }
  std::rethrow_exception(last);
}

// 1. hello  2. registry, slots, directory  3. compare everything, push what differs  4. then what is new, as it comes
task<void> Mirror::work(Peer& peer, ServerId partner) {
  co_await greet(peer, partner);
  reached_ = talks_ = true;
  told_.clear();
  auto tell_all_again = parts_.timers.now() + kTellAllAgain;
  auto generation = co_await parts_.workers.offload([](Registry* registry) { return registry->generation(); }, &parts_.registry);
  heals_ = true;
  co_await push_registry(peer);
  co_await heal_registry(peer);
  co_await push_slots(peer);
  co_await pull_directory(peer);
  SteadyTime next_comparison = parts_.timers.now();
  behind_.clear();
  co_await recall_forks();
  for (;;) {
    auto const now_at = co_await parts_.workers.offload([](Registry* registry) { return registry->generation(); }, &parts_.registry);
    bool const all_again = parts_.timers.now() >= tell_all_again;
    if (all_again) {
      told_.clear();
      tell_all_again = parts_.timers.now() + kTellAllAgain;
    }
    if (registry_changed_ || now_at != generation || all_again) {
      registry_changed_ = false;
      co_await push_registry(peer);
      co_await pull_directory(peer);
    }
    generation = now_at;
    if (parts_.registry.take_met_damage()) co_await heal_registry(peer);
    bool const compare = parts_.timers.now() >= next_comparison;
    Names changed = std::exchange(changed_, {});
    Names again = std::exchange(to_compare_, {});
    if (compare) {
      next_comparison = parts_.timers.now() + settings_.interval;
      auto const different = co_await differing(peer);
      std::erase_if(behind_, [&](auto const& one) { return !different.contains(one.first); });
      for (auto const& name : different)
        if (!behind_.contains(name)) again.insert(name);
    }
    again.merge(due_again());
    bool const anything = compare || !changed.empty() || !again.empty();
    for (auto const& name : again) changed.erase(name);
    co_await push_vaults(peer, partner, std::move(again), true);
    co_await push_vaults(peer, partner, std::move(changed), false);
    if (anything) {
      Forks forks = about_forks();
      std::string problem;
      if (!behind_.empty()) problem = forks.text.empty() ? "some vaults could not be mirrored; the log says why" : forks.text;
      co_await note(std::move(problem), behind_.size(), std::move(forks));
    }
    co_await wait_for_news(kPoll);
  }
}

Mirror::Names Mirror::due_again() const {
  Names out;
  for (auto const& [name, behind] : behind_)
    if (behind.again <= parts_.timers.now()) out.insert(name);
  return out;
}

void Mirror::see_theirs(const VaultName& name, const std::string& digest) {
  auto const behind = behind_.find(name);
  if (behind == behind_.end() || behind->second.theirs == digest) return;
  behind->second.wait = {};
  behind->second.again = {};
  behind->second.theirs = digest;
}

task<void> Mirror::push_vaults(Peer& peer, ServerId partner, Names names, bool compare_all) {
  for (auto const& name : names) {
    bool const pushed = co_await push_vault(peer, partner, name, compare_all);
    if (pushed) {
      behind_.erase(name);
      continue;
    }
    auto& behind = behind_[name];
    behind.wait = behind.wait.count() == 0 ? kBehindWait : std::min<std::chrono::nanoseconds>(2 * behind.wait, std::max<std::chrono::nanoseconds>(settings_.backoff, kBehindWait));
    behind.again = parts_.timers.now() + behind.wait;
  }
}

task<void> Mirror::greet(Peer& peer, ServerId partner) {
  wire::pb::Hello hello;
  hello.set_version_min(1);
  hello.set_version_max(1);
  hello.set_software(parts_.software);
  hello.set_time_ns(parts_.clock.wall().time_since_epoch().count());
  std::optional<WallTime> theirs;
  std::exception_ptr refused;
  wire::pb::HelloReply answer;
  try {
    answer = co_await peer.call<wire::pb::HelloReply>(wire::Verb::hello, hello, limits::kHelloTimeout);
    theirs = WallTime{std::chrono::nanoseconds{answer.time_ns()}};
  } catch (const wire::Refusal& e) {
    theirs = e.time();  // it does not know us by its clock; where ours agrees with it, a certificate for now is made, and it will
    refused = std::current_exception();
  }
  if (theirs) co_await parts_.workers.offload([](ClockGuard* guard, WallTime said) { guard->heard(said); }, &parts_.guard, *theirs);
  if (refused) std::rethrow_exception(refused);
  if (answer.server_id() != as_text(partner.view())) throw failure(Errc::identity, "greeting the partner at " + peer.describe() + ": another server answers");
  compares_ = answer.compares();
  known_.clear();
  partner_root_ = to_string(peer.identity().root_key);
  greetings_.say(parts_.timers.now(), fmt::format("mirroring to {}", peer.describe()));
}

task<void> Mirror::recall_forks() {
  auto state = co_await parts_.workers.offload([](Registry* registry) { return registry->mirror_state().value_or(vault::pb::MirrorState{}); }, &parts_.registry);
  forked_before_ = {state.forked().begin(), state.forked().end()};
  fork_before_ = state.fork();
}

Mirror::Forks Mirror::about_forks() const {
  std::string first;
  auto agents = forked_before_;
  for (auto const& [name, behind] : behind_) {
    if (behind.fork.empty()) continue;
    if (first.empty()) first = behind.fork;
    agents.insert(wire::to_field(name.agent));
  }
  Forks out;
  if (agents.empty()) return out;
  std::string const more = agents.size() > 1 ? fmt::format(", nor some of {} other agents", agents.size() - 1) : std::string{};
  out.text = fork_before_;
  if (!first.empty())
    out.text = fmt::format("the partner has another snapshot in the place of {}, and does not take it{}. See on the agent's machine which of the two is its own (farkeep snapshots), and set the other one aside where it is "
                           "(farkeep-server snapshots set-aside)",
                           first, more);
  for (auto const& agent : agents)
    if (out.agents.size() < kMaxForked) out.agents.push_back(agent);
  return out;
}

// What `pair` and `status` show.  Without `forks`: what is known of them stays.  A disk that is full must not end the server for that: it still serves restores.
task<void> Mirror::note(std::string problem, std::size_t behind, std::optional<Forks> forks) {
  vault::pb::MirrorState news;
  bool const well = problem.empty();
  news.set_problem(valid_text(problem, kMaxProblem));
  news.set_behind(behind);
  bool const knows_forks = forks.has_value();
  if (forks) {
    news.set_fork(valid_text(forks->text, kMaxProblem));
    for (auto const& agent : forks->agents) news.add_forked(agent);
  }
  news.set_vaults(vaults_);
  auto const now = parts_.clock.wall().time_since_epoch().count();
  if (reached_) news.set_contact_ns(now);
  news.set_root_key(partner_root_);
  if (well && behind == 0) news.set_equal_ns(now);
  const auto write = [&]() -> task<void> {
    co_await parts_.workers.offload(
        [](Registry* registry, vault::pb::MirrorState state, bool knows) {
          auto const old = registry->mirror_state().value_or(vault::pb::MirrorState{});
          if (state.contact_ns() == 0) state.set_contact_ns(old.contact_ns());
          if (state.root_key().empty()) state.set_root_key(old.root_key());
          if (state.equal_ns() == 0) state.set_equal_ns(old.equal_ns());
          if (!knows) {
            state.set_fork(old.fork());
            *state.mutable_forked() = old.forked();
          }
          registry->set_mirror_state(state);
        },
        &parts_.registry, std::move(news), knows_forks);
  };
  auto const unwritten = co_await problem_of(write());
  if (!unwritten.empty()) log_warning("noting how the mirror stands: {}", unwritten);
}

}  // namespace farkeep
