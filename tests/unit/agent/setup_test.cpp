// Registration and recovery, cut off at any point: the same command given again ends them, and no other key than the agent's own is ever kept.
#include <catch2/catch.hpp>

#include "agent/enrol.hpp"
#include "agent/key_slots.hpp"
#include "agent/keys.hpp"
#include "agent/recovery.hpp"
#include "base/codec.hpp"
#include "base/hex.hpp"
#include "crypto/authority.hpp"
#include "fake_vault.hpp"
#include "platform/atomic_file.hpp"
#include "recovery_sources.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"
#include "transport/line.hpp"
#include "wire/signed_document.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

const std::string kFolder = "/state";
const std::string kRootKey = kFolder + "/root.key";
constexpr sim::Cut kCuts[] = {sim::Cut::drop_all, sim::Cut::keep_some, sim::Cut::tear_last};

struct Notes final : Reporter {
  void progress(const Progress&) override {}
  void problem(std::string_view, std::string_view) override {}
  void note(std::string_view text) override { said.emplace_back(text); }
  std::vector<std::string> said;
};

// The line that nobody uses: these tests play the server's answer, not the way to it.
struct NoLine final : Line {
  task<std::unique_ptr<Stream>> dial(Endpoint) override { throw failure(Errc::unreachable, "a test"); }
  void set_max_segment(std::optional<int>) override {}
  LineSymptom symptom() const override { return LineSymptom::none; }
  std::string network(const Endpoint&) const override { return {}; }
};

// One agent that is known to the servers, and what they answer; a machine with a disk that may fail.
struct SetupWorld : Servers {
  asio::io_context io;
  sim::SimTimers timers;
  sim::SimClock clock{timers};
  SystemRandom random;
  Authority root = Authority::make_root(SigningKey::generate(random), clock.wall(), random);
  ServerId east = random.id<ServerId>(), west = random.id<ServerId>();
  KeyOwner owner{random.id<AccountId>(), random.id<AgentId>()};
  SecretKey secret = random.secret<32>();
  FakeVault::Store stores[2];
  bool down[2] = {false, false};
  Notes notes;
  std::optional<sim::SimDisk> disk{std::in_place};
  std::mt19937 dice{7};

  std::vector<ServerTarget> pair() const override { return {{east, "east", "192.0.2.1"}, {west, "west", "192.0.2.2"}}; }
  task<void> use(ServerTarget target, Work work) override {
    const std::size_t which = target.id == east ? 0 : 1;
    if (down[which]) throw failure(Errc::unreachable, "connecting to " + target.name);
    FakeVault vault(stores[which]);
    co_await work(vault);
  }

  wire::pb::Registered answer(const SigningKey& key, const KeyOwner& to) {
    const auto request = CertificateRequest::make(key);
    const std::vector<Certificate> chain{root.issue_agent(request, to.account, to.agent, Validity::starting(clock.wall(), 24h * 365), random)};
    wire::pb::Directory d;
    d.set_serial(1);
    auto* pair = d.add_pair();
    pair->mutable_primary()->set_server_id(east.raw());
    pair->mutable_primary()->add_address("192.0.2.1:16384");
    pair->mutable_alternate()->set_server_id(west.raw());
    pair->mutable_alternate()->add_address("192.0.2.2:16384");
    const SigningKey server_key = SigningKey::generate(random);
    const std::vector<Certificate> server{root.issue_server(CertificateRequest::make(server_key), east, {}, Validity::starting(clock.wall(), 24h * 365), random)};
    wire::pb::Registered out;
    out.set_account(to.account.raw());
    out.set_agent(to.agent.raw());
    wire::to_field(chain, *out.mutable_chain());
    *out.mutable_directory() = wire::sign_directory(d, wire::Signer{server_key, server});
    return out;
  }

