#include <boost/asio/bind_cancellation_slot.hpp>

#include "unit/vault/vault_world.hpp"
#include "vault/vault_cost.hpp"

// What one agent may cost a vault, and a newest snapshot that an operator takes out of the way.
using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kHour = std::chrono::nanoseconds{1h}.count();

struct WithRoot : World {
  WithRoot() { settings.segment_target = 1 << 20; }
  void begin() {
    open();
    put({envelope(), node(50, {})});
  }
  FakeManifest manifest(std::uint64_t sequence, Digest previous = Digest{}, std::uint8_t salt = 0) {
    FakeManifest m;
    m.sequence = sequence;
    m.previous = previous;
    m.root = object(50);
    m.salt = salt;
    return m;
  }
  /// Number after number.
  FakeManifest next() {
    FakeManifest m = manifest(vault->head().sequence + 1, vault->head().digest);
    return m;
  }
};

/// With two snapshots, of which the second one, a thief's, is protected.
struct WithThiefs : WithRoot {
  WithThiefs() {
    begin();
    REQUIRE(commit(manifest(1)).receipt);
    REQUIRE(commit(thiefs).receipt);
    protect(2);
  }
  const FakeManifest thiefs = manifest(2, manifest(1).digest(), 66);
};

Digest somebody() {
  Digest d;
  d.bytes.fill(7);
  return d;
}

}  // namespace

TEST_CASE("numbers: a thousand beyond the next one, and no further, from agent and mirror alike") {
  for (bool mirror : {false, true}) {
    WithRoot w;
    w.begin();
    REQUIRE(w.commit(w.manifest(1)).receipt);
    for (std::uint64_t n : {std::uint64_t{1003}, std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0} - 1, ~std::uint64_t{0}})
      CHECK(w.commit_error(w.manifest(n, somebody()), mirror) == Errc::rollback);
    CHECK(w.vault->head().sequence == 1);
    CHECK(w.commit(w.manifest(1002, somebody()), mirror).receipt);
    CHECK(w.commit(w.next(), mirror).receipt);
  }
}

TEST_CASE("numbers: a store that was lost takes the agent's next one, whatever it is, but none that leaves too few") {
  WithRoot w;
  w.begin();
  CHECK(w.commit_error(w.manifest(vault_limits::kFirstNumber + 1, somebody())) == Errc::rollback);
  CHECK(w.commit(w.manifest(123456, somebody())).receipt);
  CHECK(w.commit(w.next()).receipt);
}

TEST_CASE("numbers: a head that leaves none, from an earlier version, refuses what follows until it is set aside") {
  WithRoot w;
  w.begin();
  REQUIRE(w.commit(w.manifest(1)).receipt);
  FakeManifest const poison = w.manifest(~std::uint64_t{0}, somebody());
  CommitObject object;
  object.sequence = poison.sequence;
  object.digest = poison.digest();
  object.root = poison.root;
  object.manifest = poison.bytes();
  object.receipt = receipt_by('o', poison.digest(), 1);
  VaultLayout const layout{w.account, w.agent};
  w.run(w.store->put(layout.snapshot(poison.sequence), encode(object)));
  w.reopen();
  REQUIRE(w.vault->head().sequence == poison.sequence);
  auto const digest = w.vault->set_digest();
  CHECK(w.commit_error(w.manifest(2, w.manifest(1).digest())) == Errc::rollback);
  CHECK(w.commit_error(w.manifest(0)) == Errc::malformed);
  Buffer const theirs = receipt_by('a', poison.digest());
  w.protect(poison.sequence);

  CHECK(w.error_of(w.vault->set_snapshot_aside(7, "no reason", 5)) == Errc::not_found);
  w.run(w.vault->set_snapshot_aside(poison.sequence, "a stolen key", 5));
  w.run(w.vault->set_snapshot_aside(poison.sequence, "a stolen key", 5));  // the order once more, after a crash
  for (int round = 0; round < 2; ++round) {
    CHECK(w.vault->head().sequence == 1);
    CHECK_FALSE(w.vault->set_digest() == digest);
    CHECK(w.commit_error(poison) == Errc::fork);
    CHECK(w.commit_error(poison, true) == Errc::fork);
    CHECK_FALSE(w.run(w.store->get(layout.snapshot(poison.sequence))));
    CHECK_FALSE(w.run(w.store->get(layout.partner(poison.sequence))));
    w.reopen();
  }
  auto const bytes = w.run(w.store->get(layout.aside(poison.sequence, VaultLayout::brief_digest(poison.digest()))));
  REQUIRE(bytes);
  auto const aside = parse_aside_object(*bytes);
  REQUIRE(ok(aside));
  CHECK(aside->reason == "a stolen key");
  CHECK(aside->time_ns == 5);
  CHECK(parse_commit_object(aside->commit)->manifest == poison.bytes());
  CHECK(parse_partner_object(aside->partner_receipt)->receipt == theirs);
  CHECK(w.commit(w.manifest(2, w.manifest(1).digest())).receipt);
}

