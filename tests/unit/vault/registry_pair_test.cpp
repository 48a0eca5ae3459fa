// What the servers of a pair believe of each other's accounts and agents, and what rot does to the files that say so.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "platform/atomic_file.hpp"
#include "sim/bad_sectors.hpp"
#include "unit/errc_of.hpp"
#include "unit/vault/fake_clock.hpp"
#include "unit/vault/two_identities.hpp"
#include "vault/names.hpp"
#include "vault/registration.hpp"
#include "vault/registry_file.hpp"
#include "vault/registry_sync.hpp"
#include "wire/root_word.hpp"

using namespace farkeep;
using farkeep::test::errc_of;
using namespace std::chrono_literals;
using Taken = Registry::Taken;
using vault::pb::Agent;

namespace {

std::string text_of(const ServerId& id) { return to_string(id.view()); }

// One server's registry, with its partner known.
struct Side {
  Side(FakeClock& c, const Identity& me, const Identity& other) : clock(c), identity(me), registry(disk, c, random, "/data/registry") {
    registry.sign_as(me);
    vault::pb::Partner partner;
    partner.set_server_id(text_of(other.id()));
    partner.set_name(other.name());
    registry.set_partner(partner);
  }
  Secret<32> token(const AccountId& account, std::optional<AgentId> recover = {}, bool admits = false) {
    Registry::TokenOrder order;
    order.account = account;
    order.valid = 24h;
    order.recover = recover;
    order.admits = admits;
    return registry.create_token(order);
  }
  AgentId enrol(const AccountId& account, char key, std::optional<AgentId> recover = {}, bool admits = false) {
    Registry::Enrolment e;
    e.token = to_string(token(account, recover, admits).view());
    e.name = "host";
    e.key = std::string(32, key);
    e.recover = recover;
    return AgentId::from(registry.enrol(e).id()).value();
  }
  std::string keys(const AgentId& id) {
    std::string out;
    auto const agent = registry.agent(id);
    if (!agent) return "unknown";
    for (auto const& key : agent->key()) out += key[0];
    return out;
  }
  bool revoked(const AgentId& id) { return registry.agent(id)->revoked(); }
  std::string agent_file(const AgentId& id) const { return "/data/registry/agents/" + id.hex(); }
  // One bit of a file; back when it is done again.
  void flip(const std::string& file, std::size_t at) {
    auto bytes = *read_file(disk, file, 1 << 20);
    bytes.at(at) ^= 4;
    write_file_atomically(disk, file, bytes);
  }

  FakeClock& clock;
  const Identity& identity;
  sim::SimDisk disk;
  SystemRandom random;
  Registry registry;
};

struct Pair {
  FakeClock clock;
  TwoIdentities ids{clock.wall()};
  Side east{clock, ids.east, ids.west}, west{clock, ids.west, ids.east};
  AccountId account = AccountId::from(east.registry.add_account("acme", 7).id()).value();

  // All that the mirror tells, one way, and what comes back; as the mirror does it.
  static void tell(Side& from, Side& to) {
    ToldEntries none;
    RegistryPages pages{from.registry, none};
    while (auto const page = pages.next()) merge_page(from.registry, merge_page(to.registry, *page));
    if (auto const question = wanted_page(from.registry)) merge_page(from.registry, merge_page(to.registry, *question));
  }
  void exchange() {
    tell(east, west);
    tell(west, east);
  }
  // What a server with this key can say of an agent.
  wire::pb::RegistryEntry word(const Identity& author, Agent agent, std::optional<ServerId> claims = {}) {
    wire::pb::RegistryEntry entry;
    entry.set_kind(kAgentEntry);
    entry.set_key(agent.id());
    entry.set_value(agent.SerializeAsString());
    entry.set_version(agent.version());
    sign_entry(entry, author, clock.wall());
    if (claims) entry.set_author(text_of(*claims));
    return entry;
  }
  Agent invented(std::uint64_t version = 1) {
    Agent agent;
    agent.set_id(to_string(east.random.id<AgentId>().view()));
    agent.set_account(to_string(account.view()));
    agent.set_name("made up");
    agent.add_key(std::string(32, 'm'));
    agent.set_version(version);
    agent.set_home(text_of(ids.west.id()));
    return agent;
  }
};

}  // namespace

TEST_CASE("pair: a page of the partner, however long, makes the server look up once who the partner is and what the root said") {
  Pair w;
  sim::BadSectors disk{w.east.disk};
  Registry registry{disk, w.clock, w.east.random, "/data/registry"};
  registry.sign_as(w.ids.east);
  wire::pb::SyncRegistry page;
  for (int i = 0; i < 50; ++i) *page.add_entry() = w.word(w.ids.west, w.invented());
  disk.reads.clear();
  merge_page(registry, page);
  CHECK(registry.agent(AgentId::from(page.entry(49).key()).value()).has_value());
  CHECK(disk.reads["/data/registry/partner"] == 1);
  CHECK(disk.reads["/data/registry/root-word"] <= 1);
}