  // As `farkeep register` and the first half of `farkeep recover`.
  void enrol_here(const EnrolOrder& order, const KeyOwner& to) {
    AgentState state(*disk, kFolder);
    NoLine line;
    EnrolParts parts{state, root.certificate(), line, timers, clock, random, notes};
    const SigningKey key = order.replaces ? SigningKey::generate(random) : begin_enrolment(state, order, random);
    keep_enrolment(parts, answer(key, to), key, order);
  }
  void register_here() {
    AgentState state(*disk, kFolder);
    if (!state.registered()) enrol_here(EnrolOrder{}, owner);
    state.clear_unfinished();
  }
  void recover_here(RecoverySource source) {
    AgentState state(*disk, kFolder);
    ServerChoice choice(state, clock, random);
    const RecoveryParts parts{state, *this, choice, notes, root.certificate()};
    EnrolOrder order;
    order.recover = owner.agent;
    RecoveryStage stage = recovery_stage(state, owner.agent, source.sheet);
    if (stage == RecoveryStage::identity) {
      keeps_root_key(state, owner.agent, source.sheet);
      enrol_here(order, owner);
      stage = recovery_stage(state, owner.agent, source.sheet);
    }
    stage = sim::run(io, timers, checked_stage(parts, stage));
    if (stage != RecoveryStage::done) sim::run(io, timers, recover_root_key(parts, std::move(source)));
    state.clear_unfinished();
  }
  void escrow_slot(const EscrowPrivateKey& key) { stores[0].slots.push_back(seal_escrow_slot(secret, key.public_key(), random)); }
  RecoverySource by_paper() { return test::by_paper(secret, owner); }

  std::string root_key() {
    AgentState state(*disk, kFolder);
    return hex(AgentKeys::load(state).ring.wrap_key().view());
  }
  std::string right_root_key() { return hex(KeyRing(secret).wrap_key().view()); }

  // Does `work` on a fresh disk with the power going after each of its operations in turn, then looks, then does it again.  Returns how many points there were.
  std::uint64_t cut_everywhere(const std::function<void()>& prepare, const std::function<void()>& work, const std::function<void()>& look) {
    std::uint64_t points = 0;
    for (const sim::Cut cut : kCuts) {
      for (std::uint64_t n = 0;; ++n) {
        INFO("cut " << static_cast<int>(cut) << " after " << n << " operations");
        disk.emplace();
        prepare();
        disk->cut_power_after(n);
        bool whole = true;
        try {
          work();
        } catch (const failure&) {
          whole = false;
        }
        if (whole && !disk->without_power()) break;
        if (!disk->without_power()) disk->cut_power();
        disk->power_on(cut, dice);
        disk->disarm();
        look();
        REQUIRE_NOTHROW(work());
        look();
        CHECK(AgentState(*disk, kFolder).how_to_finish().empty());
        CHECK_NOTHROW(root_key());
        ++points;
      }
    }
    return points;
  }
};

}  // namespace

TEST_CASE("register: cut off at any point, it is given again and ends with one key that is the agent's") {
  SetupWorld w;
  std::string first;
  const auto look = [&] {
    AgentState state(*w.disk, kFolder);
    if (!state.registered()) return;
    REQUIRE(state.has_root_key());  // never an identity without its key
    CHECK(state.root_key_owner() == w.owner);
    if (first.empty()) first = w.root_key();
    CHECK(w.root_key() == first);  // and never another one once there is one
  };
  CHECK(w.cut_everywhere([&] { first.clear(); }, [&] { w.register_here(); }, look) > 30);
}