TEST_CASE("aside: a thief's snapshot below honest ones goes, the honest ones come, and one that another follows stays") {
  WithThiefs w;  // 1 is the agent's, 2 a thief's
  FakeManifest const second = w.manifest(2, w.manifest(1).digest()), third = w.manifest(3, second.digest()), fourth = w.manifest(4, third.digest());
  CHECK(w.commit_error(second, true) == Errc::fork);
  CHECK(w.commit_error(third, true) == Errc::fork);
  REQUIRE(w.commit(fourth, true).receipt);
  CHECK(w.error_of(w.vault->set_snapshot_aside(3, "a slip", 5)) == Errc::not_found);
  w.run(w.vault->set_snapshot_aside(2, "a thief's", 6));
  CHECK(w.vault->head().sequence == 4);
  CHECK(w.commit_error(w.thiefs, true) == Errc::fork);
  REQUIRE(w.commit(second, true).receipt);
  REQUIRE(w.commit(third, true).receipt);
  for (std::uint64_t n = 1; n < 4; ++n) CHECK(w.error_of(w.vault->set_snapshot_aside(n, "a slip", 7)) == Errc::usage);
  // The same order once more, after a crash: what has that number now is another one.
  w.reopen();
  CHECK(w.error_of(w.vault->set_snapshot_aside(2, "a thief's", 6)) != Errc{});
  w.run(w.vault->set_snapshot_aside(4, "a thief's", 8));
  w.run(w.vault->set_snapshot_aside(3, "a thief's", 9));
  w.run(w.vault->set_snapshot_aside(2, "a thief's", 6));
  CHECK(w.vault->head().digest == second.digest());
}

TEST_CASE("aside: an order that the disk breaks off, wherever, is carried out to its end when it is given again") {
  // The first round goes undisturbed and counts.
  constexpr std::uint64_t kNever = 1000000;
  std::uint64_t operations = 0;
  for (std::uint64_t at = kNever; at == kNever || at < operations; at = at == kNever ? 0 : at + 1) {
    INFO("operation " << at);
    WithThiefs w;
    std::uint64_t const before = w.disk.operations();
    w.disk.fail_after(at, Errc::io, false);
    Errc const first = w.error_of(w.vault->set_snapshot_aside(2, "not ours", 5));
    if (at == kNever) operations = w.disk.operations() - before;
    w.disk.heal();
    static_cast<void>(w.run(w.store->tend()));
    if (first != Errc{}) w.run(w.vault->set_snapshot_aside(2, "not ours", 5));
    VaultLayout const layout{w.account, w.agent};
    CHECK(w.vault->head().sequence == 1);
    CHECK(w.run(w.store->get(layout.aside(2, VaultLayout::brief_digest(w.thiefs.digest())))));
    CHECK_FALSE(w.run(w.store->get(layout.snapshot(2))));
    CHECK_FALSE(w.run(w.store->get(layout.partner(2))));
  }
  CHECK(operations > 4);
}

TEST_CASE("aside: a newest snapshot that cannot be read any more is not taken for set aside, and its partner's receipt need not be readable") {
  WithThiefs w;
  auto const file = [&](std::string_view end) {
    for (auto const& f : w.disk.files())
      if (f.ends_with(end)) return f;
    return std::string{};
  };
  VaultLayout const layout{w.account, w.agent};
  auto const snapshot = file(layout.snapshot(2) + ".obj");
  w.disk.set_unreadable(file(layout.partner(2) + ".obj"));
  w.disk.set_unreadable(snapshot);
  CHECK(w.error_of(w.vault->set_snapshot_aside(2, "not ours", 5)) == Errc::damaged);
  w.disk.set_unreadable(snapshot, false);
  w.run(w.vault->set_snapshot_aside(2, "not ours", 5));
  CHECK(w.vault->head().sequence == 1);
}

TEST_CASE("aside: another snapshot may have the number of one that was set aside, and is not protected by the other's receipt") {
  WithThiefs w;
  w.run(w.vault->set_snapshot_aside(2, "not ours", 5));
  FakeManifest const ours = w.next();
  CHECK(w.commit(ours).receipt);
  w.reopen();
  CHECK(w.vault->head().digest == ours.digest());
  CHECK_FALSE(w.vault->is_protected(2));
  CHECK(w.commit_error(w.thiefs, true) == Errc::fork);
}

