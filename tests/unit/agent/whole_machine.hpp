#pragma once

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/restore.hpp"
#include "agent/runner.hpp"
#include "crypto/authority.hpp"
#include "fake_vault.hpp"
#include "platform/disk.hpp"

namespace farkeep::test {

namespace fs = std::filesystem;

/// Time passes at once.
struct InstantTimers final : public Timers {
  task<void> sleep(std::chrono::nanoseconds) override {
    ++sleeps;
    co_return;
  }
  SteadyTime now() const override { return SteadyTime{}; }
  int sleeps = 0;
};

/// The machine's clock, or one ahead of it.
struct ClockAhead final : Clock {
  WallTime wall() const override { return real.wall() + by; }
  SteadyTime steady() const override { return real.steady() + by; }
  SystemClock real;
  std::chrono::nanoseconds by{0};
};

/// A machine with a registered agent, and a pair of servers in memory.
struct Machine : Servers {
  /// `where`: the folder in which it makes its own.
  explicit Machine(const std::string& where = "/tmp") {
    std::string name = where + "/farkeep-agent-test.XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    base = name;
    fs::create_directories(base / "source");
    state = std::make_unique<AgentState>(system_disk(), (base / "state").string());
    SecretKey root;
    random.fill(root.mutable_view());
    SigningKey key = SigningKey::generate(random);
    state->set_key_pem(key.to_pem().text());
    authority.emplace(Authority::make_root(SigningKey::generate(random), clock.wall(), random));
    const AccountId account = random.id<AccountId>();
    const AgentId agent = random.id<AgentId>();
    state->set_root_key(root, KeyOwner{account, agent});
    const Certificate certificate =
        authority->issue_agent(CertificateRequest::make(key), account, agent, Validity::starting(clock.wall(), std::chrono::hours(24)), random);
    agent::pb::Identity identity;
    identity.set_account(account.raw());
    identity.set_agent(agent.raw());
    identity.add_chain(to_string(certificate.der()));
    state->set_identity(identity);
    keys = std::make_unique<AgentKeys>(AgentKeys::load(*state));
    choice = std::make_unique<ServerChoice>(*state, clock, random);
    job.name = "main";
    job.sources = {(base / "source").string()};
  }
  ~Machine() override { fs::remove_all(base); }

  // Servers
  static ServerId id_of(std::size_t which) {
    ServerId id;
    id.bytes.fill(static_cast<std::uint8_t>(which + 1));
    return id;
  }
  std::vector<ServerTarget> pair() const override { return {{id_of(0), "primary", "192.0.2.1"}, {id_of(1), "alternate", "192.0.2.2"}}; }
  task<void> use(ServerTarget target, Work work) override {
    const std::size_t which = target.name == "primary" ? 0 : 1;
    if (down[which]) throw failure(Errc::unreachable, "connecting to " + target.name);
    FakeVault vault(stores[which], id_of(which));
    if (lies[which]) lies[which](vault.lies());
    vault.puts_left = puts_left[which];
    vault.lose_ack_of_commit = lose_ack;
    vault.refuses_puts = refuses_puts[which];
    co_await work(vault);
    questions = vault.questions;
  }

  Special special = Special::restore;
  Ownership owners = Ownership::names;
  std::optional<Overwrite> over;  // restore() leaves what is in the target, and goes by this
  BackupParts parts() { return BackupParts{*state, *keys, workers, passing ? *passing : timers, clock, random, reporter}; }

  template <class T>
  T run(task<T> work) {
    asio::io_context context{1};
    std::exception_ptr error;
    std::optional<T> value;
    asio::co_spawn(context, std::move(work), [&](std::exception_ptr e, T v) {
      error = e;
      value = std::move(v);
    });
    context.run();
    if (error) std::rethrow_exception(error);
    return std::move(*value);
  }

  std::optional<BackupResult> run_job() {
    JobRunner runner(parts(), *this, *choice);
    return run(runner.run(job, Patience::one_round));
  }
  BackupResult backup() { return run_job().value(); }
  RestoreResult restore(std::size_t which = 0, std::vector<std::string> paths = {}) {
    FakeVault vault(stores[which]);
    SnapshotInfo snapshot;
    const Manifest m = value_or_throw(Manifest::parse(stores[which].snapshots.rbegin()->second.manifest), "test");
    snapshot.root = m.statement().root;
    snapshot.details.paths = job.sources;
    Restore r(vault, *keys, workers, reporter);
    if (!over) fs::remove_all(base / "out");
    RestoreOrder order;
    order.overwrite = over.value_or(order.overwrite);
    order.target = (base / "out").string();
    order.special = special;
    order.ownership = owners;
    order.paths = std::move(paths);
    return run(r.run(snapshot, order));
  }
  /// Where restore() puts an entry of the source.
  fs::path restored(const std::string& name = {}) const { return base / "out" / (base / "source").relative_path() / name; }
  Digest newest(std::size_t which = 0) { return value_or_throw(Manifest::parse(stores[which].snapshots.rbegin()->second.manifest), "test").snapshot_id(); }
  // Everything a user would notice, names, types, modes, owners, times, content and attributes.
  bool same() {
    const std::string cmd = "rsync -aHAXn --checksum --delete --itemize-changes " + (base / "source").string() + "/ " + (base / "out").string() +
                            (base / "source").string() + "/ > " + (base / "diff").string() + " 2>&1";
    const int rc = std::system(cmd.c_str());
    std::ifstream in(base / "diff");
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    INFO(text);
    CHECK(text.empty());
    return rc == 0 && text.empty();
  }
  void write(const std::string& name, const std::string& content) {
    const fs::path p = base / "source" / name;
    fs::create_directories(p.parent_path());
    std::ofstream(p, std::ios::binary) << content;
  }
  std::string restored_text(const std::string& name) const {
    std::ifstream in(restored(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string noise(std::size_t size, unsigned seed) {
    std::string s(size, '\0');
    std::uint64_t x = seed * 0x9e3779b97f4a7c15ull + 1;
    for (auto& c : s) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      c = static_cast<char>(x >> 32);
    }
    return s;
  }
  // Files written just now are read again by the next run on purpose; that is not what most tests are about.
  void let_time_pass() { clock.by += std::chrono::seconds(5); }

  fs::path base;
  ClockAhead clock;
  SystemRandom random;
  NoReporter reporter;
  ThreadWorkers workers{2};
  InstantTimers timers;
  Timers* passing = nullptr;  ///< instead of those
  std::optional<Authority> authority;  // whose root the pair has
  std::unique_ptr<AgentState> state;
  std::unique_ptr<AgentKeys> keys;
  std::unique_ptr<ServerChoice> choice;
  FakeVault::Store stores[2];
  bool down[2] = {false, false};
  int puts_left[2] = {-1, -1};
  std::optional<Errc> refuses_puts[2];
  bool lose_ack = false;
  std::function<void(VaultFacts&)> lies[2];
  std::size_t questions = 0;
  BackupJob job;
};

}  // namespace farkeep::test
