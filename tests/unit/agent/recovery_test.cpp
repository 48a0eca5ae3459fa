// Recovery where servers lie: a secret that opens something proves nothing; the root key that is kept fits what the agent has saved.
#include "agent/recovery.hpp"

#include "agent/heads.hpp"
#include "crypto/key_slot.hpp"
#include "old_statement.hpp"
#include "recovery_sources.hpp"
#include "signing_server.hpp"

using namespace farkeep;
using namespace farkeep::test;
using Catch::Contains;

namespace {

struct Notes final : Reporter {
  void progress(const Progress&) override {}
  void problem(std::string_view, std::string_view) override {}
  void note(std::string_view text) override { said += std::string(text) + "\n"; }
  std::string said;
};

// A machine that has its identity and no root key: what is left to do is to find that.
struct Lost : Machine {
  SecretKey right = state->root_key(), other = random.secret<32>();
  KeyOwner owner{keys->account, keys->agent};
  EscrowPrivateKey organisation = EscrowPrivateKey::generate(random);
  SigningServer servers[2] = {SigningServer(*this, *authority), SigningServer(*this, *authority)};
  Notes notes;
  std::string text;

  Lost() {
    fs::remove(base / "state/root.key");
    wire::pb::Directory d;
    d.set_serial(1);
    auto* both = d.add_pair();
    both->mutable_primary()->set_server_id(servers[0].id.raw());
    both->mutable_primary()->add_address("192.0.2.1:16384");
    both->mutable_alternate()->set_server_id(servers[1].id.raw());
    both->mutable_alternate()->add_address("192.0.2.2:16384");
    state->set_directory(as_bytes(wire::sign_directory(d, wire::Signer{servers[0].key, servers[0].chain}).SerializeAsString()));
    REQUIRE(problem_of_identity(*state).empty());
  }
  std::vector<ServerTarget> pair() const override { return {{servers[0].id, "primary", "192.0.2.1"}, {servers[1].id, "alternate", "192.0.2.2"}}; }

  task<void> use(ServerTarget target, Work work) override {
    ++used[target.name == "primary" ? 0 : 1];
    return Machine::use(std::move(target), std::move(work));
  }
  int used[2] = {0, 0};

  Buffer slot(const SecretKey& root) { return seal_escrow_slot(root, organisation.public_key(), random); }
  Buffer statement(std::uint64_t number, const SecretKey& root, std::optional<AgentId> agent = {}) {
    Statement s{owner.account, agent.value_or(owner.agent), number, Digest{}, ObjectId{}, SessionId{}, clock.wall(), {}};
    if (number > 1) s.previous.bytes.fill(7);
    return seal_manifest(s, SnapshotDetails{}, root, KeyRing(root), random, keys->signing, keys->chain);
  }
  enum class Acknowledged { here, by_both };
  void plant(std::size_t which, const Buffer& manifest, Acknowledged by = Acknowledged::here) {
    const Manifest m = Manifest::parse(manifest).value();
    const std::uint64_t number = m.statement().sequence;
    RemoteSnapshot row{manifest, servers[which].receipt(*this, m.snapshot_id(), number), {}};
    if (by == Acknowledged::by_both) row.partner_receipt = servers[1 - which].receipt(*this, m.snapshot_id(), number);
    stores[which].snapshots[number] = row;
    stores[which].digests[number] = m.snapshot_id();
  }

  RecoverySource by_escrow() { return test::by_escrow(organisation); }
  RecoverySource by_passphrase(std::string_view passphrase) {
    RecoverySource source;
    source.passphrase = SecretText(passphrase);
    return source;
  }
  RecoverySource by_paper(const SecretKey& root) { return test::by_paper(root, owner); }
  // As `farkeep recover` on a machine that has its identity.
  Errc recover(RecoverySource source) {
    notes.said.clear();
    text.clear();
    try {
      run(recovering(std::move(source)));
      return Errc{};
    } catch (const failure& f) {
      text = f.what();
      return classify(f.code());
    }
  }
  bool has(const SecretKey& root) const { return state->has_root_key() && equal(state->root_key().view(), root.view()); }
  bool set_aside() const { return fs::exists(base / "state/root.key.aside-1"); }

 private:
  task<int> recovering(RecoverySource source) {
    const RecoveryParts parts{*state, *this, *choice, notes, authority->certificate()};
    const RecoveryStage stage = co_await checked_stage(parts, recovery_stage(*state, owner.agent, source.sheet));
    if (stage != RecoveryStage::done) co_await recover_root_key(parts, std::move(source));
    co_return 0;
  }
};

}  // namespace

