#include "vault/server.hpp"

#include <spdlog/fmt/fmt.h>

#include "async/fair_workers.hpp"
#include "async/fence.hpp"
#include "async/race.hpp"
#include "async/scope.hpp"
#include "async/waiters.hpp"
#include "base/log.hpp"
#include "base/rare_line.hpp"
#include "transport/endpoint.hpp"
#include "vault/aside_orders.hpp"
#include "vault/damage_watch.hpp"
#include "vault/mirror_watch.hpp"

namespace farkeep {
namespace {

constexpr auto kOrdersPoll = std::chrono::seconds{2};
constexpr auto kTidy = std::chrono::minutes{1};  // how old what an administrator sees of visits may be

// Writes visits down; whose reports the partner should hear now.
std::vector<VaultName> written_reports(Registry* registry) {
  std::vector<VaultName> out;
  for (auto const& id : registry->write_visits()) {
    try {
      auto const agent = registry->agent(id);
      auto const account = agent ? AccountId::from(agent->account()) : std::nullopt;
      if (account) out.push_back({*account, id});
    } catch (const failure& f) {
      log_warning("passing a report on: {}", f.what());  // the partner hears of it with the next comparison
    }
  }
  return out;
}

constexpr std::ptrdiff_t kAdoptAtOnce = 32;  // two syncs each: a second of a slow disk
constexpr int kMostDamagedNoted = 1000;       // 45 KiB; of the others people hear again after a restart

// Where accounts and agents of the first version are at home: at the pair's primary, on both servers.
ServerId home_of_the_first_version(Registry* registry, AddressDirectory* directory, ServerId own) {
  auto const partner = registry->partner();
  auto const other = partner ? ServerId::from(partner->server_id()) : std::nullopt;
  return other && !directory->is_primary() ? *other : own;
}

// "192.0.2.7:50314" without what changes with every connection.
std::string without_port(const std::string& place) {
  auto const end = place.rfind(':');
  return end == std::string::npos ? place : place.substr(0, end);
}

Network network_of(const std::string& place) {
  auto const endpoint = Endpoint::parse(place);
  return endpoint ? Network::of(endpoint->address) : Network{};
}

}  // namespace

struct Server::Parts {
  Parts(Executor e, Disk& disk, Store& store, const Identity& identity, const Clock& time, Timers& t, Workers& w, Random& random,
        SecureDialer& dialer, ServerSettings settings)
      : executor(std::move(e)),
        timers(t),
        workers(w),  // one agent's flood of questions waits for itself
        clock(time),
        aside(disk, settings.data),
        guard(disk, settings.data, clock, settings.built),
        registry(disk, clock, random, settings.data + "/registry"),
        directory(registry, identity, clock),
        registration(signing_as(identity), identity, directory, clock, guard, random),
        admission(registry, workers, timers),
        vaults(store, disk, settings.data + "/cache", workers, timers, settings.vaults),
        mirror({registry, identity, directory, vaults, workers, timers, clock, guard, random, dialer, settings.software}, settings.mirror),
        alarms(registry, clock, [this] { return directory.is_primary(); }),
        mirror_watch(registry, clock, [this] { return mirror.talks(); }),
        failures(clock),
        budget(settings.record_memory),
        questions(settings.question_memory),
        answers(settings.answer_memory),
        unusable(clock),
        guests(settings.max_agents),
        session{registry, identity, directory, registration, admission, vaults, workers, timers, clock, guard, failures, budget, questions, answers, mirror, unusable, refusals, troubles, disk_watch, settings.agent_quota, settings.software} {}

  task<void> watch(Session& one, Guests::Guest& guest, bool stranger);
  task<void> tidy();

  task<void> carry_out_orders();
  task<std::string> carry_out(AsideOrder order);
  // From the first use on: whatever is changed is signed.
  Registry& signing_as(const Identity& identity) {
    registry.sign_as(identity);
    return registry;
  }
  task<void> adopt_registry(ServerId own);