TEST_CASE("recover: cut off at any point, it is given again, and no key is ever there but the right one") {
  SetupWorld w;
  const auto organisation = EscrowPrivateKey::generate(w.random);
  w.escrow_slot(organisation);
  const auto look = [&] {
    AgentState state(*w.disk, kFolder);
    if (state.registered() && state.has_root_key()) CHECK(w.root_key() == w.right_root_key());
    if (w.disk->exists(kRootKey)) CHECK(parse_key_file(w.disk->content(kRootKey)).has_value());
    if (state.registered() && !state.has_root_key()) CHECK_THAT(state.how_to_finish(), Contains("recover") && Contains(w.owner.agent.hex()));
  };
  CHECK(w.cut_everywhere([] {}, [&] { w.recover_here(test::by_escrow(organisation)); }, look) > 30);
  CHECK(w.root_key() == w.right_root_key());
  CHECK(w.cut_everywhere([] {}, [&] { w.recover_here(w.by_paper()); }, look) > 30);
  CHECK(w.root_key() == w.right_root_key());
}

TEST_CASE("renew: cut off at any point, the old certificate or the new one is there, whole") {
  SetupWorld w;
  std::string before, after;
  const auto shown = [&] {
    AgentState state(*w.disk, kFolder);
    return to_string(AgentCredentials::load(state).chain.front().der());
  };
  const auto prepare = [&] {
    w.register_here();
    before = shown();
    AgentState state(*w.disk, kFolder);
    const auto key = SigningKey::from_pem(state.key_pem().text()).value();
    after = w.answer(key, w.owner).chain(0);
  };
  const auto renew = [&] {
    AgentState state(*w.disk, kFolder);
    auto identity = state.identity();
    identity.set_chain(0, after);
    state.set_identity(identity);
  };
  const auto look = [&] {
    const std::string now = shown();
    CHECK((now == before || now == after));
  };
  CHECK(w.cut_everywhere(prepare, renew, look) > 5);
}

TEST_CASE("recover: an expired certificate that is replaced leaves the root key and the history where they are, cut off at any point") {
  SetupWorld w;
  const auto renew = [&] {
    AgentState state(*w.disk, kFolder);
    EnrolOrder order;
    order.recover = w.owner.agent;
    order.replaces = recovery_stage(state, w.owner.agent, {}) == RecoveryStage::done;
    w.enrol_here(order, w.owner);
    CHECK(recovery_stage(state, w.owner.agent, {}) == RecoveryStage::done);
    state.clear_unfinished();
  };
  const auto look = [&] {
    CHECK(w.disk->exists(kRootKey));
    CHECK_FALSE(w.disk->exists(kRootKey + ".aside-1"));
    CHECK_FALSE(w.disk->exists(kFolder + "/aside-1"));
  };
  for (const bool older : {false, true}) {
    const auto prepare = [&] {
      w.recover_here(w.by_paper());
      AgentState state(*w.disk, kFolder);
      state.set_job("main", {});
      if (!older) return;  // else the root key says of nobody that it is his, and no file whose history lies here
      write_file_atomically(*w.disk, kRootKey, w.secret.view());
      w.disk->remove(kFolder + "/owner");
      w.disk->sync_folder(kFolder);
    };
    CHECK(w.cut_everywhere(prepare, renew, look) > 20);
    CHECK(w.root_key() == w.right_root_key());
    CHECK(w.disk->exists(kFolder + "/jobs/main/state"));
  }
}

TEST_CASE("register: a clone of a folder of an older version becomes another agent with a root key of its own") {
  SetupWorld w;
  w.recover_here(w.by_paper());
  w.disk->set_content(kRootKey, to_buffer(w.secret.view()));
  w.disk->remove(kFolder + "/owner");
  EnrolOrder order;
  order.replaces = true;
  w.enrol_here(order, KeyOwner{w.owner.account, w.random.id<AgentId>()});
  CHECK(w.root_key() != w.right_root_key());
  CHECK(w.disk->exists(kRootKey + ".aside-1"));
}