TEST_CASE("pair: what is made, recovered, revoked and admitted at its home holds on both sides") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  w.exchange();
  CHECK(w.west.keys(id) == "a");
  CHECK(w.west.registry.account_named("acme")->quota_bytes() == 7);
  CHECK(w.west.registry.agent(id)->SerializeAsString() == w.east.registry.agent(id)->SerializeAsString());
  w.east.enrol(w.account, 'b', id);
  w.exchange();
  CHECK(w.west.keys(id) == "b");
  CHECK(w.west.registry.agent(id)->retired_key(0) == std::string(32, 'a'));
  w.east.registry.set_revoked(id, true);
  w.exchange();
  CHECK(w.west.revoked(id));
  w.east.registry.set_revoked(id, false);
  w.exchange();
  CHECK_FALSE(w.west.revoked(id));
}

TEST_CASE("pair: while the home is away the other server revokes, admits and recovers; the home hears the denial and takes no key") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  w.exchange();
  w.west.registry.set_revoked(id, true);
  CHECK(w.west.revoked(id));
  w.exchange();
  CHECK(w.east.revoked(id));
  w.west.registry.set_revoked(id, false);
  w.exchange();
  CHECK_FALSE(w.east.revoked(id));
  CHECK_FALSE(w.west.revoked(id));

  w.west.enrol(w.account, 'b', id);
  CHECK(w.west.keys(id) == "b");
  w.exchange();
  CHECK(w.east.keys(id) == "");  // neither the old key, nor one that only the partner vouches for
  CHECK(w.west.keys(id) == "b");
  w.east.registry.take_partners_keys(id);  // the operator knows of it
  CHECK(w.east.keys(id) == "b");
  w.exchange();
  CHECK(w.west.keys(id) == "b");
  CHECK(errc_of([&] { w.east.registry.take_partners_keys(id); }) == Errc::usage);
}

TEST_CASE("pair: what the partner revoked an operator lifts here, and the partner's same word does not bring it back") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  w.exchange();
  w.west.registry.set_revoked(id, true);
  w.exchange();
  REQUIRE(w.east.revoked(id));
  w.east.registry.set_revoked(id, false);
  w.exchange();
  CHECK_FALSE(w.east.revoked(id));
  CHECK(w.west.revoked(id));  // there it is its own administrator's word
}

