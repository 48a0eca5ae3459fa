#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/scope.hpp"
#include "crypto/authority.hpp"
#include "sim/dice.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_net.hpp"
#include "sim/sim_timers.hpp"
#include "store/directory_store.hpp"
#include "vault/clock_guard.hpp"
#include "vault/registration.hpp"
#include "vault/server.hpp"

/// A whole server in memory for one input: real sessions, vaults, registry and store, on a simulated disk and network in virtual time.
namespace farkeep::fuzz {

inline constexpr auto kAge = std::chrono::hours{24 * 365 * 20};  // of the world: certificates want a plausible time
inline constexpr const char* kData = "/data";

/// An agent that the server knows.
struct KnownAgent {
  SigningKey key;
  std::vector<Certificate> chain;
  AccountId account;
  AgentId agent;

  PeerIdentity shown() const {
    auto who = PeerIdentity::of_agent(account, agent);
    who.certificate = chain[0].der();
    return who;
  }
};

/// What a disk holds when an administrator has set a server up: made once, because keys and certificates are slow.
struct Installed {
  Installed() : clock(timers, kAge) {
    disk.make_folders(kData);
    identity.emplace(Identity::create_first(disk, kData, "east", {*parse_address("10.0.0.1")}, clock.wall(), random));
    Registry registry{disk, clock, random, std::string{kData} + "/registry"};
    registry.sign_as(*identity);
    AddressDirectory directory{registry, *identity, clock};
    ClockGuard const guard{disk, kData, clock};
    Registration registration{registry, *identity, directory, clock, guard, random};
    auto const account = *AccountId::from(registry.add_account("account", 0).id());
    for (std::size_t i = 0; i < 3; ++i) agents.push_back(enrol(registry, registration, account));
    Registry::TokenOrder order;
    order.account = account;
    order.uses = 10'000;
    order.valid = std::chrono::hours{24 * 365};
    token = to_string(registry.create_token(order).view());
    vault::pb::Partner known;
    partner = random.id<ServerId>();
    known.set_server_id(to_string(partner.view()));
    known.set_name("west");
    known.add_address("10.0.0.2:16384");
    registry.set_partner(known);
    for (auto const& path : disk.files()) files.emplace(path, disk.content(path));
  }

  KnownAgent enrol(Registry& registry, Registration& registration, const AccountId& account) {
    Registry::TokenOrder order;
    order.account = account;
    order.valid = std::chrono::hours{1};
    wire::pb::Register question;
    question.set_token(to_string(registry.create_token(order).view()));
    auto key = SigningKey::generate(random);
    question.set_csr(to_string(CertificateRequest::make(key).der()));
    question.set_name("agent");
    auto const answer = registration.register_agent(question);
    std::vector<Certificate> chain;
    for (auto const& der : answer.chain()) chain.push_back(value_or_throw(Certificate::from_der(as_bytes(der)), "registering"));
    return KnownAgent{std::move(key), std::move(chain), *AccountId::from(answer.account()), *AgentId::from(answer.agent())};
  }

  sim::SimTimers timers;
  sim::SimClock clock;
  sim::SimRandom random{1};
  sim::SimDisk disk;
  std::optional<Identity> identity;
  std::vector<KnownAgent> agents;
  std::string token;
  ServerId partner;
  std::map<std::string, Buffer> files;
};

inline void put_on(sim::SimDisk& disk, const std::map<std::string, Buffer>& files) {
  for (auto const& [path, bytes] : files) {
    disk.make_folders(path.substr(0, path.rfind('/')));
    disk.open(path, Open::create_new)->append(bytes);
  }
}

class ServerWorld {
 public:
  explicit ServerWorld(const Installed& installed) : installed_(installed), clock_(timers, kAge + std::chrono::hours{1}) {
    put_on(disk, installed.files);
    auto who = PeerIdentity::of_server(installed.identity->id());
    who.certificate = installed.identity->chain()[0].der();
    self_ = who;
  }
  ~ServerWorld() { stop(); }

  void start() {
    running_ = true;
    asio::co_spawn(io, live(), asio::bind_cancellation_slot(stop_.slot(), [this](const std::exception_ptr& e) {
                     running_ = false;
                     error_ = e;
                   }));
    pass(std::chrono::milliseconds{1});
  }
  /// Throws what ended the server by itself.
  void stop() {
    if (!running_ && !error_) return;
    stop_.emit(asio::cancellation_type::terminal);
    sim::run_until(io, timers, [this] { return !running_; });
    if (auto e = std::exchange(error_, nullptr)) std::rethrow_exception(e);
  }
  bool is_running() const { return running_; }
  void pass(std::chrono::nanoseconds time) { sim::run(io, timers, timers.sleep(time)); }
  Server& server() { return *server_; }
  Endpoint at() const { return Endpoint{asio::ip::make_address("10.0.0.1")}; }
  const Installed& installed() const { return installed_; }
  Clock& clock() { return clock_; }

  asio::io_context io;
  sim::SimTimers timers;
  sim::SimNet net{timers, 7};
  sim::SimDisk disk;

 private:
  task<void> live() {
    auto store = co_await DirectoryStore::open(disk, workers_, random_, std::string{kData} + "/store");
    sim::SimDialer dialer{net, asio::ip::make_address("10.0.0.1"), self_};
    ServerSettings settings;
    settings.data = kData;
    settings.vaults.vault.segment_target = 64 * 1024;
    settings.record_memory = 64 * limits::kMiB;
    server_.emplace(io.get_executor(), disk, *store, *installed_.identity, clock_, timers, workers_, random_, dialer, settings);
    server_->look_after(*store);
    std::exception_ptr broke;
    {
      sim::SimListener listener{net, at(), self_};
      Scope scope{io.get_executor()};
      scope.spawn(server_->run(), "server");
      scope.spawn(accept(listener, scope), "accepting");
      try {
        co_await scope.join();
      } catch (const boost::system::system_error& e) {
        if (classify(e.code()) != Errc::cancelled) broke = std::current_exception();
      }
    }
    co_await asio::this_coro::reset_cancellation_state();
    try {
      co_await server_->close();
    } catch (const failure&) {
      // a disk that fails until the end
    }
    server_.reset();
    if (broke) std::rethrow_exception(broke);
  }
  task<void> accept(sim::SimListener& listener, Scope& scope) {
    for (;;) {
      auto stream = co_await listener.accept();
      scope.spawn(server_->serve(std::move(stream)), "session");
    }
  }

  const Installed& installed_;
  sim::SimClock clock_;
  sim::SimRandom random_{2};
  InlineWorkers workers_;
  PeerIdentity self_;
  std::optional<Server> server_;
  asio::cancellation_signal stop_;
  std::exception_ptr error_;
  bool running_ = false;
};

}  // namespace farkeep::fuzz