TEST_CASE("register: names that are longer than any may be are no answer") {
  SetupWorld w;
  AgentState state(*w.disk, kFolder);
  NoLine line;
  EnrolParts parts{state, w.root.certificate(), line, w.timers, w.clock, w.random, w.notes};
  const SigningKey key = begin_enrolment(state, EnrolOrder{}, w.random);
  auto answer = w.answer(key, w.owner);
  answer.set_account_name(std::string(65, 'a'));
  CHECK_THROWS_WITH(keep_enrolment(parts, answer, key, EnrolOrder{}), Contains("account's name"));
  CHECK_FALSE(state.registered());
}

namespace {

Certificate agent_certificate(SetupWorld& w, const SigningKey& key, const KeyOwner& to, Validity validity) {
  return w.root.issue_agent(CertificateRequest::make(key), to.account, to.agent, validity, w.random);
}

google::protobuf::RepeatedPtrField<std::string> chain_of(const Certificate& certificate) {
  google::protobuf::RepeatedPtrField<std::string> out;
  wire::to_field(std::span(&certificate, 1), out);
  return out;
}

}  // namespace

TEST_CASE("renew: a certificate for another key, for another agent or for an hour is refused") {
  SetupWorld w;
  w.register_here();
  AgentState state(*w.disk, kFolder);
  const WallTime now = w.clock.wall();
  const AgentCredentials own = AgentCredentials::load(state, now);
  const auto objection = [&](const SigningKey& key, const KeyOwner& to, std::chrono::hours life) {
    const Certificate fresh = agent_certificate(w, key, to, Validity::starting(now, life));
    return objection_to_renewal(own, *check_chain_for(CertificateName::Role::agent, fresh, {}, w.root.certificate(), now), fresh, now);
  };
  CHECK(objection(own.signing, w.owner, 24h * 500).empty());
  CHECK_THAT(objection(SigningKey::generate(w.random), w.owner, 24h * 500), Contains("another key"));
  CHECK_THAT(objection(own.signing, KeyOwner{w.owner.account, w.random.id<AgentId>()}, 24h * 500), Contains("another agent"));
  CHECK_THAT(objection(own.signing, KeyOwner{w.random.id<AccountId>(), w.owner.agent}, 24h * 500), Contains("another agent"));
  CHECK_THAT(objection(own.signing, w.owner, 24h * 200), Contains("sooner"));
  CHECK_THAT(objection(own.signing, w.owner, 1h), Contains("sooner"));
  const auto gains = [&](std::chrono::hours life) { return gains_enough(own, agent_certificate(w, own.signing, w.owner, Validity::starting(now, life)), now); };
  CHECK(gains(24h * 365 * 2));
  CHECK_FALSE(gains(24h * 366));

  // What replaces one that is not valid yet need not last longer than that one says.
  keep_new_chain(state, chain_of(agent_certificate(w, own.signing, w.owner, Validity::starting(now + 24h * 3000, 24h * 365))));
  AgentCredentials ahead = AgentCredentials::load(state);
  const Certificate fresh = agent_certificate(w, own.signing, w.owner, Validity::starting(now, 24h * 365));
  CHECK(objection_to_renewal(ahead, *check_chain_for(CertificateName::Role::agent, fresh, {}, w.root.certificate(), now), fresh, now).empty());
}

TEST_CASE("renew: a machine that kept a certificate for another key shows its own again, and forgets that one with the next renewal") {
  SetupWorld w;
  w.register_here();
  AgentState state(*w.disk, kFolder);
  const WallTime now = w.clock.wall();
  const AgentCredentials own = AgentCredentials::load(state, now);
  auto identity = state.identity();
  *identity.add_earlier()->mutable_certificate() = identity.chain();
  *identity.mutable_chain() = chain_of(agent_certificate(w, SigningKey::generate(w.random), w.owner, Validity::starting(now, 24h * 600)));
  state.set_identity(identity);
  CHECK(to_string(AgentCredentials::load(state, now).chain.front().der()) == to_string(own.chain.front().der()));
  CHECK(to_string(AgentCredentials::load(state).chain.front().der()) == to_string(own.chain.front().der()));

  const Certificate fresh = agent_certificate(w, own.signing, w.owner, Validity::starting(now, 24h * 500));
  keep_new_chain(state, chain_of(fresh));
  CHECK(to_string(AgentCredentials::load(state, now).chain.front().der()) == to_string(fresh.der()));
  REQUIRE(state.identity().earlier_size() == 1);
  CHECK(state.identity().earlier(0).certificate(0) == to_string(own.chain.front().der()));

  state.set_key_pem(SigningKey::generate(w.random).to_pem().text());
  CHECK_THROWS_WITH(AgentCredentials::load(state, now), Contains("for this machine's key"));
}