TEST_CASE("pair: the partner gives no agent of this server a key, a name or another account, whatever numbers it uses") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  w.exchange();
  for (std::uint64_t const version : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{60'000}}) {
    auto evil = *w.east.registry.agent(id);
    evil.clear_key();
    evil.add_key(std::string(32, 'm'));
    evil.set_name("owned");
    evil.set_version(version);
    evil.set_home(text_of(w.ids.west.id()));
    w.east.registry.take(w.word(w.ids.west, evil));
    CAPTURE(version);
    CHECK(w.east.keys(id) == "a");
    CHECK(w.east.registry.agent(id)->name() == "host");
  }
  auto moved = *w.east.registry.agent(id);
  moved.set_account(std::string(16, 'z'));
  moved.set_version(60'001);
  CHECK(w.east.registry.take(w.word(w.ids.west, moved)) == Taken::refused);
  // What the operator does afterwards counts on both sides.
  w.east.enrol(w.account, 'n', id);
  w.exchange();
  CHECK(w.east.keys(id) == "n");
  CHECK(w.west.keys(id) == "n");
}

TEST_CASE("pair: a word is believed with the signature of its author only, and only as it was signed") {
  Pair w;
  auto const agent = w.invented();
  auto const good = w.word(w.ids.west, agent);
  auto refused = [&](wire::pb::RegistryEntry entry) { return w.east.registry.take(entry) == Taken::refused; };
  auto changed = good;
  auto other = agent;
  other.set_name("another");
  changed.set_value(other.SerializeAsString());
  CHECK(refused(changed));
  changed = good;
  changed.set_time_ns(changed.time_ns() + 1);
  CHECK(refused(changed));
  changed = good;
  changed.clear_signature();
  CHECK(refused(changed));
  changed = good;
  changed.clear_signer_chain();
  CHECK(refused(changed));
  changed = good;
  changed.clear_author();
  CHECK(refused(changed));
  CHECK(refused(w.word(w.ids.west, agent, w.ids.east.id())));  // says that it is this server's own
  TwoIdentities strangers{w.clock.wall()};
  CHECK(refused(w.word(strangers.west, agent)));
  CHECK(refused(w.word(strangers.west, agent, w.ids.west.id())));  // another root vouches for it
  w.clock.pass(24h * 400);
  CHECK(refused(w.word(w.ids.west, agent)));  // the certificate has expired
  CHECK(w.east.registry.agents().empty());
  CHECK(w.east.registry.refused()->count() > 0);
  w.clock.pass(-24h * 400);
  CHECK(w.east.registry.take(good) == Taken::changed);
  CHECK(w.east.registry.take(good) == Taken::unchanged);
  CHECK(w.east.keys(AgentId::from(agent.id()).value()) == "m");  // its own agents a partner may bring in
}

TEST_CASE("pair: numbers beyond all bounds, a second word with one number, and records that break a bound are refused") {
  Pair w;
  auto agent = w.invented(5);
  REQUIRE(w.east.registry.take(w.word(w.ids.west, agent)) == Taken::changed);
  auto const take = [&](const Agent& a) { return w.east.registry.take(w.word(w.ids.west, a)); };
  auto next = agent;
  next.set_name("other");
  CHECK(take(next) == Taken::refused);  // the same number
  next.set_version(4);
  CHECK(take(next) == Taken::unchanged);
  next.set_version(5 + (1 << 16) + 1);
  CHECK(take(next) == Taken::refused);
  next.set_version(~std::uint64_t{0});
  CHECK(take(next) == Taken::refused);
  next.set_version(5 + (1 << 16));
  CHECK(take(next) == Taken::changed);
  CHECK(take(w.invented(~std::uint64_t{0})) == Taken::refused);
  CHECK(take(w.invented(0)) == Taken::refused);

  auto bad = w.invented();
  bad.set_name("line\nbreak");
  CHECK(take(bad) == Taken::refused);
  bad = w.invented();
  bad.add_key("short");
  CHECK(take(bad) == Taken::refused);
  bad = w.invented();
  for (int i = 0; i < 9; ++i) bad.add_key(std::string(32, 'k'));
  CHECK(take(bad) == Taken::refused);
  bad = w.invented();
  bad.set_id("short");
  CHECK(take(bad) == Taken::refused);
  bad = w.invented();
  bad.set_home(text_of(w.ids.east.id()));  // made here, it says; here nobody knows of it
  CHECK(take(bad) == Taken::refused);
}

TEST_CASE("pair: a partner of the first version is told, and not believed") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  auto evil = *w.east.registry.agent(id);
  evil.clear_key();
  evil.add_key(std::string(32, 'm'));
  evil.set_version(~std::uint64_t{0});
  wire::pb::SyncRegistry page;
  auto* entry = page.add_entry();
  entry->set_kind(kAgentEntry);
  entry->set_key(evil.id());
  entry->set_value(evil.SerializeAsString());
  entry->set_version(evil.version());
  auto const answer = merge_page(w.east.registry, page);
  CHECK(w.east.keys(id) == "a");
  REQUIRE(answer.entry_size() == 1);
  Agent told;
  REQUIRE(told.ParseFromString(answer.entry(0).value()));
  CHECK(told.key(0) == std::string(32, 'a'));
}

TEST_CASE("pair: a partner brings in no more accounts and agents than it may") {
  Pair w;
  w.east.registry.allow_newcomers(50, 10, 70);
  auto const taken_of = [&](int many) {
    int taken = 0;
    for (int i = 0; i < many; ++i)
      if (w.east.registry.take(w.word(w.ids.west, w.invented())) == Taken::changed) ++taken;
    return taken;
  };
  CHECK(taken_of(60) == 50);
  w.clock.pass(1h);
  CHECK(taken_of(20) == 10);
  w.clock.pass(100h);
  CHECK(taken_of(20) == 10);  // and then it has brought in as many as it may
  w.clock.pass(100h);
  CHECK(taken_of(5) == 0);
  CHECK(w.east.registry.refused()->why().find("more than it may") != std::string::npos);
}

TEST_CASE("pair: a recovery that the agent's own recovery key proves is taken from the partner, once") {
  Pair w;
  auto const recovery = SigningKey::generate(w.east.random), fresh = SigningKey::generate(w.east.random);
  Registry::Enrolment e;
  e.token = to_string(w.east.token(w.account).view());
  e.name = "host";
  e.key = std::string(32, 'a');
  e.recovery_key = to_string(recovery.public_key().view());
  auto const id = AgentId::from(w.east.registry.enrol(e).id()).value();
  w.exchange();
  auto const csr = to_string(CertificateRequest::make(fresh).der());
  Registry::Enrolment back;
  back.key = to_string(fresh.public_key().view());
  back.recover = id;
  back.recovery_proved = true;
  back.recovery_csr = csr;
  back.recovery_signature = to_string(recovery.sign(as_bytes("farkeep/1/recover" + to_string(id.view()) + csr)));
  w.west.registry.enrol(back);
  w.exchange();
  REQUIRE(w.east.registry.agent(id)->key_size() == 1);
  CHECK(w.east.registry.agent(id)->key(0) == back.key);
  // The same proof again after another recovery brings the key not back.
  auto const replay = w.west.registry.words_on(kAgentEntry, to_string(id.view()));
  w.east.enrol(w.account, 'c', id);
  Agent stale = *w.west.registry.agent(id);
  stale.set_proof_csr(csr);
  stale.set_proof(back.recovery_signature);
  stale.clear_retired_key();
  stale.clear_key();
  stale.add_key(back.key);
  stale.set_version(40);
  stale.set_home(text_of(w.ids.east.id()));
  w.east.registry.take(w.word(w.ids.west, stale));
  CHECK(w.east.keys(id) == "c");
}

