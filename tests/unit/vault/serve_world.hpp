#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <functional>

#include "archive/archive.pb.h"
#include "archive/manifest.hpp"
#include "async/scope.hpp"
#include "crypto/authority.hpp"
#include "sim/sim_net.hpp"
#include "unit/vault/vault_world.hpp"
#include "vault/registration.hpp"
#include "vault/server.hpp"

/// A pair of data centres and agents in one process, on a simulated network in virtual time.
namespace farkeep::test {

using wire::Verb;
namespace msg = wire::pb;

/// Disks that take their time when they are told to.
class PatientWorkers final : public Workers {
 public:
  explicit PatientWorkers(sim::SimTimers& timers) : timers_(timers) {}
  std::size_t threads() const noexcept override { return 1; }
  std::chrono::nanoseconds each{0};

 protected:
  task<void> run(Job& job) override {
    if (each.count() > 0) co_await timers_.sleep(each);
    job.work();
  }

 private:
  sim::SimTimers& timers_;
};

struct Planet {
  asio::io_context io;
  sim::SimTimers timers;
  sim::SimClock clock{timers, std::chrono::hours{24 * 365 * 20}};
  SystemRandom random;
  PatientWorkers workers{timers};
  sim::SimNet net{timers, 7};

  template <class T>
  T run(task<T> work) {
    return sim::run(io, timers, std::move(work));
  }
  void pass(std::chrono::nanoseconds time) { run(timers.sleep(time)); }
};

inline asio::ip::address ip(const char* text) { return asio::ip::make_address(text); }

/// A server process: it can be started, stopped and lose its store.
class DataCentre {
 public:
  DataCentre(Planet& planet, const char* address, Identity identity, std::unique_ptr<sim::SimDisk> disk)
      : planet_(planet), at_(ip(address)), disk_(std::move(disk)), identity_(std::move(identity)),
        dialer_(planet.net, at_.address, self()), store_(new_store()) {
    settings_.data = "/data";
    settings_.vaults.vault.segment_target = 64 * 1024;
    settings_.mirror.interval = std::chrono::seconds{20};
    settings_.mirror.backoff = std::chrono::seconds{10};
  }
  ~DataCentre() { stop(); }

  void start() {
    running_ = true;
    asio::co_spawn(planet_.io, live(), asio::bind_cancellation_slot(stop_.slot(), [this](const std::exception_ptr&) { running_ = false; }));
    planet_.pass(std::chrono::milliseconds{1});
  }
  void stop() {
    if (!running_) return;
    stop_.emit(asio::cancellation_type::terminal);
    sim::run_until(planet_.io, planet_.timers, [this] { return !running_; });
  }
  /// Before it is started.
  void use_store(std::unique_ptr<Store> store) { store_ = std::move(store); }
  void lose_store() { store_ = new_store(); disk_->remove_tree("/data/cache"); }

  const Identity& identity() const { return identity_; }
  Endpoint at() const { return at_; }
  bool running() const { return running_; }
  Server& server() { return *server_; }
  ServerSettings& settings() { return settings_; }  ///< before it is started
  sim::SimDisk& disk() { return *disk_; }
  Registry& registry() {
    if (!registry_) {
      registry_.emplace(*disk_, planet_.clock, planet_.random, "/data/registry");
      registry_->sign_as(identity_);
    }
    return *registry_;
  }

  std::string token(const std::string& account, std::uint32_t uses = 1, std::optional<AgentId> recover = {}) {
    Registry::TokenOrder order;
    auto const known = registry().account_named(account);
    order.account = *AccountId::from(known ? known->id() : registry().add_account(account, 0).id());
    order.uses = uses;
    order.valid = std::chrono::hours{24};
    order.recover = recover;
    return to_string(registry().create_token(order).view());
  }
  /// Sequence numbers here, and whether the partner has them.
  std::map<std::uint64_t, bool> snapshots(const AccountId& account, const AgentId& agent) {
    return planet_.run(read_snapshots(account, agent));
  }

 private:
  PeerIdentity self() const {
    auto who = PeerIdentity::of_server(identity_.id());
    who.certificate = identity_.chain()[0].der();
    return who;
  }
  std::unique_ptr<Store> new_store() { return std::make_unique<MemoryStore>(planet_.random.id<StoreId>()); }