namespace {

// What a machine has after some backups.
void leave_history(SetupWorld& w) {
  AgentState state(*w.disk, kFolder);
  agent::pb::Pins pins;
  pins.set_bound_from(4);
  state.set_pins(pins);
  agent::pb::Head head;
  head.set_sequence(9);
  state.set_head(head);
  state.set_pending(AgentState::Pending{9, "main", Buffer(10, 1)}, Digest{});
  agent::pb::Job job;
  job.set_snapshot_sequence(9);
  state.set_job("main", job);
  agent::pb::Escrow escrow;
  escrow.set_put_ns(1);
  state.set_escrow(escrow);
  agent::pb::Pauses pauses;
  pauses.add_pause()->set_job("main");
  state.set_pauses(pauses);
}
bool has_history(SetupWorld& w) {
  AgentState state(*w.disk, kFolder);
  const bool any = state.pins().bound_from() != 0 || state.head() || state.last_given().sequence != 0 || state.pending() || state.job("main").snapshot_sequence() != 0 || state.escrow().put_ns() != 0;
  const bool all = state.pins().bound_from() == 4 && state.head() && state.last_given().sequence == 9 && state.pending() && state.job("main").snapshot_sequence() == 9 && state.escrow().put_ns() == 1;
  CHECK(any == all);
  CHECK(state.pauses().pause_size() == 1);
  return any;
}

}  // namespace

TEST_CASE("register: in a folder whose identity was lost, what the earlier agent knew is put aside, and the same agent's stays") {
  SetupWorld w;
  w.register_here();
  leave_history(w);
  SECTION("another agent") {
    w.disk->remove(kFolder + "/identity");
    w.owner.agent = w.random.id<AgentId>();
    w.register_here();
    CHECK_FALSE(has_history(w));
    CHECK(w.disk->exists(kFolder + "/aside-1/pins"));
    CHECK(w.disk->exists(kFolder + "/aside-1/jobs/main/state"));
    REQUIRE_FALSE(w.notes.said.empty());
    CHECK_THAT(w.notes.said.back(), Contains("aside-1"));
    // And another one after it.
    leave_history(w);
    w.disk->remove(kFolder + "/identity");
    w.owner.agent = w.random.id<AgentId>();
    w.register_here();
    CHECK_FALSE(has_history(w));
    CHECK(w.disk->exists(kFolder + "/aside-2/given.copy"));
  }
  SECTION("another one is recovered, and the root key is gone too") {
    w.disk->remove(kFolder + "/identity");
    w.disk->remove(kRootKey);
    w.owner.agent = w.random.id<AgentId>();
    w.recover_here(w.by_paper());
    CHECK_FALSE(has_history(w));
  }
  SECTION("nobody knows whose it is") {
    for (const char* name : {"/identity", "/owner", "/root.key"}) w.disk->remove(kFolder + name);
    w.recover_here(w.by_paper());
    CHECK_FALSE(has_history(w));
  }
  SECTION("the same agent") {
    w.disk->remove(kFolder + "/identity");
    w.recover_here(w.by_paper());
    CHECK(has_history(w));
    CHECK_FALSE(w.disk->exists(kFolder + "/aside-1"));
  }
  SECTION("the same agent, of an older version: its root key says whose it is") {
    for (const char* name : {"/identity", "/owner"}) w.disk->remove(kFolder + name);
    w.recover_here(w.by_paper());
    CHECK(has_history(w));
  }
}