TEST_CASE("recover: a server gives another agent's key slot, which the same passphrase opens: the key is kept that fits what this agent has saved") {
  Lost m;
  const auto slot = [&](const SecretKey& root) { return seal_passphrase_slot(root, as_bytes("one for all"), ScryptCost{1 << 16, 8, 1}, m.random); };
  m.plant(1, m.statement(1, m.right));
  m.stores[1].slots = {slot(m.right)};
  m.stores[0].slots = {slot(m.other)};
  SECTION("in place of its own, and says that nothing is saved") {}
  SECTION("before its own, and shows what is saved") {
    m.stores[0].slots.push_back(m.stores[1].slots[0]);
    m.plant(0, m.statement(1, m.right));
  }
  SECTION("with what the other agent has saved") { m.plant(0, m.statement(1, m.other, m.random.id<AgentId>())); }
  CHECK(m.recover(m.by_passphrase("one for all")) == Errc{});
  CHECK(m.has(m.right));
  CHECK_THAT(m.notes.said, Contains("were passed over: 1 of primary"));
}

TEST_CASE("recover: when what is saved is shown and no slot's key fits it, no key is kept") {
  Lost m;
  m.stores[0].slots = {m.slot(m.other)};
  m.plant(1, m.statement(1, m.right));
  CHECK(m.recover(m.by_escrow()) == Errc::bad_secret);
  CHECK_THAT(m.text, Contains("none of them holds the key of what this agent has saved"));
  CHECK_FALSE(m.state->has_root_key());
  m.plant(0, m.statement(1, m.right));
  m.down[1] = true;
  CHECK(m.recover(m.by_escrow()) == Errc::bad_secret);
  CHECK_THAT(m.text, Contains("not asked") && Contains("alternate"));
  CHECK_FALSE(m.state->has_root_key());
}

TEST_CASE("recover: what others have put among the agent's snapshots makes no right key look wrong") {
  Lost m;
  m.stores[0].slots = {m.slot(m.right)};
  m.down[1] = true;
  const SecretKey thief = m.random.secret<32>();
  for (std::uint64_t n = 1; n <= 600; ++n) m.plant(0, m.statement(n, thief));
  SECTION("the newest is its own") { m.plant(0, m.statement(601, m.right)); }
  SECTION("an old one is its own") { m.plant(0, m.statement(400, m.right)); }
  CHECK(m.recover(m.by_escrow()) == Errc{});
  CHECK(m.has(m.right));
}

TEST_CASE("recover: where nothing is saved a key is taken as it is, and that is said; later the right one takes its place") {
  Lost m;
  m.stores[0].slots = {m.slot(m.other)};
  m.down[1] = true;
  CHECK(m.recover(m.by_escrow()) == Errc{});
  CHECK(m.has(m.other));
  CHECK_THAT(m.notes.said, Contains("nothing could prove") && Contains("not asked") && Contains("alternate"));

  m.down[1] = false;
  m.stores[1].slots = {m.slot(m.right)};
  m.plant(1, m.statement(1, m.right));
  SECTION("from a slot") { CHECK(m.recover(m.by_escrow()) == Errc{}); }
  SECTION("from the paper") { CHECK(m.recover(m.by_paper(m.right)) == Errc{}); }
  CHECK(m.has(m.right));
  CHECK(m.set_aside());
  CHECK_THAT(m.notes.said, Contains("was made with this machine's root key"));
  CHECK(m.recover(m.by_escrow()) == Errc{});
  CHECK(m.notes.said.empty());
}

TEST_CASE("recover again: a key that fits, or of which nothing is known, stays; one that does not fit stays until a right one is found") {
  Lost m;
  m.state->set_root_key(m.right, m.owner);
  m.stores[0].slots = {m.slot(m.other)};
  SECTION("nobody answers") { m.down[0] = m.down[1] = true; }
  SECTION("nothing is saved") {}
  SECTION("one server shows what it has made up") {
    m.plant(0, m.statement(3, m.other));
    m.plant(1, m.statement(1, m.right));
    CHECK(m.recover(m.by_paper(m.other)) == Errc::identity);
    CHECK_THAT(m.text, Contains("another root key than the paper"));
  }
  CHECK(m.recover(m.by_escrow()) == Errc{});
  CHECK(m.has(m.right));
  CHECK_FALSE(m.set_aside());

  const SecretKey third = m.random.secret<32>();
  m.down[0] = m.down[1] = false;
  for (auto& store : m.stores) store.snapshots.clear();
  for (const std::size_t which : {0u, 1u}) m.plant(which, m.statement(1, third));
  CHECK(m.recover(m.by_escrow()) == Errc::bad_secret);
  CHECK(m.recover(m.by_paper(m.other)) == Errc::identity);
  CHECK(m.has(m.right));
  CHECK_FALSE(m.set_aside());
}