TEST_CASE("aside: the receipt of a snapshot that rotted away protects no other one with its number") {
  WithThiefs w;
  VaultLayout const layout{w.account, w.agent};
  w.run(w.store->replace(layout.snapshot(2), Buffer(100, 7)));
  w.reopen();
  REQUIRE(w.vault->head().sequence == 1);
  REQUIRE(w.commit(w.next()).receipt);
  w.reopen();
  REQUIRE(w.vault->head().sequence == 2);
  CHECK_FALSE(w.vault->is_protected(2));
  CHECK(w.run(w.vault->snapshots(1, 1)).at(0).partner_receipt.empty());
  w.protect(2);
  w.reopen();
  CHECK(w.vault->is_protected(2));
}

TEST_CASE("aside: a crash between the two steps is finished at the opening") {
  WithRoot w;
  w.begin();
  REQUIRE(w.commit(w.manifest(1)).receipt);
  FakeManifest const two = w.next();
  REQUIRE(w.commit(two).receipt);
  VaultLayout const layout{w.account, w.agent};
  AsideObject aside;
  aside.reason = "cut off";
  aside.commit = *w.run(w.store->get(layout.snapshot(2)));
  w.run(w.store->put(layout.aside(2, VaultLayout::brief_digest(two.digest())), encode(aside)));
  w.reopen();
  CHECK(w.vault->head().sequence == 1);
  CHECK_FALSE(w.run(w.store->get(layout.snapshot(2))));
}

TEST_CASE("aside: a crash between the two steps, and then a disk that takes nothing: the vault opens without it, and it goes when there is room") {
  WithRoot w;
  w.begin();
  REQUIRE(w.commit(w.manifest(1)).receipt);
  FakeManifest const two = w.next();
  REQUIRE(w.commit(two).receipt);
  w.protect(2);
  VaultLayout const layout{w.account, w.agent};
  AsideObject aside;
  aside.reason = "cut off";
  aside.commit = *w.run(w.store->get(layout.snapshot(2)));
  w.run(w.store->put(layout.aside(2, VaultLayout::brief_digest(two.digest())), encode(aside)));
  w.close();
  w.disk.set_full(true);
  w.open();
  CHECK(w.vault->head().sequence == 1);
  CHECK(w.commit_error(two, true) == Errc::fork);
  w.disk.set_full(false);
  REQUIRE(w.run(w.store->tend()).takes_writes);
  w.reopen();
  CHECK(w.vault->head().sequence == 1);
  CHECK_FALSE(w.run(w.store->get(layout.snapshot(2))));
  CHECK_FALSE(w.run(w.store->get(layout.partner(2))));
}

TEST_CASE("aside: a receipt that came while its snapshot was set aside is no other one's") {
  WithRoot w;
  w.begin();
  REQUIRE(w.commit(w.manifest(1)).receipt);
  FakeManifest const thiefs = w.manifest(2, w.manifest(1).digest(), 66);
  REQUIRE(w.commit(thiefs).receipt);
  w.run(w.vault->set_snapshot_aside(2, "not ours", 5));
  VaultLayout const layout{w.account, w.agent};
  PartnerObject late;
  late.receipt = receipt_by('a', thiefs.digest());
  late.protects = true;
  w.run(w.store->put(layout.partner(2), encode(late)));
  w.reopen();
  CHECK_FALSE(w.run(w.store->get(layout.partner(2))));
  REQUIRE(w.commit(w.next()).receipt);
  CHECK_FALSE(w.vault->is_protected(2));
  w.protect(2, 'b');
  CHECK(w.run(w.vault->snapshots(1, 1)).at(0).partner_receipt == w.partner_receipt(2, 'b'));
}

TEST_CASE("quota: snapshots, receipts, slots and what lies beside them count, and a restart counts the same") {
  WithRoot w;
  w.begin();
  auto used = w.vault->stored_bytes();
  CHECK(used > vault_limits::kBlock);
  auto const grown = [&] {
    auto const before = used;
    used = w.vault->stored_bytes();
    return used - before;
  };
  REQUIRE(w.commit(w.manifest(1)).receipt);
  CHECK(grown() == vault_limits::kBlock);
  w.protect(1);
  CHECK(grown() == vault_limits::kBlock);
  w.run(w.vault->add_slot(Buffer(10, 1), SlotFrom::agent, 5));
  CHECK(grown() == vault_limits::kBlock);
  w.reopen();
  CHECK(grown() == 0);
  w.run(w.store->put("v/" + w.account.hex() + "/" + w.agent.hex() + "/later/x", Buffer(9000, 1)));
  w.reopen();
  CHECK(grown() == 3 * vault_limits::kBlock);
  CHECK(w.error_of(w.vault->note_pushed(1, Buffer(vault_limits::kMaxReceipt + 1), true)) == Errc::too_large);
}

