#include "vault/server.hpp"

#include "async/scope.hpp"
#include "base/log.hpp"
#include "vault/gated_stream.hpp"

namespace farkeep {
namespace {

// "192.0.2.7:50314" without what changes with every connection.
std::string without_port(const std::string& place) {
  auto const end = place.rfind(':');
  return end == std::string::npos ? place : place.substr(0, end);
}

}  // namespace

struct Server::Parts {
  Parts(Executor e, Disk& disk, Store& store, const Identity& identity, const Clock& clock, Timers& t, Workers& w, Random& random,
        SecureDialer& dialer, ServerSettings settings)
      : executor(std::move(e)),
        timers(t),
        workers(w),
        registry(disk, clock, random, settings.data + "/registry"),
        directory(registry, identity, clock),
        registration(registry, identity, directory, clock, random),
        vaults(store, disk, settings.data + "/cache", workers, timers, settings.vaults),
        mirror({registry, identity, directory, vaults, workers, timers, clock, random, dialer, settings.software}, settings.mirror),
        alarms(registry, clock, [this] { return directory.is_primary(); }),
        failures(clock),
        budget(settings.record_memory),
        session{registry, identity, directory, registration, vaults, workers, timers, clock, failures, budget, mirror, settings.agent_quota, settings.software} {}

  Executor executor;
  Timers& timers;
  Workers& workers;
  Registry registry;
  AddressDirectory directory;
  Registration registration;
  Vaults vaults;
  Mirror mirror;
  Alarms alarms;
  FailureLimit failures;
  Budget budget;
  SessionParts session;
  std::size_t sessions = 0;
};

Server::Server(Executor executor, Disk& disk, Store& store, const Identity& identity, const Clock& clock, Timers& timers, Workers& workers,
               Random& random, SecureDialer& dialer, ServerSettings settings)
    : parts_(std::make_unique<Parts>(std::move(executor), disk, store, identity, clock, timers, workers, random, dialer, std::move(settings))) {}

Server::~Server() = default;

task<void> Server::run() {
  Scope scope{parts_->executor};
  scope.spawn(parts_->mirror.run(), "the mirror");
  scope.spawn(parts_->vaults.run(), "closing idle vaults");
  co_await scope.join();
}

task<void> Server::serve(std::unique_ptr<SecureStream> stream) {
  auto const who = stream->peer().text();
  auto const from = stream->describe();
  Session session{parts_->session, stream->peer(), without_port(from)};
  Peer peer{parts_->timers, std::make_unique<GatedStream>(std::move(stream), session.held(), parts_->budget)};
  log_debug("{} connected from {}", who, from);
  ++parts_->sessions;
  std::exception_ptr cancelled;
  try {
    co_await peer.serve(session);
    log_debug("{} from {} left", who, from);
  } catch (const boost::system::system_error& e) {
    auto const code = classify(e.code());
    if (code == Errc::cancelled) cancelled = std::current_exception();
    else if (code == Errc::protocol) log_warning("{} from {}: {}", who, from, e.what());
    else log_info("{} from {}: {}", who, from, e.what());
  }
  --parts_->sessions;
  if (cancelled) std::rethrow_exception(cancelled);
}

task<void> Server::close() { return parts_->vaults.close(); }

void Server::use(const ServerSettings& settings) {
  parts_->session.agent_quota = settings.agent_quota;
  parts_->mirror.use(settings.mirror);
  parts_->vaults.use(settings.vaults.vault);
}

task<std::vector<Notice>> Server::look_for_overdue(bool anybody) {
  auto notices = co_await parts_->workers.offload([](Alarms* alarms, bool a) { return alarms->look(a); }, &parts_->alarms, anybody);
  if (!notices.empty()) parts_->mirror.registry_changed();
  co_return notices;
}

Registry& Server::registry() noexcept { return parts_->registry; }
Vaults& Server::vaults() noexcept { return parts_->vaults; }
AddressDirectory& Server::directory() noexcept { return parts_->directory; }
std::size_t Server::sessions() const noexcept { return parts_->sessions; }

}  // namespace farkeep