  task<void> live() {
    server_.emplace(planet_.io.get_executor(), *disk_, *store_, identity_, planet_.clock, planet_.timers, planet_.workers, planet_.random, dialer_, settings_);
    {
      sim::SimListener listener{planet_.net, at_, self()};
      Scope scope{planet_.io.get_executor()};
      scope.spawn(server_->run(), "server");
      scope.spawn(accept(listener, scope), "accepting");
      try {
        co_await scope.join();
      } catch (const boost::system::system_error&) {
      }
    }
    co_await asio::this_coro::reset_cancellation_state();
    co_await server_->close();
    server_.reset();
  }
  task<void> accept(sim::SimListener& listener, Scope& scope) {
    for (;;) {
      auto stream = co_await listener.accept();
      scope.spawn(server_->serve(std::move(stream)), "session");
    }
  }
  task<std::map<std::uint64_t, bool>> read_snapshots(AccountId account, AgentId agent) {
    auto const lease = co_await server_->vaults().open(account, agent);
    std::map<std::uint64_t, bool> out;
    auto const rows = co_await lease->snapshots(0, 1000);
    for (auto const& row : rows) out[row.sequence] = lease->is_protected(row.sequence);
    co_return out;
  }

  Planet& planet_;
  Endpoint at_;
  std::unique_ptr<sim::SimDisk> disk_;
  Identity identity_;
  sim::SimDialer dialer_;
  std::unique_ptr<Store> store_;
  ServerSettings settings_;
  std::optional<Server> server_;
  std::optional<Registry> registry_;
  asio::cancellation_signal stop_;
  bool running_ = false;
};

inline std::unique_ptr<DataCentre> first_centre(Planet& planet, const char* address) {
  auto disk = std::make_unique<sim::SimDisk>();
  disk->make_folders("/data");
  auto identity = Identity::create_first(*disk, "/data", "east", {*parse_address(address)}, planet.clock.wall(), planet.random);
  return std::make_unique<DataCentre>(planet, address, std::move(identity), std::move(disk));
}

/// Someone who connects: an agent, a stranger, an impostor.
struct Client {
  Planet& planet;
  const char* from;
  PeerIdentity who;

  using Work = std::function<task<void>(Peer&)>;

  /// Connects and does the work; its error, if it failed.
  Errc with(DataCentre& centre, Work work, bool greet = true) {
    failed_text.clear();
    retry_after = {};
    try {
      planet.run(converse(centre.at(), centre.identity().id(), std::move(work), greet));
    } catch (const wire::Refusal& e) {
      failed_text = e.what();
      retry_after = e.retry_after();
      their_time = e.time();
      return classify(e.code());
    } catch (const boost::system::system_error& e) {
      failed_text = e.what();
      return classify(e.code());
    }
    return Errc{};
  }
  std::string failed_text;
  std::chrono::seconds retry_after{};
  std::optional<WallTime> their_time{};  // said with a refusal
  /// The same for whoever is in a coroutine already; throws.
  task<void> join(DataCentre& centre, Work work) { return converse(centre.at(), centre.identity().id(), std::move(work), true); }

  static task<void> hello(Peer& peer) {
    msg::Hello question;
    question.set_version_min(1);
    question.set_version_max(1);
    question.set_software("test");
    co_await peer.call<msg::HelloReply>(Verb::hello, question);
  }

 private:
  task<void> converse(Endpoint to, ServerId expected, Work work, bool greet) {
    sim::SimDialer dialer{planet.net, ip(from), who};
    ExpectedServer const server{expected};
    auto stream = co_await dialer.connect(to, server);
    Peer peer{planet.timers, std::move(stream)};
    Scope scope{co_await asio::this_coro::executor};
    std::exception_ptr error;
    scope.spawn(run(peer), "peer");
    scope.spawn(all(peer, work, greet, error), "work");
    co_await scope.join();
    if (error) std::rethrow_exception(error);
  }
  // What the work meets is what counts, not that the connection ended besides.
  static task<void> run(Peer& peer) {
    try {
      co_await peer.run();
    } catch (const failure&) {
    }
  }
  static task<void> all(Peer& peer, const Work& work, bool greet, std::exception_ptr& error) {
    try {
      if (greet) co_await hello(peer);
      co_await work(peer);
    } catch (...) {
      error = std::current_exception();
    }
    co_await peer.bye();
  }
};

/// An honest agent with real certificates and manifests, and made-up records.
struct TestAgent {
  Planet& planet;
  SigningKey key;
  std::vector<Certificate> chain;
  AccountId account;
  AgentId agent;
  Client client;
  std::uint64_t sequence = 0;
  Digest previous;

  explicit TestAgent(Planet& p, const char* from = "10.1.0.1") : planet(p), key(SigningKey::generate(p.random)), client{p, from, PeerIdentity{}, {}, {}} {}