TEST_CASE("pair: recoveries without end, proved with the agent's recovery key, make no word that the partner would not give back") {
  Pair w;
  auto const recovery = SigningKey::generate(w.east.random);
  Registry::Enrolment e;
  e.token = to_string(w.east.token(w.account).view());
  e.name = "host";
  e.key = std::string(32, 'a');
  e.recovery_key = to_string(recovery.public_key().view());
  auto const id = AgentId::from(w.east.registry.enrol(e).id()).value();
  w.exchange();
  Agent says = *w.west.registry.agent(id);
  says.set_home(text_of(w.ids.east.id()));
  std::size_t taken = 0;
  for (std::size_t i = 1; i <= registry_limits::kMaxRetiredKeys + 20; ++i) {
    auto const fresh = SigningKey::generate(w.east.random);
    auto const csr = to_string(CertificateRequest::make(fresh).der());
    says.clear_key();
    says.add_key(to_string(fresh.public_key().view()));
    says.set_proof_csr(csr);
    says.set_proof(to_string(recovery.sign(as_bytes("farkeep/1/recover" + to_string(id.view()) + csr))));
    says.set_version(i);
    w.east.registry.take(w.word(w.ids.west, says));
    if (w.east.registry.agent(id)->key(0) == says.key(0)) ++taken;
  }
  CHECK(taken == registry_limits::kMaxRetiredKeys);
  for (auto const& word : w.east.registry.words_on(kAgentEntry, to_string(id.view()))) CHECK(parse_agent(word).has_value());
  CHECK(w.east.registry.agent(id)->key_size() == 1);
}

TEST_CASE("pair: a page of the partner has no more entries than it may") {
  Pair w;
  wire::pb::SyncRegistry page;
  for (int i = 0; i < registry_limits::kMostOfPage; ++i) {
    auto* entry = page.add_entry();
    entry->set_kind(kAlarmEntry);
    entry->set_key(std::string(16, 'x'));
  }
  CHECK(merge_page(w.east.registry, page).entry_size() == 0);
  *page.add_entry() = page.entry(0);
  CHECK(errc_of([&] { merge_page(w.east.registry, page); }) == Errc::malformed);
}

TEST_CASE("pair: an operator sets the partner's word on an agent aside, and hears it again") {
  Pair w;
  auto agent = w.invented();
  auto const id = AgentId::from(agent.id()).value();
  REQUIRE(w.east.registry.take(w.word(w.ids.west, agent)) == Taken::changed);
  REQUIRE(w.east.keys(id) == "m");
  CHECK(errc_of([&] { w.east.registry.set_aside(agent.id(), "no \" quotes"); }) == Errc::usage);
  CHECK(errc_of([&] { w.east.registry.set_aside(std::string(16, 'q'), "why"); }) == Errc::not_found);
  w.east.registry.set_aside(agent.id(), "keys were exchanged");
  CHECK(w.east.keys(id) == "");
  agent.set_version(2);
  agent.set_revoked(true);
  w.east.registry.take(w.word(w.ids.west, agent));
  CHECK(w.east.keys(id) == "");
  CHECK_FALSE(w.east.revoked(id));
  CHECK(w.east.enrol(w.account, 'n', id) == id);  // an administrator's token repairs it
  CHECK(w.east.keys(id) == "n");
  auto const audit = read_file(w.east.disk, "/data/audit.log", 1 << 16);
  REQUIRE(audit);
  CHECK(as_text(*audit).find("keys were exchanged") != std::string_view::npos);
  w.east.registry.heed_again(agent.id(), "the partner has new keys");
  w.east.registry.take(w.word(w.ids.west, agent));
  CHECK(w.east.revoked(id));
}

TEST_CASE("registry: a file with one wrong bit is told, healed by the partner, and stops nothing else") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a'), other = w.east.enrol(w.account, 'b');
  w.exchange();
  auto const file = w.east.agent_file(id);
  auto const whole = *read_file(w.east.disk, file, 1 << 20);
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    CAPTURE(at);
    w.east.flip(file, at);
    CHECK(w.east.registry.damaged() == std::vector<std::string>{"agents/" + id.hex()});
    CHECK(errc_of([&] { w.east.registry.agent(id); }) == Errc::damaged);
    REQUIRE(w.east.registry.agents().size() == 1);
    CHECK(w.east.keys(other) == "b");
    w.exchange();
    CHECK(w.east.registry.damaged().empty());
    CHECK(w.east.keys(id) == "a");
    CHECK(w.west.keys(id) == "a");
  }
  w.east.flip("/data/registry/accounts/" + w.account.hex(), 30);
  CHECK_FALSE(w.east.registry.account(w.account));
  CHECK(w.east.registry.agents().size() == 2);
  w.exchange();
  CHECK(w.east.registry.account(w.account)->name() == "acme");
  // A partner's record that rots here is at home there.
  auto const theirs = w.west.enrol(w.account, 't');
  w.exchange();
  w.east.flip(w.east.agent_file(theirs), 40);
  w.exchange();
  CHECK(w.east.keys(theirs) == "t");
}