TEST_CASE("register: cut off while an earlier agent's history is put aside, it is given again, and nothing of that one counts") {
  SetupWorld w;
  const auto prepare = [&] {
    w.owner.agent = w.random.id<AgentId>();
    w.register_here();
    leave_history(w);
    w.disk->remove(kFolder + "/identity");
    w.disk->sync_folder(kFolder);
    w.owner.agent = w.random.id<AgentId>();
  };
  const auto look = [&] {
    AgentState state(*w.disk, kFolder);
    if (state.registered()) CHECK_FALSE(has_history(w));
  };
  CHECK(w.cut_everywhere(prepare, [&] { w.register_here(); }, look) > 30);
}

TEST_CASE("recover: an identity or a key that cannot be used is put aside and made anew, and the history stays") {
  SetupWorld w;
  w.recover_here(w.by_paper());
  leave_history(w);
  const auto damage = [&](const std::string& name, Buffer bytes) {
    INFO(name);
    w.disk->set_content(kFolder + "/" + name, bytes);
    AgentState state(*w.disk, kFolder);
    CHECK_THAT(problem_of_identity(state), Contains("farkeep recover --agent " + w.owner.agent.hex()));
    CHECK(recovery_stage(state, w.owner.agent, {}) == RecoveryStage::identity);
    w.recover_here(w.by_paper());
    CHECK(problem_of_identity(state).empty());
    CHECK(recovery_stage(state, w.owner.agent, {}) == RecoveryStage::done);
    CHECK(w.root_key() == w.right_root_key());
    CHECK(has_history(w));
  };
  damage("identity", Buffer(30, 0xff));
  damage("identity", Buffer{});
  damage("identity", Buffer(2 * 1024 * 1024, 0));
  damage("agent.key", Buffer(4, 'j'));
  damage("agent.key", to_buffer(as_bytes(SigningKey::generate(w.random).to_pem().text())));
  CHECK(w.disk->exists(kFolder + "/identity.aside-5"));
  CHECK(w.disk->exists(kFolder + "/agent.key.aside-5"));
}

TEST_CASE("recover: a server that hands over another agent is not believed") {
  SetupWorld w;
  EnrolOrder order;
  order.recover = w.owner.agent;
  CHECK_THROWS_WITH(w.enrol_here(order, KeyOwner{w.owner.account, w.random.id<AgentId>()}), Contains("another agent than the one that was asked for"));
  CHECK_FALSE(AgentState(*w.disk, kFolder).registered());
}

TEST_CASE("recover: a placeholder of zeros from an older version, or a damaged key, is no key: the same command puts the right one there") {
  SetupWorld w;
  const auto organisation = EscrowPrivateKey::generate(w.random);
  w.escrow_slot(organisation);
  for (const Buffer& left : {Buffer(32, 0), Buffer(31, 5), Buffer(300, 5), Buffer{}}) {
    w.recover_here(test::by_escrow(organisation));
    w.disk->set_content(kRootKey, left);
    AgentState state(*w.disk, kFolder);
    CHECK_FALSE(state.has_root_key());
    CHECK_THROWS_AS(AgentKeys::load(state), failure);
    CHECK_NOTHROW(AgentCredentials::load(state));
    w.recover_here(test::by_escrow(organisation));
    CHECK(w.root_key() == w.right_root_key());
  }
  CHECK(w.disk->exists(kRootKey + ".aside-4"));  // what was there is not thrown away
}

