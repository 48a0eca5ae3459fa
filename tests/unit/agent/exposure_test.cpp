// What status says beyond a run's own result: whether a snapshot is on both servers, and which files are in none.
#include "agent/changes.hpp"
#include "agent/memory_plan.hpp"
#include "agent/protection.hpp"
#include "whole_machine.hpp"
#include "wire/signed_document.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

struct Exposed : Machine {
  Changes look(std::function<bool()> go_on = [] { return true; }) { return run(look_for_changes(*state, *keys, job, workers, system_sources(), std::move(go_on))); }
  std::string path(const std::string& name) const { return (base / "source" / name).string(); }
};

// A server that signs receipts, and the root that vouches for it.
struct Partner {
  explicit Partner(Machine& m) : root(Authority::make_root(SigningKey::generate(m.random), m.clock.wall(), m.random)), key(SigningKey::generate(m.random)), id(m.random.id<ServerId>()) {
    const Validity day = Validity::starting(m.clock.wall(), std::chrono::hours(24));
    SigningKey issuing_key = SigningKey::generate(m.random);
    const auto request = CertificateRequest::make(issuing_key);
    const Authority issuing{root.issue_authority(request, id, day, m.random), std::move(issuing_key)};
    chain = {issuing.issue_server(CertificateRequest::make(key), id, {}, day, m.random), issuing.certificate()};
  }
  Buffer receipt(const Machine& m, const Digest& snapshot, std::uint64_t sequence) const {
    wire::pb::Receipt r;
    r.set_server_id(id.raw());
    r.set_sequence(sequence);
    r.set_manifest_digest(snapshot.raw());
    r.set_time_ns(m.clock.wall().time_since_epoch().count());
    return to_buffer(as_bytes(wire::sign_receipt(r, {key, chain}).SerializeAsString()));
  }
  Authority root;
  SigningKey key;
  ServerId id;
  std::vector<Certificate> chain;
};

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

TEST_CASE("protection: a snapshot is protected when a server of ours signed the partner's receipt for it, and for nothing else") {
  Machine m;
  const Partner partner(m), stranger(m);
  CHECK_FALSE(is_protected(*m.state, "main").has_value());
  m.write("a", "1");
  const BackupResult first = m.backup();
  CHECK(is_protected(*m.state, "main") == false);
  auto ask = [&] {
    FakeVault vault(m.stores[0]);
    auto work = [&]() -> task<bool> {
      std::vector<std::string> jobs(1, "main");
      co_await ask_protection(*m.state, std::move(jobs), vault, partner.root.certificate());
      co_return true;
    };
    m.run(work());
    return is_protected(*m.state, "main").value();
  };
  Buffer& receipt = m.stores[0].snapshots.at(first.sequence).partner_receipt;
  CHECK_FALSE(ask());
  receipt = stranger.receipt(m, first.snapshot, first.sequence);
  CHECK_FALSE(ask());
  receipt = partner.receipt(m, Digest{}, first.sequence);
  CHECK_FALSE(ask());
  receipt = partner.receipt(m, first.snapshot, first.sequence);
  CHECK(ask());

  m.write("b", "2");
  m.backup();  // the next one is not, until it is
  CHECK(is_protected(*m.state, "main") == false);
  AgentConfig config;
  config.jobs.emplace_back().name = "main";
  CHECK(unprotected_jobs(*m.state, config) == std::vector<std::string>{"main"});
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
    CHECK(p.unacked + p.reading * 4 * limits::kMiB + p.known * 60 < limit);
    CHECK(2 * p.restoring * p.restored + p.kept < limit);
  }
}