  /// Registers, from then on it connects as itself.
  Errc enrol(DataCentre& centre, const std::string& token, std::optional<AgentId> recover = {}) {
    Client stranger{planet, client.from, PeerIdentity{}, {}, {}};
    auto const result = stranger.with(centre, [&](Peer& peer) { return ask_to_register(peer, token, recover); });
    client.failed_text = stranger.failed_text;
    client.retry_after = stranger.retry_after;
    return result;
  }
  task<void> ask_to_register(Peer& peer, std::string token, std::optional<AgentId> recover) {
    msg::Register question;
    question.set_token(token);
    question.set_csr(to_string(CertificateRequest::make(key).der()));
    question.set_name("host");
    if (recover) question.set_recover_agent(to_string(recover->view()));
    auto const answer = co_await peer.call<msg::Registered>(Verb::register_agent, question);
    account = *AccountId::from(answer.account());
    agent = *AgentId::from(answer.agent());
    chain = value_or_throw(wire::parse_chain(answer.chain()), "test");
    client.who = PeerIdentity::of_agent(account, agent);
    client.who.certificate = chain[0].der();
  }

  /// The next manifest over this root.
  std::string manifest(std::uint64_t root) {
    Statement statement;
    statement.account = account;
    statement.agent = agent;
    statement.sequence = ++sequence;
    statement.previous = previous;
    statement.root = object(root);
    statement.session = session();
    statement.time = planet.clock.wall();
    SecretKey const session_key;
    KeyRing const ring{SecretKey::from(Buffer(32, 1)).value()};
    auto const bytes = seal_manifest(statement, SnapshotDetails{}, session_key, ring, planet.random, key, chain);
    previous = Manifest::parse(bytes).value().snapshot_id();
    return to_string(bytes);
  }

  /// One of just so many bytes, signed anew: what an agent seals into it is its own affair.
  std::string manifest_of_size(std::uint64_t root, std::size_t size) {
    archive::pb::SignedManifest made;
    archive::pb::Statement statement;
    archive::pb::StatementBody body;
    REQUIRE(made.ParseFromString(manifest(root)));
    REQUIRE(statement.ParseFromString(made.statement()));
    REQUIRE(body.ParseFromString(statement.body()));
    for (std::size_t details = size - 4096; made.ByteSizeLong() != size; details += size - made.ByteSizeLong()) {
      body.set_details(std::string(details, 'x'));
      statement.set_body(body.SerializeAsString());
      made.set_statement(statement.SerializeAsString());
      made.set_signature(to_string(key.sign(as_bytes("farkeep/2/manifest" + made.statement()))));
    }
    previous = Manifest::parse(as_bytes(made.SerializeAsString())).value().snapshot_id();
    return made.SerializeAsString();
  }

  static task<Answer> put(Peer& peer, std::vector<Buffer> records) {
    msg::Put head;
    head.set_records(static_cast<std::uint32_t>(records.size()));
    auto body = join(records);
    return peer.send(Verb::put, wire::to_head(head), std::move(body));
  }
  static task<void> open(Peer& peer) { co_await peer.call<msg::VaultState>(Verb::open, msg::OpenVault{}); }
  static task<msg::Committed> commit(Peer& peer, std::string manifest) {
    msg::Commit question;
    question.set_manifest(manifest);
    return peer.call<msg::Committed>(Verb::commit, question);
  }
  /// A whole run, everything pipelined, nothing awaited before the commit.
  task<void> back_up(Peer& peer, std::uint64_t base, std::size_t files, std::string manifest_bytes) {
    SmallSnapshot const content{base, 1, Digest{}, files};
    return back_up_these(peer, content.records, std::move(manifest_bytes));
  }
  task<void> back_up_these(Peer& peer, std::vector<Buffer> records, std::string manifest_bytes) {
    co_await open(peer);
    std::vector<Answer> answers;
    std::vector<Buffer> first{envelope()};
    auto answer = co_await put(peer, std::move(first));
    answers.push_back(std::move(answer));
    for (auto const& one : records) {
      std::vector<Buffer> single{one};
      auto next = co_await put(peer, std::move(single));
      answers.push_back(std::move(next));
    }
    auto const committed = co_await commit(peer, std::move(manifest_bytes));
    REQUIRE(committed.missing().empty());
    REQUIRE(committed.has_receipt());
    for (auto& one : answers) co_await one.only();
  }
  Errc run(DataCentre& centre, std::uint64_t base, std::size_t files = 5) {
    auto const bytes = manifest(base);
    return client.with(centre, [&](Peer& peer) { return back_up(peer, base, files, bytes); });
  }
  Errc run_with(DataCentre& centre, std::uint64_t root, const std::vector<Buffer>& records) {
    auto const bytes = manifest(root);
    return client.with(centre, [&](Peer& peer) { return back_up_these(peer, records, bytes); });
  }
};

}  // namespace farkeep::test
