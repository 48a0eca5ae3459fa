// What status says beyond a run's own result: whether a snapshot is on both servers, and which files are in none.
#include "agent/changes.hpp"
#include "agent/heads.hpp"
#include "agent/memory_plan.hpp"
#include "agent/protection.hpp"
#include "signing_server.hpp"
#include "sim/bad_sectors.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

struct Exposed : Machine {
  Changes look(std::function<bool()> go_on = [] { return true; }) { return run(look_for_changes(*state, *keys, job, workers, system_sources(), std::move(go_on))); }
  std::string path(const std::string& name) const { return (base / "source" / name).string(); }
};

Authority new_root(Machine& m) { return Authority::make_root(SigningKey::generate(m.random), m.clock.wall(), m.random); }

}  // namespace

TEST_CASE("changes: a machine without a snapshot has all of its files unprotected, and names the newest") {
  Exposed m;
  m.write("old", "1234");
  m.write("folder/new", "12");
  fs::last_write_time(m.base / "source" / "old", fs::file_time_type::clock::now() - std::chrono::hours(5));
  const Changes c = m.look();
  CHECK(c.end == Changes::End::all);
  CHECK(c.looked_at == 2);
  CHECK(c.files == 2);
  CHECK(c.bytes == 6);
  CHECK(c.newest == m.path("folder/new"));
}

TEST_CASE("changes: what the last snapshot has is not counted, what was written since is, and what a rule leaves out is neither") {
  Exposed m;
  const ExcludeLine no_tmp[] = {{"*.tmp", "a.ini", 1}};
  m.job.rules = ExcludeRules::parse(no_tmp).value.value();
  m.write("a", "1");
  m.write("b", "2");
  m.let_time_pass();
  m.backup();
  CHECK(m.look().files == 0);
  CHECK(m.look().newest.empty());
  CHECK(m.look().looked_at == 2);
  m.write("b", "two");
  m.write("c", "three");
  m.write("d.tmp", "nothing");
  fs::remove(m.base / "source" / "a");
  const Changes c = m.look();
  CHECK(c.looked_at == 2);
  CHECK(c.files == 2);
  CHECK(c.bytes == 8);
  CHECK((c.newest == m.path("b") || c.newest == m.path("c")));
  m.let_time_pass();
  m.backup();
  CHECK(m.look().files == 0);
}

TEST_CASE("changes: without the last catalog on this machine nothing is said, instead of everything") {
  Exposed m;
  m.write("a", "1");
  m.backup();
  fs::remove(m.base / "state" / "jobs" / "main" / "catalog");
  CHECK(m.look().end == Changes::End::no_catalog);
  CHECK(m.look().files == 0);
}

TEST_CASE("changes: who has seen enough stops the walk and hears that it was not all") {
  Exposed m;
  for (int i = 0; i < 3000; ++i) m.write("f" + std::to_string(i), "");
  const Changes c = m.look([] { return false; });
  CHECK(c.end == Changes::End::stopped);
  CHECK(c.looked_at > 0);
  CHECK(c.looked_at < 3000);
}

TEST_CASE("protection: a snapshot is protected when the two servers of the pair have signed receipts for it, and nobody else's will do") {
  Machine m;
  const Authority root = new_root(m), other_root = new_root(m);
  const SigningServer east(m, root), west(m, root), third(m, root), stranger(m, other_root);
  CHECK_FALSE(KnownProtection(*m.state).of("main").has_value());
  m.write("a", "1");
  const BackupResult first = m.backup();
  CHECK(KnownProtection(*m.state).of("main") == false);
  auto ask = [&] {
    FakeVault vault(m.stores[0]);
    auto work = [&]() -> task<bool> {
      std::vector<std::string> jobs(1, "main");
      std::vector<ServerId> pair{east.id, west.id};
      co_await ask_protection(*m.state, std::move(jobs), vault, root.certificate(), std::move(pair));
      co_return true;
    };
    m.run(work());
    return KnownProtection(*m.state).of("main").value();
  };
  const auto by = [&](const SigningServer& who) { return who.receipt(m, first.snapshot, first.sequence); };
  RemoteSnapshot& row = m.stores[0].snapshots.at(first.sequence);
  row.receipt = by(east);
  CHECK_FALSE(ask());
  row.partner_receipt = by(stranger);
  CHECK_FALSE(ask());
  row.partner_receipt = west.receipt(m, Digest{}, first.sequence);
  CHECK_FALSE(ask());
  row.partner_receipt = by(east);  // its own once more
  CHECK_FALSE(ask());
  row.partner_receipt = by(third);  // a server of another pair
  CHECK_FALSE(ask());
  row.receipt = to_buffer(as_bytes("receipt"));
  row.partner_receipt = by(west);
  CHECK_FALSE(ask());
  row.receipt = by(east);
  CHECK(ask());

  const ServerTarget rolled_back = m.pair()[1];
  Heads(*m.state).alarm(rolled_back, "it shows an older history", m.clock.wall());
  CHECK(KnownProtection(*m.state).of("main") == false);
  Heads(*m.state).pin(rolled_back.id, Heads(*m.state).newest(), "east");
  CHECK(KnownProtection(*m.state).of("main") == true);

  m.write("b", "2");
  m.backup();  // the next one is not, until it is
  CHECK(KnownProtection(*m.state).of("main") == false);
  AgentConfig config;
  config.jobs.emplace_back().name = "main";
  CHECK(unprotected_jobs(*m.state, config) == std::vector<std::string>{"main"});
}