TEST_CASE("registry: a file that the disk does not give holds nobody else up, and gives way to the partner's copy only when that lasts") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a'), other = w.east.enrol(w.account, 'b');
  w.exchange();
  sim::BadSectors bad{w.east.disk};
  auto reader = std::make_unique<Registry>(bad, w.clock, w.east.random, "/data/registry");
  reader->sign_as(w.ids.east);
  w.east.registry.set_revoked(id, true);  // what the partner has not heard
  bad.unreadable.insert(w.east.agent_file(id));
  auto const before = w.east.disk.content(w.east.agent_file(id));
  CHECK(reader->agents().size() == 1);
  CHECK(errc_of([&] { reader->agent(id); }) == Errc::damaged);
  CHECK(reader->agent(other));
  CHECK(reader->damaged() == std::vector<std::string>{"agents/" + id.hex()});
  CHECK(reader->to_adopt().empty());
  auto const heal = [&] {
    auto const question = wanted_page(*reader);
    REQUIRE(question);
    merge_page(*reader, merge_page(w.west.registry, *question));
  };
  heal();
  CHECK(w.east.disk.content(w.east.agent_file(id)) == before);  // it may come back
  bad.unreadable.clear();
  CHECK(reader->agent(id)->revoked());

  bad.unreadable.insert(w.east.agent_file(id));
  CHECK(reader->agents().size() == 1);
  w.clock.pass(11min);
  heal();
  bad.unreadable.clear();  // the new file lies elsewhere on the disk
  CHECK(w.east.keys(id) == "a");
  CHECK(w.east.disk.content("/data/registry/damaged/agents-" + id.hex()) == before);

  for (auto const* name : {"generation", "mirror", "refused"}) bad.unreadable.insert(std::string{"/data/registry/"} + name);
  CHECK(reader->generation() == 0);
  CHECK_FALSE(reader->mirror_state());
  CHECK(errc_of([&] { reader->set_revoked(other, true); }) == Errc{});
  bad.unreadable.clear();
  CHECK(w.east.registry.generation() > 0);
}

TEST_CASE("registry: notes that rot count as none, and the partner's record has a second copy") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  w.east.registry.note_seen(id, "10.1.0.1", "test");
  w.east.flip("/data/registry/seen/" + id.hex(), 12);
  CHECK_FALSE(Registry(w.east.disk, w.clock, w.east.random, "/data/registry").seen(id));
  w.east.registry.set_mirror_state({});
  w.east.flip("/data/registry/mirror", 5);
  CHECK_FALSE(w.east.registry.mirror_state());
  w.east.flip("/data/registry/partner", 9);
  CHECK(w.east.registry.partner()->server_id() == text_of(w.ids.west.id()));
  CHECK(w.east.registry.damaged() == std::vector<std::string>{"partner"});
  auto const account = AccountId::from(w.east.registry.accounts().begin()->id()).value();
  auto const token = w.east.token(account);
  auto const tokens = w.east.disk.list("/data/registry/tokens");
  for (auto const& name : tokens) w.east.flip("/data/registry/tokens/" + name, 10);
  CHECK(errc_of([&] { w.east.enrol(account, 'c'); }) == Errc{});  // a new one is not hindered by rotten ones
}

TEST_CASE("registry: files of the first version are read, signed by their holder, and at home at the primary") {
  Pair w;
  Agent old;
  old.set_id(std::string(16, 'i'));
  old.set_account(to_string(w.account.view()));
  old.set_name("old");
  old.add_key(std::string(32, 'o'));
  old.set_version(3);
  auto const id = AgentId::from(old.id()).value();
  for (auto* side : {&w.east, &w.west}) write_file_atomically(side->disk, side->agent_file(id), as_bytes(old.SerializeAsString()));
  CHECK(w.east.keys(id) == "o");
  CHECK(w.east.registry.damaged().empty());
  for (auto* side : {&w.east, &w.west}) {
    side->registry.adopt(side->registry.to_adopt(), w.ids.east.id());
    CHECK(side->registry.to_adopt().empty());
    CHECK(side->keys(id) == "o");
    CHECK(registry_payload(*read_file(side->disk, side->agent_file(id), 1 << 20))->sealed);
  }
  w.exchange();
  w.east.enrol(w.account, 'p', id);
  w.exchange();
  CHECK(w.east.keys(id) == "p");
  CHECK(w.west.keys(id) == "p");
}