  Executor executor;
  DirectoryStore* tended = nullptr;
  Timers& timers;
  FairWorkers workers;
  const Clock& clock;
  AsideOrders aside;
  ClockGuard guard;
  Registry registry;
  AddressDirectory directory;
  Registration registration;
  Admission admission;
  Vaults vaults;
  Mirror mirror;
  Alarms alarms;
  MirrorWatch mirror_watch;
  FailureLimit failures;
  Budget budget, questions, answers;
  UnusableCopies unusable;
  Guests guests;
  RareLine breaches{LogLevel::warning}, ends{LogLevel::info}, refusals{LogLevel::warning}, troubles{LogLevel::error}, orders_fail{LogLevel::error};
  SessionParts session;
  std::size_t sessions = 0;
  Waiters never;
  DiskWatch disk_watch;
  DamageWatch damage_watch;
  std::vector<Notice> disk_notices;

  void recall_what_was_told();
  task<void> note_what_was_told();
};

// What the command line asked of the vaults while others have the store.
task<void> Server::Parts::carry_out_orders() {
  const auto turn = [this]() -> task<void> {
    auto orders = co_await workers.offload([](AsideOrders* all) { return all->pending(); }, &aside);
    for (auto& order : orders) {
      std::string outcome = co_await carry_out(order);
      if (outcome.empty()) continue;
      auto const now = clock.wall().time_since_epoch().count();
      co_await workers.offload([](AsideOrders* all, AsideOrder o, std::string text, std::int64_t at) { all->finish(o, text, at); }, &aside, std::move(order),
                               std::move(outcome), now);
    }
  };
  for (;;) {
    auto const problem = co_await problem_of(turn());
    if (!problem.empty()) orders_fail.say(timers.now(), "setting snapshots aside: " + problem);
    co_await timers.sleep(kOrdersPoll);
  }
}

// What came of it; nothing when it is tried again.
task<std::string> Server::Parts::carry_out(AsideOrder order) {
  try {
    auto const vault = co_await vaults.open(order.account, order.agent);
    if (order.what == AsideOrder::What::key_slot) co_await vault->set_slot_aside(order.sequence);
    else co_await vault->set_snapshot_aside(order.sequence, order.reason, order.time_ns);
    mirror.vault_changed(VaultName{order.account, order.agent});
    co_return "done";
  } catch (const failure& e) {
    auto const code = classify(e.code());
    if (code == Errc::cancelled) throw;
    auto const what = order.what == AsideOrder::What::key_slot ? fmt::format("key slot {:016x}", order.sequence) : fmt::format("snapshot {}", order.sequence);
    orders_fail.say(timers.now(), fmt::format("setting {} of agent {} aside: {}", what, order.agent.brief(), e.what()));
    if (code == Errc::not_found || code == Errc::usage || code == Errc::damaged) co_return e.what();
  }
  co_return std::string{};
}

Server::Server(Executor executor, Disk& disk, Store& store, const Identity& identity, const Clock& clock, Timers& timers, Workers& workers,
               Random& random, SecureDialer& dialer, ServerSettings settings)
    : parts_(std::make_unique<Parts>(std::move(executor), disk, store, identity, clock, timers, workers, random, dialer, std::move(settings))) {
  parts_->recall_what_was_told();
}

Server::~Server() = default;

// So that a restart, or another certificate, neither tells people again nor forgets to tell them that it is over.
void Server::Parts::recall_what_was_told() {
  try {
    auto const watch = registry.alarm_watch();
    if (!watch) return;
    if (watch->disk() <= static_cast<std::uint32_t>(DiskWatch::Level::no_data)) disk_watch.was_told(static_cast<DiskWatch::Level>(watch->disk()));
    std::set<std::string> const damaged(watch->damaged().begin(), watch->damaged().end());
    registry.meet_damaged(damaged);
    damage_watch.was_told(damaged);
  } catch (const failure& f) {
    log_warning("reading what people were told last: {}", f.what());
  }
}

task<void> Server::Parts::note_what_was_told() {
  const auto note = [this]() -> task<void> {
    co_await workers.offload(
        [](Registry* r, std::uint32_t disk, std::set<std::string> damaged) {
          r->change_alarm_watch([&](vault::pb::AlarmWatch& watch) {
            watch.set_disk(disk);
            watch.clear_damaged();
            for (auto const& name : damaged)
              if (watch.damaged_size() < kMostDamagedNoted) watch.add_damaged(name);
          });
        },
        &registry, static_cast<std::uint32_t>(disk_watch.level()), std::set<std::string>{damage_watch.told()});
  };
  auto const problem = co_await problem_of(note());
  if (!problem.empty()) log_warning("noting what people were told: {}", problem);  // on a full disk it counts in memory
}

// What the first version left, or a partner that was replaced.  A few at a time: others change the registry, too.
task<void> Server::Parts::adopt_registry(ServerId own) {
  const auto adopt = [&]() -> task<void> {
    auto names = co_await workers.offload([](Registry* r) { return r->to_adopt(); }, &registry);
    if (names.empty()) co_return;
    auto const home = co_await workers.offload(&home_of_the_first_version, &registry, &directory, own);
    log_info("signing {} entries of the registry as this server's", names.size());
    while (!names.empty()) {
      auto const from = static_cast<std::ptrdiff_t>(names.size()) > kAdoptAtOnce ? names.end() - kAdoptAtOnce : names.begin();
      std::vector<std::string> some{from, names.end()};
      names.erase(from, names.end());
      co_await workers.offload([](Registry* r, std::vector<std::string> n, ServerId h) { r->adopt(n, h); }, &registry, std::move(some), home);
    }
    mirror.registry_changed();
  };
  auto const problem = co_await problem_of(adopt());
  if (!problem.empty()) log_warning("signing the registry's entries, which is tried again at the next start: {}", problem);
}

task<void> Server::run() {
  Scope scope{parts_->executor};
  scope.spawn(parts_->adopt_registry(parts_->session.identity.id()), "signing the registry");
  scope.spawn(parts_->mirror.run(), "the mirror");
  scope.spawn(parts_->vaults.run(), "closing idle vaults");
  scope.spawn(parts_->carry_out_orders(), "setting snapshots aside");
  if (parts_->tended) scope.spawn(look_after_the_store(), "the store");
  scope.spawn(parts_->tidy(), "writing visits down");
  co_await scope.join();
}

// What agents' visits left in memory.
task<void> Server::Parts::tidy() {
  const auto turn = [this]() -> task<void> {
    auto const reported = co_await workers.offload(&written_reports, &registry);
    for (auto const& name : reported) mirror.vault_changed(name);
  };
  for (;;) {
    co_await timers.sleep(kTidy);
    auto const problem = co_await problem_of(turn());
    if (!problem.empty()) log_warning("writing visits down: {}; it is tried again in a minute", problem);
  }
}

// Deadlines, for those who have them.  Ends only by failing.
task<void> Server::Parts::watch(Session& one, Guests::Guest& guest, bool stranger) {
  std::exception_ptr late;
  try {
    co_await with_timeout(timers, limits::kHelloTimeout, one.says_hello(), "waiting for its hello");
    guests.greeted(guest);
    if (!stranger) co_await never.wait();
    co_await timers.sleep(limits::kStrangerLife);
    throw failure(Errc::timed_out, "without a certificate a connection may last " + std::to_string(limits::kStrangerLife.count()) + " s");
  } catch (const failure& e) {
    if (classify(e.code()) == Errc::timed_out) ++guests.counts().late;
    late = std::current_exception();
  }
  std::rethrow_exception(late);
}

void Server::look_after(DirectoryStore& store) { parts_->tended = &store; }

task<void> Server::look_after_the_store() {
  constexpr std::size_t kMostUntold = 16;  // nobody may be there to take them
  const auto turn = [this]() -> task<void> {
    auto const health = co_await parts_->tended->tend();
    auto notice = parts_->disk_watch.see(health);
    if (!notice) co_return;
    if (parts_->disk_watch.level() == DiskWatch::Level::ok) log_info("{}", notice->text);
    else log_error("{}", notice->text);
    if (parts_->disk_notices.size() == kMostUntold) parts_->disk_notices.erase(parts_->disk_notices.begin());
    parts_->disk_notices.push_back(std::move(*notice));
  };
  for (;;) {
    auto const problem = co_await problem_of(turn());
    if (!problem.empty()) log_warning("looking after the store: {}", problem);
    co_await parts_->timers.sleep(kLookAtDisk);
  }
}

// The guest goes first: whoever has to give way is ended through it, and its peer is alive then.
task<void> Server::serve(std::unique_ptr<SecureStream> stream) {
  auto const who = stream->peer();
  auto const from = stream->describe();
  bool const stranger = who.role == PeerIdentity::Role::anonymous;
  Session session{parts_->session, who, without_port(from)};
  Peer peer{parts_->timers, std::move(stream)};
  Guests::Guest guest{who, network_of(from), peer};
  parts_->guests.enter(guest);
  session.enter_by([this, &guest] { return parts_->guests.admit(guest); });
  log_debug("{} connected from {}", who.text(), from);
  struct Counted {
    explicit Counted(std::size_t& n) : number(n) { ++number; }
    ~Counted() { --number; }
    std::size_t& number;
  } const counted{parts_->sessions};
  std::exception_ptr cancelled;
  try {
    co_await race(peer.serve(session), parts_->watch(session, guest, stranger));
    log_debug("{} from {} left", who.text(), from);
  } catch (const boost::system::system_error& e) {
    auto const code = classify(e.code());
    if (code == Errc::cancelled) cancelled = std::current_exception();
    else if (code == Errc::protocol) parts_->breaches.say(parts_->timers.now(), who.text() + " from " + from + ": " + e.what());
    else parts_->ends.say(parts_->timers.now(), who.text() + " from " + from + ": " + e.what());
    if (code == Errc::protocol) ++parts_->guests.counts().breaches;
  }
  if (cancelled) std::rethrow_exception(cancelled);
}

task<void> Server::close() {
  try {
    parts_->registry.write_visits();
  } catch (const std::exception& e) {
    log_warning("writing visits down: {}", e.what());  // the vaults count
  }
  return parts_->vaults.close();
}

void Server::use(const ServerSettings& settings) {
  parts_->session.agent_quota = settings.agent_quota;
  parts_->guests.limit(settings.max_agents);
  parts_->mirror.use(settings.mirror);
  parts_->vaults.use(settings.vaults.vault);
}

task<std::vector<Notice>> Server::look_for_overdue(bool anybody) {
  // In one piece: what the first look notes as told must reach the caller.
  auto const look = [](Alarms* alarms, MirrorWatch* mirror, bool a) {
    auto out = alarms->look(a);
    std::size_t const changed = out.size();
    try {
      if (auto notice = mirror->look(a)) out.push_back(std::move(*notice));
    } catch (const failure& f) {
      log_warning("looking how the mirror is: {}", f.what());
    }
    return std::pair{std::move(out), changed > 0};
  };
  auto [notices, changed] = co_await parts_->workers.offload(look, &parts_->alarms, &parts_->mirror_watch, anybody);
  if (changed) parts_->mirror.registry_changed();
  if (auto notice = parts_->unusable.look(anybody)) notices.push_back(std::move(*notice));
  if (auto notice = parts_->damage_watch.see(parts_->registry.met_damaged())) notices.push_back(std::move(*notice));
  co_await parts_->note_what_was_told();
  co_return std::move(notices);
}

std::vector<Notice> Server::take_disk_notices() { return std::exchange(parts_->disk_notices, {}); }
const DiskWatch& Server::disk() const noexcept { return parts_->disk_watch; }
Registry& Server::registry() noexcept { return parts_->registry; }
Vaults& Server::vaults() noexcept { return parts_->vaults; }
AddressDirectory& Server::directory() noexcept { return parts_->directory; }
std::uint64_t Server::unusable_copies() const noexcept { return parts_->unusable.objects(); }
ClockGuard& Server::clock_guard() noexcept { return parts_->guard; }
std::size_t Server::sessions() const noexcept { return parts_->sessions; }
TurnedAway Server::turned_away() const noexcept { return parts_->guests.turned_away(); }

}  // namespace farkeep