TEST_CASE("protection: who waits for one snapshot asks for it alone, at growing intervals, a minute at most") {
  Machine m;
  const Authority root = new_root(m);
  const SigningServer east(m, root), west(m, root);
  m.write("a", "1");
  m.backup();
  m.write("a", "2");
  const BackupResult newest = m.backup();
  struct Asked final : FakeVault {
    task<std::vector<RemoteSnapshot>> snapshots(std::uint64_t after) override {
      asked.push_back(after);
      if (asked.size() == ready) store.snapshots.at(after + 1).partner_receipt = receipt;
      return FakeVault::snapshots(after);
    }
    FakeVault::Store& store;
    Buffer receipt;
    std::size_t ready = 0;
    std::vector<std::uint64_t> asked;
    explicit Asked(FakeVault::Store& s) : FakeVault(s), store(s) {}
  };
  RemoteSnapshot& row = m.stores[0].snapshots.at(newest.sequence);
  row.receipt = east.receipt(m, newest.snapshot, newest.sequence);
  SnapshotInfo wanted;
  wanted.id = newest.snapshot;
  wanted.sequence = newest.sequence;
  asio::io_context io;
  sim::SimTimers time;
  Asked vault(m.stores[0]);
  vault.receipt = west.receipt(m, newest.snapshot, newest.sequence);
  const std::vector<ServerId> pair{east.id, west.id};
  const auto wait = [&] { return sim::run(io, time, wait_protected(vault, wanted, root.certificate(), pair, time)); };
  const SteadyTime began = time.now();
  CHECK_FALSE(wait());
  CHECK(time.now() - began == kWaitProtected);
  CHECK(vault.asked.size() <= 20);
  CHECK(vault.asked == std::vector<std::uint64_t>(vault.asked.size(), newest.sequence - 1));
  vault.ready = vault.asked.size() + 3;
  CHECK(wait());
}

TEST_CASE("protection: one look at all jobs reads what is known of servers once") {
  sim::SimDisk plain;
  sim::BadSectors disk(plain);
  AgentState state(disk, "/state");
  AgentConfig config;
  for (const char* name : {"a", "b", "c"}) {
    config.jobs.emplace_back().name = name;
    agent::pb::Job record;
    record.set_snapshot_sequence(3);
    state.set_job(name, record);
  }
  disk.reads.clear();
  CHECK(unprotected_jobs(state, config).size() == 3);
  CHECK(disk.reads["/state/pins"] == 1);
  CHECK(disk.reads["/state/protection"] == 1);
}

TEST_CASE("memory plan: no limit and a generous one change nothing, and the least one leaves every part something") {
  const MemoryPlan free = MemoryPlan::of(std::nullopt), generous = MemoryPlan::of(MemoryPlan::kEnough);
  CHECK(free.unacked == limits::kUnackedBytes);
  CHECK(generous.unacked == free.unacked);
  CHECK(generous.known == free.known);
  std::size_t before = 0;
  for (std::uint64_t limit = MemoryPlan::kLeast; limit < MemoryPlan::kEnough; limit += limits::kMiB) {
    const MemoryPlan p = MemoryPlan::of(limit);
    CHECK(p.unacked >= 4 * limits::kSolidTarget);  // what is gathered, sealed, sent and awaited
    CHECK(p.unacked >= before);
    before = p.unacked;
    CHECK(p.reading >= 1);
    CHECK(p.restoring >= 2);
    CHECK(p.restoring_large >= 1);
    CHECK(p.restored >= limits::kMiB);
    CHECK(p.unacked + p.reading * 4 * limits::kMiB + p.known * 60 + p.names < limit);
    CHECK(2 * p.restoring * p.restored + p.kept < limit);
  }
}