namespace {

// As a stranger's program may write it: what no field of the message is.
std::string padding(std::size_t size) {
  std::string out{"\x9a\x06", 2};  // field 99
  auto left = size;
  for (; left > 127; left >>= 7) out.push_back(static_cast<char>((left & 127) | 128));
  out.push_back(static_cast<char>(left));
  return out + std::string(size, 'x');
}

template <class Message>
Message padded(const Message& message, std::size_t size) {
  Message out;
  REQUIRE(out.ParseFromString(message.SerializeAsString() + padding(size)));
  return out;
}

}  // namespace

TEST_CASE("pair: a word takes no more room here than its fields may, whatever the partner puts beside them") {
  Pair w;
  auto const agent = w.invented();
  auto const id = AgentId::from(agent.id()).value();
  REQUIRE(w.east.registry.take(padded(w.word(w.ids.west, agent), 900 * 1024)) == Taken::changed);
  CHECK(w.east.disk.content(w.east.agent_file(id)).size() < 4096);
  auto const refused = [&](const wire::pb::RegistryEntry& entry) { return w.east.registry.take(entry) == Taken::refused; };
  auto entry = w.word(w.ids.west, w.invented());
  for (int i = 0; i < 5; ++i) entry.add_signer_chain(entry.signer_chain(1));
  CHECK(refused(entry));
  CHECK(refused(w.word(w.ids.west, padded(w.invented(), 40'000))));
  auto proved = w.invented();
  proved.set_proof_csr(std::string(40'000, 'c'));
  CHECK(refused(w.word(w.ids.west, proved)));
  // Keys that were retired are what a long word may consist of.
  auto old = w.invented();
  for (int i = 0; i < 1000; ++i) old.add_retired_key(std::string(30, 'r') + static_cast<char>(i / 100) + static_cast<char>(i % 100));
  CHECK_FALSE(refused(w.word(w.ids.west, old)));
  CHECK(w.east.keys(id) == "m");
}

TEST_CASE("pair: what long words of the partner take beyond the usual size has an end") {
  Pair w;
  auto agent = w.invented();
  for (int i = 0; i < 1000; ++i) agent.add_retired_key(std::string(32, static_cast<char>(i)));
  std::size_t taken = 0;
  for (int i = 0; i < 700; ++i) {
    agent.set_id(to_string(w.east.random.id<AgentId>().view()));
    if (w.east.registry.take(w.word(w.ids.west, agent)) == Taken::changed) ++taken;
  }
  CHECK(taken > 400);
  CHECK(taken < 600);
  CHECK(w.east.registry.refused()->why().find("room") != std::string::npos);
  CHECK(w.east.registry.take(w.word(w.ids.west, w.invented())) == Taken::changed);  // of the usual size
}

TEST_CASE("pair: all that a server knows is told in pages of which none outgrows its bound") {
  Pair w;
  auto const report = std::string(60'000, 'r');
  for (int i = 0; i < 20; ++i) w.east.registry.set_told(w.east.enrol(w.account, static_cast<char>('a' + i)), report);
  ToldEntries told;
  RegistryPages pages{w.east.registry, told};
  std::size_t count = 0, entries = 0, largest = 0;
  while (auto const page = pages.next()) {
    ++count;
    entries += static_cast<std::size_t>(page->entry_size());
    largest = std::max(largest, page->ByteSizeLong());
  }
  CHECK(entries == 41);  // an account, agents, reports
  CHECK(count >= 5);
  CHECK(largest <= 256 * 1024);
  CHECK_FALSE(RegistryPages(w.east.registry, told).next());  // told already
}

TEST_CASE("pair: reports and alarms of the partner hold nothing but their fields") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  vault::pb::Told told;
  told.set_id(to_string(id.view()));
  told.set_received_ns(w.clock.wall().time_since_epoch().count());
  CHECK(w.east.registry.merge(padded(told, 60'000)));
  CHECK(w.east.disk.content("/data/registry/told/" + id.hex()).size() < 500);
  vault::pb::Alarm alarm;
  alarm.set_id(to_string(id.view()));
  alarm.set_changed_ns(5);
  alarm.add_job("etc");
  CHECK(w.east.registry.merge(padded(alarm, 60'000)));
  CHECK(w.east.disk.content("/data/registry/alarms/" + id.hex()).size() < 500);
  alarm.set_changed_ns(6);
  alarm.set_job(0, std::string(60'000, 'j'));
  CHECK_FALSE(w.east.registry.merge(alarm));
  alarm.set_job(0, "line\nbreak");
  CHECK_FALSE(w.east.registry.merge(alarm));
  alarm.clear_job();
  for (int i = 0; i < 101; ++i) alarm.add_job("job " + std::to_string(1000 + i));
  CHECK_FALSE(w.east.registry.merge(alarm));
}

TEST_CASE("pair: what the partner denies comes back with an agent's record that was lost, in one page and in an answer") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  w.exchange();
  w.west.registry.set_revoked(id, true);
  w.exchange();
  REQUIRE(w.east.revoked(id));
  w.east.disk.remove(w.east.agent_file(id));
  ToldEntries told;
  RegistryPages pages{w.west.registry, told};
  while (auto const next = pages.next()) merge_page(w.east.registry, *next);
  CHECK(w.east.keys(id) == "a");
  CHECK(w.east.revoked(id));

  // However another program orders them.
  w.east.disk.remove(w.east.agent_file(id));
  wire::pb::SyncRegistry page;
  auto words = w.west.registry.words_on(kAgentEntry, to_string(id.view()));
  REQUIRE(words.size() == 2);
  std::sort(words.begin(), words.end(), [&](auto const& a, auto const&) { return a.author() == text_of(w.ids.west.id()); });
  for (auto const& word : words) *page.add_entry() = word;
  merge_page(w.east.registry, page);
  CHECK(w.east.revoked(id));

  w.east.flip(w.east.agent_file(id), 40);
  merge_page(w.east.registry, merge_page(w.west.registry, *wanted_page(w.east.registry)));
  CHECK(w.east.keys(id) == "a");
  CHECK(w.east.revoked(id));
}

TEST_CASE("registry: this server's own word is not rewritten by whoever has its key and speaks with the partner") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  w.exchange();
  auto evil = *w.east.registry.agent(id);
  evil.clear_key();
  evil.add_key(std::string(32, 'm'));
  evil.set_version(900);
  auto const forged = w.word(w.ids.east, evil);  // with the stolen key of this very server
  REQUIRE(w.west.registry.take(forged) == Taken::changed);
  CHECK(w.west.keys(id) == "m");
  w.exchange();
  CHECK(w.east.keys(id) == "a");
  REQUIRE(w.east.registry.refused());
  CHECK(w.east.registry.refused()->why().find("take-back") != std::string::npos);
}

TEST_CASE("registry: what was signed with a key that the root took back is undone on both sides") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  w.exchange();
  auto evil = *w.east.registry.agent(id);
  evil.clear_key();
  evil.add_key(std::string(32, 'm'));
  evil.set_version(60'000);
  REQUIRE(w.west.registry.take(w.word(w.ids.east, evil)) == Taken::changed);
  evil.set_version(120'000);
  REQUIRE(w.west.registry.take(w.word(w.ids.east, evil)) == Taken::changed);

  w.clock.pass(1h);
  wire::pb::RootWord word;
  word.set_serial(1);
  auto* revoked = word.add_revoked();
  revoked->set_key(to_string(w.ids.east.chain()[0].public_key()->view()));
  revoked->set_since_ns(w.clock.wall().time_since_epoch().count());
  auto const signed_word = wire::sign_root_word(word, w.ids.east.root_authority()->key()).SerializeAsString();
  auto const stolen = Identity::load(w.ids.east_disk, "/data");
  w.ids.east.renew_server_key(w.ids.east_disk, "/data", w.clock.wall(), w.east.random);
  for (auto* side : {&w.east, &w.west}) side->registry.set_root_word(signed_word);
  w.clock.pass(1h);
  // What the thief signs from now on counts nowhere, whatever is restored there.
  evil.set_version(120'001);
  CHECK(w.west.registry.take(w.word(stolen, evil)) == Taken::refused);
  w.east.registry.take_back("restored");
  CHECK(w.east.registry.take(w.word(stolen, evil)) == Taken::refused);
  // At its next start this server signs its words anew, and over what was forged.
  CHECK(w.east.registry.to_adopt().size() == 1);  // the account; its word on the agent it said again above what came
  w.east.registry.adopt(w.east.registry.to_adopt(), w.ids.east.id());
  CHECK(w.east.registry.to_adopt().empty());
  w.exchange();
  w.exchange();
  CHECK(w.east.keys(id) == "a");
  CHECK(w.west.keys(id) == "a");
  // And they come back where they rot.
  w.east.flip(w.east.agent_file(id), 40);
  w.exchange();
  CHECK(w.east.keys(id) == "a");
}

TEST_CASE("registry: this server's own words come back after its operator said that an older state was put in place, and no denial is lost") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  w.exchange();
  auto const old = *read_file(w.east.disk, w.east.agent_file(id), 1 << 20);
  w.east.enrol(w.account, 'b', id);
  auto const lost = w.east.enrol(w.account, 'l');
  w.exchange();
  write_file_atomically(w.east.disk, w.east.agent_file(id), old);
  w.east.disk.remove(w.east.agent_file(lost));
  w.east.registry.set_revoked(id, true);  // before it hears of what it forgot
  w.exchange();
  CHECK(w.east.keys(id) == "a");
  CHECK(w.east.keys(lost) == "l");  // nothing was here that could be forged
  w.east.registry.take_back("restored from last night's backup");
  w.exchange();
  w.exchange();
  for (auto* side : {&w.east, &w.west}) {
    CHECK(side->keys(id) == "b");
    CHECK(side->revoked(id));
    CHECK(side->keys(lost) == "l");
  }
}

TEST_CASE("registry: agents of a partner that was replaced are at home here") {
  Pair w;
  auto const id = w.west.enrol(AccountId::from(w.west.registry.add_account("west", 0).id()).value(), 'a');
  w.exchange();
  REQUIRE(w.east.keys(id) == "a");
  vault::pb::Partner next;
  next.set_server_id(std::string(16, 'n'));
  w.east.registry.set_partner(next);
  w.east.registry.adopt(w.east.registry.to_adopt(), w.ids.east.id());
  CHECK(w.east.keys(id) == "a");
  CHECK(w.east.registry.agent(id)->home() == text_of(w.ids.east.id()));
  CHECK(w.east.registry.words_on(kAgentEntry, to_string(id.view())).size() == 1);
}

TEST_CASE("registry file: what helps is said of each kind as it is: no partner has a token, or this server's word on who its partner is") {
  CHECK(what_helps("agents/00").find("partner that has it heals it") != std::string::npos);
  for (auto const* name : {"tokens/00", "partner", "partner.copy", "mirror", "seen/00"}) {
    CAPTURE(name);
    CHECK(what_helps(name).find("heals") == std::string::npos);
  }
  CHECK(what_helps("tokens/00").find("create a new one") != std::string::npos);
  CHECK(what_helps("partner").find("partner.copy") != std::string::npos);
  CHECK(what_helps("root-word.copy").find("the other copy counts") != std::string::npos);
}

TEST_CASE("registry file: any bytes, cut or flipped, are damaged or of the first version, never another payload") {
  auto const file = registry_file(as_bytes("payload"));
  CHECK(as_text(registry_payload(file)->bytes) == "payload");
  CHECK(hex(ByteView{registry_file(as_bytes("\x0a\x01" "a"))}.first(16)) == "fa0104464b473182" "02030a01618a0210");
  for (std::size_t i = 0; i < file.size(); ++i) {
    auto bad = file;
    bad[i] ^= 1;
    CHECK(registry_payload(bad).has_error());
    if (i >= 7) CHECK(registry_payload(ByteView{file}.first(i)).has_error());
    else CHECK_FALSE(registry_payload(ByteView{file}.first(i))->sealed);
  }
  auto const large = Buffer(70'000, 7);
  CHECK(to_buffer(registry_payload(registry_file(large))->bytes) == large);
  CHECK_FALSE(registry_payload({})->sealed);
}

TEST_CASE("registry file: whatever bytes lie in a file of the first version, or behind a right checksum, are read as damaged or as something that can be asked") {
  Pair w;
  auto const id = w.east.enrol(w.account, 'a');
  w.exchange();
  w.west.registry.set_revoked(id, true);
  w.exchange();
  auto const text = to_string(id.view()), self = text_of(w.ids.east.id());
  auto const payload = to_buffer(registry_payload(*read_file(w.east.disk, w.east.agent_file(id), 1 << 20))->bytes);
  auto const first_version = to_buffer(as_bytes(w.east.registry.agent(id)->SerializeAsString()));
  std::size_t read = 0, damaged = 0;
  std::uint32_t state = 1;  // a small generator: the same bytes on every run
  auto const next = [&state](std::size_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
  };
  for (int i = 0; i < 4000; ++i) {
    bool const sealed = i % 2 == 0;
    auto bytes = sealed ? payload : first_version;
    for (std::size_t n = next(4); n > 0; --n) bytes.at(next(bytes.size())) = static_cast<std::uint8_t>(next(256));
    if (next(5) == 0) bytes.resize(next(bytes.size()));
    auto const known = parse_known_agent(sealed ? registry_file(bytes) : bytes, text, self);
    ++(known ? read : damaged);
    if (!known) continue;
    CHECK(settled(*known, self).id() == text);
    CHECK(own_word(*known, self).id() == text);
    CHECK(taken_over(*known, self, self).home() == self);
  }
  CHECK(read > 100);
  CHECK(damaged > 100);
}

TEST_CASE("names: what enters is well-formed text without control characters") {
  CHECK(is_name("Büro 7", 64));
  CHECK_FALSE(is_name("", 64));
  CHECK_FALSE(is_name("caf\xe9", 64));       // Latin-1
  CHECK_FALSE(is_name("a\xc2\x9b" "31m", 64));  // a C1 control
  CHECK_FALSE(is_name("a\x7f", 64));
  CHECK_FALSE(is_name(std::string(65, 'x'), 64));
  CHECK(printable_name("caf\xe9", 64) == "caf ");
  CHECK(printable_name("a\xc2\x9b" "b\n", 64) == "a  b ");
  CHECK(printable_name("xxä", 3) == "xx");
  Pair w;
  CHECK(errc_of([&] { w.east.registry.add_account("caf\xe9", 0); }) == Errc::usage);
  CHECK(w.east.registry.accounts().size() == 1);
}