TEST_CASE("root key file: a changed bit and another agent's file are refused, one of version 1 is taken and bound") {
  SetupWorld w;
  w.recover_here(w.by_paper());
  AgentState state(*w.disk, kFolder);
  const Buffer good = w.disk->content(kRootKey);
  Buffer bad = good;
  bad[40] ^= 1;
  w.disk->set_content(kRootKey, bad);
  CHECK_THROWS_WITH(AgentKeys::load(state), Contains("root.key") && Contains("farkeep recover"));
  w.disk->set_content(kRootKey, write_key_file(w.secret, KeyOwner{w.owner.account, w.random.id<AgentId>()}));
  CHECK_THROWS_WITH(AgentKeys::load(state), Contains("not this one's"));
  w.disk->set_content(kRootKey, to_buffer(w.secret.view()));
  CHECK(w.root_key() == w.right_root_key());
  state.bind_root_key();
  CHECK(w.disk->content(kRootKey) == good);
  CHECK(w.root_key() == w.right_root_key());
}

TEST_CASE("recover: another agent's machine, another agent's paper and a paper with another key change nothing") {
  SetupWorld w;
  w.recover_here(w.by_paper());
  const auto files = w.disk->files();
  const Buffer key = w.disk->content(kRootKey);
  AgentState state(*w.disk, kFolder);
  CHECK_THROWS_WITH(recovery_stage(state, w.random.id<AgentId>(), {}), Contains("this machine is agent"));
  auto other = w.by_paper();
  other.sheet->root = w.random.secret<32>();
  CHECK(recovery_stage(state, w.owner.agent, other.sheet) == RecoveryStage::other_key);
  CHECK_THROWS_WITH(w.recover_here(std::move(other)), Contains("another root key than the paper"));
  other = w.by_paper();
  other.sheet->agent = w.random.id<AgentId>();
  CHECK_THROWS_WITH(recovery_stage(state, w.owner.agent, other.sheet), Contains("not of"));
  CHECK(recovery_stage(state, w.owner.agent, w.by_paper().sheet) == RecoveryStage::done);
  CHECK(w.disk->files() == files);
  CHECK(w.disk->content(kRootKey) == key);
}

TEST_CASE("register after a recovery that was given up: another key is told to the server, and the agent gets a new root key") {
  SetupWorld w;
  EnrolOrder order;
  order.recover = w.owner.agent;
  AgentState state(*w.disk, kFolder);
  const auto told = begin_enrolment(state, order, w.random).public_key();
  CHECK(begin_enrolment(state, order, w.random).public_key() == told);
  CHECK_THAT(state.how_to_finish(), Contains("recover"));
  CHECK(begin_enrolment(state, EnrolOrder{}, w.random).public_key() != told);
  w.register_here();
  CHECK(w.root_key() != w.right_root_key());
}

TEST_CASE("recover: what the first server has does not open, or it has nothing: the other one is asked") {
  SetupWorld w;
  const auto organisation = EscrowPrivateKey::generate(w.random), stranger = EscrowPrivateKey::generate(w.random);
  w.stores[0].slots = {Buffer(10, 1), seal_escrow_slot(w.random.secret<32>(), stranger.public_key(), w.random)};
  w.stores[1].slots = {seal_escrow_slot(w.secret, organisation.public_key(), w.random)};
  w.recover_here(test::by_escrow(organisation));
  CHECK(w.root_key() == w.right_root_key());
  REQUIRE(w.notes.said.size() == 2);
  CHECK_THAT(w.notes.said[0], Contains("1 malformed"));
  CHECK_THAT(w.notes.said[1], Contains("nothing could prove"));

  SetupWorld none;
  CHECK_THROWS_WITH(none.recover_here(test::by_escrow(organisation)), Contains("no key slot") && Contains("east and west"));
  none.down[1] = true;
  CHECK_THROWS_WITH(none.recover_here(test::by_escrow(organisation)), Contains("not asked") && Contains("west"));
  CHECK_FALSE(none.disk->exists(kRootKey));
}

