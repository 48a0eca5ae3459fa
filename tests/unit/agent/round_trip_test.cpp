#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/check.hpp"
#include "agent/restore.hpp"
#include "agent/runner.hpp"
#include "crypto/authority.hpp"
#include "fake_vault.hpp"
#include "platform/disk.hpp"

using namespace farkeep;
namespace fs = std::filesystem;

namespace {

// Time passes at once.
struct InstantTimers final : Timers {
  task<void> sleep(std::chrono::nanoseconds) override {
    ++sleeps;
    co_return;
  }
  SteadyTime now() const override { return SteadyTime{}; }
  int sleeps = 0;
};

// A machine with a registered agent, and a pair of servers in memory.
struct Machine : Servers {
  Machine() {
    char name[] = "/tmp/farkeep-agent-test.XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    base = name;
    fs::create_directories(base / "source");
    state = std::make_unique<AgentState>(system_disk(), (base / "state").string());
    SecretKey root;
    random.fill(root.mutable_view());
    state->set_root_key(root);
    SigningKey key = SigningKey::generate(random);
    state->set_key_pem(key.to_pem().text());
    const Authority authority = Authority::make_root(SigningKey::generate(random), clock.wall(), random);
    const AccountId account = random.id<AccountId>();
    const AgentId agent = random.id<AgentId>();
    const Certificate certificate =
        authority.issue_agent(CertificateRequest::make(key), account, agent, Validity::starting(clock.wall(), std::chrono::hours(24)), random);
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
  std::vector<ServerTarget> pair() const override { return {{ServerId{}, "primary", "192.0.2.1"}, {ServerId{}, "alternate", "192.0.2.2"}}; }
  task<void> use(ServerTarget target, Work work) override {
    const std::size_t which = target.name == "primary" ? 0 : 1;
    if (down[which]) throw failure(Errc::unreachable, "connecting to " + target.name);
    FakeVault vault(stores[which]);
    vault.puts_left = puts_left[which];
    vault.lose_ack_of_commit = lose_ack;
    vault.refuses_puts = refuses_puts[which];
    co_await work(vault);
    questions = vault.questions;
  }

  BackupParts parts() { return BackupParts{*state, *keys, workers, timers, clock, random, reporter}; }

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

  BackupResult backup() {
    JobRunner runner(parts(), *this, *choice);
    return run(runner.run(job, Patience::one_round));
  }
  RestoreResult restore(std::size_t which = 0, std::vector<std::string> paths = {}) {
    FakeVault vault(stores[which]);
    SnapshotInfo snapshot;
    const Manifest m = value_or_throw(Manifest::parse(stores[which].snapshots.rbegin()->second.manifest), "test");
    snapshot.root = m.statement().root;
    Restore r(vault, *keys, workers, reporter);
    fs::remove_all(base / "out");
    RestoreOrder order;
    order.target = (base / "out").string();
    order.paths = std::move(paths);
    return run(r.run(snapshot, order));
  }
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
  void let_time_pass() { ::usleep(60'000); }

  fs::path base;
  SystemClock clock;
  SystemRandom random;
  NoReporter reporter;
  ThreadWorkers workers{2};
  InstantTimers timers;
  std::unique_ptr<AgentState> state;
  std::unique_ptr<AgentKeys> keys;
  std::unique_ptr<ServerChoice> choice;
  FakeVault::Store stores[2];
  bool down[2] = {false, false};
  int puts_left[2] = {-1, -1};
  std::optional<Errc> refuses_puts[2];
  bool lose_ack = false;
  std::size_t questions = 0;
  BackupJob job;
};

}  // namespace

TEST_CASE("round trip: files, links, holes, odd names, times and modes come back as they were") {
  Machine m;
  m.write("empty", "");
  m.write("one", "1");
  m.write("inline 96", m.noise(96, 1));
  m.write("inline 97", m.noise(97, 2));
  m.write("deep/er/and/deeper/file", "content");
  m.write("large", m.noise(9'000'000, 3));
  m.write(std::string("latin-\xe9-1"), "a name that is not UTF-8");
  m.write("new\nline", "x");
  m.write("a-b", "sorts around");
  m.write("a/b", "the slash");
  m.write("a0", "trap");
  const fs::path s = m.base / "source";
  fs::create_symlink("does/not/exist", s / "dangling");
  fs::create_hard_link(s / "large", s / "deep/large link");
  REQUIRE(::mkfifo((s / "fifo").c_str(), 0640) == 0);
  REQUIRE(::chmod((s / "one").c_str(), 04751) == 0);
  {
    std::ofstream sparse(s / "sparse", std::ios::binary);
    sparse.seekp(5'000'000);
    sparse << "in the middle";
    sparse.seekp(9'999'999);
    sparse << "e";
  }
  timespec times[2] = {{-5, 123}, {-5, 123456789}};
  REQUIRE(::utimensat(AT_FDCWD, (s / "empty").c_str(), times, 0) == 0);

  const BackupResult r = m.backup();
  CHECK(r.sequence == 1);
  CHECK(r.progress.unreadable == 0);
  const RestoreResult back = m.restore();
  CHECK(back.problems.empty());
  CHECK(m.same());
  struct stat a {}, b {};
  REQUIRE(::stat((m.base / "out" / (m.base / "source").relative_path() / "sparse").c_str(), &b) == 0);
  REQUIRE(::stat((s / "sparse").c_str(), &a) == 0);
  CHECK(b.st_blocks <= a.st_blocks + 64);
}

TEST_CASE("second run: nothing changed sends no content and makes the same catalog") {
  Machine m;
  for (int i = 0; i < 300; ++i) m.write("folder" + std::to_string(i % 7) + "/file" + std::to_string(i), m.noise(1000, static_cast<unsigned>(i)));
  m.let_time_pass();
  m.backup();
  const auto stored = m.stores[0].where.size();
  const BackupResult second = m.backup();
  CHECK(second.sequence == 2);
  CHECK(second.progress.bytes_read == 0);
  CHECK(second.progress.unchanged == 300);
  // The new session's envelope; and the leaf with the folders above the source, whose times others change.
  CHECK(m.stores[0].where.size() <= stored + 3);
}

TEST_CASE("failover: the primary breaks in the middle, the run ends on the alternate and restores from there") {
  Machine m;
  for (int i = 0; i < 40; ++i) m.write("f" + std::to_string(i), m.noise(400'000, static_cast<unsigned>(i)));
  m.puts_left[0] = 5;
  const BackupResult r = m.backup();
  CHECK(r.sequence == 1);
  CHECK(m.stores[0].snapshots.empty());
  REQUIRE(m.stores[1].snapshots.size() == 1);
  m.restore(1);
  CHECK(m.same());
}

TEST_CASE("resume: connections that break again and again end in a snapshot, and nothing is sent twice") {
  Machine m;
  for (int i = 0; i < 40; ++i) m.write("f" + std::to_string(i), m.noise(400'000, static_cast<unsigned>(i)));
  m.let_time_pass();
  m.down[1] = true;
  m.puts_left[0] = 8;  // of about twenty
  const BackupResult r = m.backup();
  CHECK(r.sequence == 1);
  CHECK(m.timers.sleeps > 0);
  CHECK(m.stores[0].bytes < 16'000'000 + 4'000'000);  // what stood in line when a connection broke may come again
  m.restore();
  CHECK(m.same());
}

TEST_CASE("no server: the run says what both of them answered, and the job's record keeps it") {
  Machine m;
  m.write("file", "x");
  m.down[0] = m.down[1] = true;
  try {
    m.backup();
    FAIL("a backup without a server");
  } catch (const failure& f) {
    CHECK(exit_code(f.code()) == Exit::unreachable);
    CHECK(std::string(f.what()).find("primary") != std::string::npos);
    CHECK(std::string(f.what()).find("alternate") != std::string::npos);
  }
  CHECK(m.state->job("main").failures() == 1);
  CHECK(m.state->job("main").last_exit() == 4);
}

TEST_CASE("lost acknowledgement: the pending manifest is settled with its own bytes, no number is used twice") {
  Machine m;
  m.write("file", m.noise(100'000, 1));
  m.let_time_pass();
  m.lose_ack = true;
  m.down[1] = true;
  CHECK_THROWS_AS(m.backup(), failure);
  REQUIRE(m.state->pending());
  m.lose_ack = false;
  const BackupResult r = m.backup();
  CHECK_FALSE(m.state->pending());
  CHECK(r.sequence == 2);
  CHECK(m.stores[0].snapshots.size() == 2);
  CHECK(r.progress.bytes_read == 0);  // the settled snapshot is what the run compares with
}

TEST_CASE("lost acknowledgement, then the other server: the chain goes on from the snapshot that only the first one has") {
  Machine m;
  m.write("file", m.noise(100'000, 1));
  m.lose_ack = true;
  m.down[1] = true;
  CHECK_THROWS_AS(m.backup(), failure);
  REQUIRE(m.stores[0].digests.contains(1));
  m.lose_ack = false;
  m.down[0] = true;
  m.down[1] = false;
  const BackupResult r = m.backup();
  CHECK(r.sequence == 2);
  REQUIRE_FALSE(m.stores[1].digests.contains(1));  // number 1 is complete on the first one only
  const Manifest second = value_or_throw(Manifest::parse(m.stores[1].snapshots.at(2).manifest), "test");
  CHECK(second.statement().previous == m.stores[0].digests[1]);
}

TEST_CASE("last catalog: neither on this machine nor on a server that lags behind, the files are read again") {
  Machine m;
  for (int i = 0; i < 20; ++i) m.write("f" + std::to_string(i), m.noise(50'000, static_cast<unsigned>(i)));
  m.let_time_pass();
  m.backup();
  fs::remove(m.base / "state/jobs/main/catalog");
  m.down[0] = true;
  const BackupResult r = m.backup();
  CHECK(r.sequence == 2);
  CHECK(r.progress.unchanged == 0);
  m.restore(1);
  CHECK(m.same());
}

TEST_CASE("a server whose disk fails or is full: the run goes on at the other one") {
  for (Errc code : {Errc::io, Errc::no_space, Errc::damaged}) {
    Machine m;
    m.write("file", m.noise(100'000, 1));
    m.refuses_puts[0] = code;
    CHECK(m.backup().sequence == 1);
    CHECK(m.stores[0].snapshots.empty());
    CHECK(m.stores[1].snapshots.size() == 1);
  }
  // The same words about this machine's own disk are no reason to try elsewhere.
  CHECK_FALSE(is_server_trouble(failure(Errc::io, "writing the journal")));
  CHECK_FALSE(is_server_trouble(failure(Errc::no_space, "writing the journal")));
}

TEST_CASE("missing chunk: a server that lost one gets it again before the snapshot counts") {
  Machine m;
  for (int i = 0; i < 20; ++i) m.write("f" + std::to_string(i), m.noise(50'000, static_cast<unsigned>(i)));
  m.let_time_pass();
  m.backup();
  // Not a node: the leaf refers to it.  Nor the envelope, without which nothing of its session can be read.
  for (auto& [id, record] : m.stores[0].where) {
    const auto prefix = parse_record_prefix(*record);
    REQUIRE(prefix.has_value());
    if (m.stores[0].nodes.contains(id) || prefix->type == ObjectType::envelope) continue;
    const auto copy = id;
    m.stores[0].lose(copy);
    break;
  }
  const BackupResult r = m.backup();
  CHECK(r.sequence >= 2);
  m.restore();
  CHECK(m.same());
}

TEST_CASE("alternate without history: every id is asked about and the snapshot is complete there") {
  Machine m;
  for (int i = 0; i < 20; ++i) m.write("f" + std::to_string(i), m.noise(50'000, static_cast<unsigned>(i)));
  m.let_time_pass();
  m.backup();
  m.down[0] = true;
  const BackupResult r = m.backup();
  CHECK(r.sequence == 2);
  m.restore(1);
  CHECK(m.same());
}

TEST_CASE("changes: edits, removals, renames and new files give what is on disk") {
  Machine m;
  for (int i = 0; i < 200; ++i) m.write("d" + std::to_string(i % 9) + "/f" + std::to_string(i), m.noise(3'000, static_cast<unsigned>(i)));
  m.backup();
  const fs::path s = m.base / "source";
  m.write("d1/f1", "edited");
  fs::remove(s / "d2/f2");
  fs::rename(s / "d3", s / "renamed");
  m.write("new/file", m.noise(500'000, 999));
  fs::remove_all(s / "d4");
  m.write("d4", "a file where a folder was");
  m.backup();
  m.restore();
  CHECK(m.same());
}

TEST_CASE("excludes: what a rule leaves out is not in the snapshot, cache folders keep their tag only") {
  Machine m;
  m.write("keep", "1");
  m.write("drop.tmp", "2");
  m.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
  m.write("cache/data", "3");
  m.write("not-cache/CACHEDIR.TAG", "something else");
  m.write("not-cache/data", "4");
  const ExcludeLine line{"*.tmp", "test", 1};
  m.job.rules = *ExcludeRules::parse(std::span(&line, 1)).value;
  m.job.scan.exclude_caches = true;
  m.backup();
  m.restore();
  const fs::path out = m.base / "out" / (m.base / "source").relative_path();
  CHECK(fs::exists(out / "keep"));
  CHECK_FALSE(fs::exists(out / "drop.tmp"));
  CHECK(fs::exists(out / "cache/CACHEDIR.TAG"));
  CHECK_FALSE(fs::exists(out / "cache/data"));
  CHECK(fs::exists(out / "not-cache/data"));
}

TEST_CASE("restore of one path brings it, the folders above it, and nothing else") {
  Machine m;
  m.write("a/b/wanted", "yes");
  m.write("a/b/other", "no");
  m.write("c/too", "no");
  m.backup();
  m.restore(0, {(m.base / "source/a/b/wanted").string()});
  const fs::path out = m.base / "out" / (m.base / "source").relative_path();
  CHECK(fs::exists(out / "a/b/wanted"));
  CHECK_FALSE(fs::exists(out / "a/b/other"));
  CHECK_FALSE(fs::exists(out / "c"));
  CHECK_THROWS_AS(m.restore(0, {"/does/not/exist"}), failure);
}

TEST_CASE("check: a whole vault has no errors, a lost chunk and a damaged record are named") {
  Machine m;
  for (int i = 0; i < 20; ++i) m.write("f" + std::to_string(i), m.noise(50'000, static_cast<unsigned>(i)));
  m.backup();
  const auto check = [&m](CheckDepth depth) {
    FakeVault vault(m.stores[0]);
    SnapshotInfo snapshot;
    snapshot.root = value_or_throw(Manifest::parse(m.stores[0].snapshots.rbegin()->second.manifest), "test").statement().root;
    return m.run(check_snapshots(vault, *m.keys, m.workers, m.reporter, {snapshot}, depth));
  };
  CHECK(check(CheckDepth::data).error_count == 0);
  ObjectId victim;
  for (auto& [id, record] : m.stores[0].where)
    if (!m.stores[0].nodes.contains(id) && record->size() > 100'000) victim = id;
  const auto record = m.stores[0].where[victim];
  (*record)[record->size() / 2] ^= 1;
  CHECK(check(CheckDepth::structure).error_count == 0);
  CHECK(check(CheckDepth::data).error_count > 0);
  (*record)[record->size() / 2] ^= 1;
  m.stores[0].lose(victim);
  CHECK(check(CheckDepth::structure).error_count == 1);
}