TEST_CASE("recover: the paper's key is kept even when servers show nothing that fits it, and that is said") {
  Lost m;
  m.plant(0, m.statement(1, m.other));
  CHECK(m.recover(m.by_paper(m.right)) == Errc{});
  CHECK(m.has(m.right));
  CHECK_THAT(m.notes.said, Contains("the paper's root key is not the key of what primary and alternate show"));
}

TEST_CASE("recover: of several keys that fit, what both servers have acknowledged counts, then what is oldest; where nothing tells, none is kept") {
  Lost m;
  for (auto& store : m.stores) store.slots = {m.slot(m.other), m.slot(m.right)};
  SECTION("a server has made up a history") {
    for (std::uint64_t n = 1; n < 4; ++n) m.plant(0, m.statement(n, m.other));
    m.plant(1, m.statement(9, m.right), Lost::Acknowledged::by_both);
    CHECK(m.recover(m.by_escrow()) == Errc{});
    CHECK(m.has(m.right));
  }
  SECTION("somebody with the agent's key has added to it") {
    for (const std::size_t which : {0u, 1u}) {
      m.plant(which, m.statement(5, m.right), Lost::Acknowledged::by_both);
      m.plant(which, m.statement(6, m.other), Lost::Acknowledged::by_both);
    }
    CHECK(m.recover(m.by_escrow()) == Errc{});
    CHECK(m.has(m.right));
    CHECK_THAT(m.notes.said, Contains("2 different root keys"));
  }
  SECTION("each server shows another one") {
    m.plant(0, m.statement(1, m.other));
    m.plant(1, m.statement(1, m.right));
    CHECK(m.recover(m.by_escrow()) == Errc::identity);
    CHECK_FALSE(m.state->has_root_key());
  }
}

TEST_CASE("recover: of format 1, the details that a key's holder sealed count for it, and nothing counts against one") {
  Lost m;
  m.stores[0].slots = {m.slot(m.other), m.slot(m.right)};
  const Buffer old = of_format_1(m, 1, Digest{}, KeyRing(m.right).wrap_key());
  m.plant(0, old);
  SECTION("one opens") {
    CHECK(m.recover(m.by_escrow()) == Errc{});
    CHECK(m.has(m.right));
    CHECK_THAT(m.notes.said, Contains("passed over"));
  }
  SECTION("its envelope is lost") {
    for (auto& store : m.stores) store.where.clear();
    m.stores[0].slots = {m.slot(m.right)};
    CHECK(m.recover(m.by_escrow()) == Errc{});
    CHECK(m.has(m.right));
    CHECK_THAT(m.notes.said, Contains("nothing could prove"));
  }
}

TEST_CASE("recover: statements that cannot be read, or come in no order, are no answer, and the other server's count") {
  Lost m;
  for (auto& store : m.stores) store.slots = {m.slot(m.right)};
  m.plant(1, m.statement(1, m.right));
  m.plant(0, m.statement(1, m.other));
  m.stores[0].snapshots[1].manifest = Buffer(100, 1);
  CHECK(m.recover(m.by_escrow()) == Errc{});
  CHECK(m.has(m.right));
}

TEST_CASE("recover: each server is asked once for its slots and once for what is saved, whether it answers or not") {
  Lost m;
  for (auto& store : m.stores) store.slots = {m.slot(m.right)};
  m.plant(1, m.statement(1, m.right));
  SECTION("both answer") {}
  SECTION("the primary does not") { m.down[0] = true; }
  CHECK(m.recover(m.by_escrow()) == Errc{});
  CHECK(m.used[0] == 2);
  CHECK(m.used[1] == 2);
}

TEST_CASE("heads: where nothing that a server shows was made with this machine's root key, that key is in doubt, and not the snapshot") {
  Lost m;
  m.state->set_root_key(m.other, m.owner);
  m.keys = std::make_unique<AgentKeys>(AgentKeys::load(*m.state));
  const auto look = [&] {
    const HeadParts parts{m, *m.state, *m.keys, m.workers, m.timers, m.clock};
    return m.run(look_at_heads(parts, std::chrono::seconds{5}))[0].problem;
  };
  m.plant(0, m.statement(4, m.right));
  CHECK_THAT(look(), Contains("farkeep recover --agent " + m.owner.agent.hex()) && !Contains("ask the operator to look at that snapshot"));
  m.plant(0, m.statement(3, m.other));
  CHECK_THAT(look(), Contains("set it aside") && !Contains("farkeep recover"));
}