TEST_CASE("recover: of several keys for the organisation the oldest counts, and it is said") {
  SetupWorld w;
  const auto organisation = EscrowPrivateKey::generate(w.random);
  w.escrow_slot(organisation);
  w.stores[0].slots.push_back(seal_escrow_slot(w.random.secret<32>(), organisation.public_key(), w.random));
  w.recover_here(test::by_escrow(organisation));
  CHECK(w.root_key() == w.right_root_key());
  REQUIRE(w.notes.said.size() == 1);
  CHECK_THAT(w.notes.said[0], Contains("different root keys"));
}

namespace {

// A passphrase slot that opens with nothing but whose head is as it says: no scrypt is spent on making it.
Buffer slot_at(std::uint64_t n, std::uint32_t r, std::uint32_t p, std::uint8_t mark = 0) {
  Buffer slot = to_buffer(as_bytes("FKSL\1\1"));
  Writer w{slot};
  w.number(n);
  w.number(r);
  w.number(p);
  slot.resize(134, mark);
  Buffer text = to_buffer(as_bytes("farkeep/1/slot"));
  append(text, slot);
  append(slot, sha256(text).view().first(8));
  return slot;
}

}  // namespace

TEST_CASE("key slots: what cannot be read or costs too much is passed over without work, and said") {
  const std::vector<Buffer> slots{slot_at(1 << 10, 8, 1), slot_at(1 << 24, 8, 1), Buffer(50, 1), Buffer(1000, 1), slot_at(1 << 17, 8, 1), slot_at(1 << 17, 8, 5)};
  const SlotPlan plan = plan_slots(slots);
  CHECK(plan.order == std::vector<std::size_t>{4});
  CHECK(plan.fitting == 1);
  CHECK_THAT(plan.passed_over, Contains("2 malformed") && Contains("3 too costly"));
}

TEST_CASE("key slots: those at the usual cost come first, then the cheap, then the dear ones, within one budget") {
  const std::vector<Buffer> slots{slot_at(1 << 19, 8, 4), slot_at(1 << 16, 8, 1), slot_at(1 << 19, 8, 4, 1), slot_at(1 << 17, 8, 1), slot_at(1 << 18, 8, 1), slot_at(1 << 19, 8, 4, 2)};
  const SlotPlan plan = plan_slots(slots);
  CHECK(plan.order == std::vector<std::size_t>{3, 1, 4, 0});  // 1 + 0.5 + 2 + 16 of 32: another one of 16 does not fit
  CHECK_THAT(plan.passed_over, Contains("2 more than are tried"));
}

TEST_CASE("key slots: eight are tried at most, the oldest and the newest of equal cost in turn") {
  std::vector<Buffer> slots;
  for (std::uint8_t i = 0; i < 100; ++i) slots.push_back(slot_at(1 << 17, 8, 1, i));
  CHECK(plan_slots(slots).order == std::vector<std::size_t>{0, 99, 1, 98, 2, 97, 3, 96});
  std::vector<Buffer> many(2000, slots[0]);
  CHECK(plan_slots(many).order == std::vector<std::size_t>{0, 1023, 1, 1022, 2, 1021, 3, 1020});
}

TEST_CASE("key slots: the right passphrase opens its slot behind ones of others") {
  SystemRandom random;
  const SecretKey root = random.secret<32>();
  const SecretText passphrase("correct horse");
  std::vector<Buffer> slots{slot_at(1 << 10, 8, 1), seal_passphrase_slot(random.secret<32>(), as_bytes("another"), ScryptCost{1 << 16, 8, 1}, random),
                            seal_passphrase_slot(root, passphrase.view(), ScryptCost{1 << 16, 8, 1}, random)};
  const OpenedSlots opened = open_with_passphrase(slots, passphrase);
  REQUIRE(opened.roots.size() == 1);
  CHECK(equal(opened.roots.front().view(), root.view()));
  slots.pop_back();
  const OpenedSlots none = open_with_passphrase(slots, passphrase);
  CHECK(none.roots.empty());
  CHECK(none.any);
}