TEST_CASE("quota: commits end soon after it, data first, and nothing that is here is lost") {
  WithRoot w;
  w.settings.quota_bytes = 256 * limits::kKiB;
  w.begin();
  std::uint64_t made = 0;
  for (FakeManifest m = w.manifest(1); made < 2000; m = w.next(), ++made)
    if (Errc const code = w.commit_error(m); code != Errc{}) {
      CHECK(code == Errc::quota);
      break;
    }
  CHECK(made * vault_limits::kBlock > w.settings.quota_bytes);  // what was uploaded within it can be committed
  CHECK(w.vault->stored_bytes() < w.settings.quota_bytes * 9 / 8 + limits::kMiB);
  CHECK(w.error_of(w.vault->put(chunk(7, 2000))) == Errc::quota);
  CHECK(w.commit(w.next(), true).receipt);  // the partner took it before
  CHECK(w.vault->head().sequence == made + 1);
}

TEST_CASE("day: an agent makes so many snapshots in 24 hours, a restart forgets none, and the mirror's count when they were made") {
  WithRoot w;
  w.settings.snapshots_a_day = 5;
  w.begin();
  w.receipts.now_ns = 1000 * kHour;
  for (int i = 0; i < 5; ++i, w.receipts.now_ns += kHour) REQUIRE(w.commit(w.next()).receipt);
  CHECK(w.commit_error(w.next()) == Errc::quota);
  w.reopen();
  CHECK(w.commit_error(w.next()) == Errc::quota);
  CHECK(w.commit(w.next(), true).receipt);  // six, of which one came by the mirror
  CHECK(w.commit_error(w.next()) == Errc::quota);
  w.receipts.now_ns = 1024 * kHour + 2;  // the first one is a day old
  CHECK(w.commit_error(w.next()) == Errc::quota);  // but nobody has said yet when the mirror's was made
  w.protect(6, 'a', 900 * kHour);
  CHECK(w.commit(w.next()).receipt);
  w.receipts.now_ns = 500 * kHour;  // a clock that was ahead for weeks stops nobody for weeks
  CHECK(w.commit(w.next()).receipt);
}

TEST_CASE("attempts: commits that lack something are refused after twenty in a minute, and a minute later taken again") {
  WithRoot w;
  w.begin();
  FakeManifest lacking = w.manifest(1);
  lacking.root = object(999);
  for (std::size_t i = 0; i < vault_limits::kAttempts; ++i) REQUIRE(w.commit(lacking).missing.size() == 1);
  CHECK(w.commit_error(lacking) == Errc::busy);
  CHECK(w.commit(lacking, true).missing.size() == 1);
  w.run(w.timers.sleep(vault_limits::kAttemptsWithin));
  CHECK(w.commit(lacking).missing.size() == 1);
}

TEST_CASE("commits that wait: as many as are told, the next one is busy, and all that wait get their turn") {
  WithRoot w;
  w.open();
  LateWorkers workers;
  w.close();
  w.store = w.run(DirectoryStore::open(w.disk, w.workers, w.random, "/store"));
  w.vault = w.run(Vault::open(*w.store, w.disk, "/cache", w.account, w.agent, workers, w.timers, w.settings));
  w.put({envelope(), node(50, {})});
  workers.armed = true;  // the first commit's next work waits
  std::vector<std::optional<Errc>> ended(vault_limits::kWaitingCommits + 2);
  FakeManifest const m = w.manifest(1);
  for (auto& end : ended) {
    asio::co_spawn(w.io, w.vault->commit(m.bytes(), w.judge, w.receipts, false), [&end](const std::exception_ptr& e, const CommitOutcome&) {
      end = e ? World::code_of(e) : Errc{};
    });
    w.settle();
  }
  CHECK(std::count(ended.begin(), ended.end(), std::optional{Errc::busy}) == 1);
  CHECK(ended.back() == Errc::busy);
  workers.let_go();
  w.settle();
  CHECK(std::count(ended.begin(), ended.end(), std::optional{Errc{}}) == static_cast<std::ptrdiff_t>(ended.size() - 1));
  w.close();
}
