#include <catch2/catch.hpp>

#include "unit/vault/serve_world.hpp"
#include "vault/layout.hpp"
#include "vault/receipts.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

namespace {

struct SessionServer {
  Planet planet;
  std::unique_ptr<DataCentre> centre = first_centre(planet, "10.0.0.2");
  SessionServer() { centre->start(); }
};

task<void> do_nothing(Peer&) { co_return; }

}  // namespace

TEST_CASE("session: register, back up with everything pipelined, list, and read it all back") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  CHECK(agent.chain[0].name()->agent == agent.agent);
  REQUIRE(agent.run(*w.centre, 1000, 30) == Errc{});

  std::size_t snapshots = 0, bytes = 0, missing = 0;
  bool held = false;
  auto const read = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    auto const page = co_await peer.call<msg::SnapshotPage>(Verb::snapshots, msg::Snapshots{});
    snapshots = static_cast<std::size_t>(page.snapshot_size());
    auto const receipt = wire::verify_receipt(page.snapshot(0).receipt(), w.centre->identity().root());
    held = receipt && receipt->sequence() == 1 && Manifest::parse(as_bytes(page.snapshot(0).manifest())).has_value();
    msg::Get question;
    std::vector<ObjectId> const wanted{object(1000), object(1001), object(1010), object(1039), object(5)};
    question.set_ids(wire::to_field(wanted));
    auto answer = co_await peer.send(Verb::get, wire::to_head(question));
    for (;;) {
      auto frame = co_await answer.next();
      if (!frame) break;
      bytes += frame->body.size();
      auto const got = wire::parse_message<msg::Got>(frame->head);
      missing += got->missing().size() / 32;
    }
  };
  CHECK(agent.client.with(*w.centre, read) == Errc{});
  CHECK(snapshots == 1);
  CHECK(held);
  CHECK(bytes == node(1000, {1001}).size() + SmallSnapshot(1000, 1, Digest{}, 30).records[30].size() + 2 * chunk(1).size());
  CHECK(missing == 1);
}

TEST_CASE("session: a commit answers with what is missing, and is accepted when that has come") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const manifest = agent.manifest(50);
  std::string missing;
  bool done = false;
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> first{envelope(), node(50, {51})};
    auto answer = co_await TestAgent::put(peer, std::move(first));
    auto const refused = co_await TestAgent::commit(peer, manifest);
    missing = refused.missing();
    std::vector<Buffer> second{chunk(51)};
    auto rest = co_await TestAgent::put(peer, std::move(second));
    auto const accepted = co_await TestAgent::commit(peer, manifest);
    auto const again = co_await TestAgent::commit(peer, manifest);
    done = accepted.has_receipt() && again.receipt().SerializeAsString() == accepted.receipt().SerializeAsString();
    co_await answer.only();
    co_await rest.only();
  };
  CHECK(agent.client.with(*w.centre, work) == Errc{});
  CHECK(missing == to_string(object(51).view()));
  CHECK(done);
}

TEST_CASE("session: a commit that takes minutes is waited for, because the server says that it is at work") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const manifest = agent.manifest(50);
  bool done = false;
  std::chrono::nanoseconds took{0};
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{envelope(), node(50, {51}), chunk(51)};
    auto answer = co_await TestAgent::put(peer, std::move(records));
    co_await answer.only();
    w.planet.workers.each = 2 * limits::kProgressTimeout;
    auto const start = w.planet.timers.now();
    auto const accepted = co_await TestAgent::commit(peer, manifest);
    took = w.planet.timers.now() - start;
    done = accepted.has_receipt();
    w.planet.workers.each = 0ns;
  };
  CHECK(agent.client.with(*w.centre, work) == Errc{});
  CHECK(done);
  CHECK(took >= 2 * limits::kProgressTimeout);
}

TEST_CASE("session: a disk that hangs is not at work for ever") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const manifest = agent.manifest(50);
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{envelope(), node(50, {51}), chunk(51)};
    auto answer = co_await TestAgent::put(peer, std::move(records));
    co_await answer.only();
    w.planet.workers.each = 5h;
    co_await TestAgent::commit(peer, manifest);
  };
  CHECK(agent.client.with(*w.centre, work) == Errc::timed_out);
}

TEST_CASE("session: nothing is served before hello, and the connection ends") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  Errc second{};
  auto const work = [&](Peer& peer) -> task<void> {
    Errc first{};
    try {
      co_await TestAgent::open(peer);
    } catch (const failure& e) {
      first = classify(e.code());
    }
    CHECK(first == Errc::protocol);
    co_await w.planet.timers.sleep(1s);
    try {
      co_await Client::hello(peer);
    } catch (const failure& e) {
      second = classify(e.code());
    }
  };
  agent.client.with(*w.centre, work, false);
  CHECK(second == Errc::disconnected);
}

TEST_CASE("session: a vault's verbs before open, and a second hello, are refused") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  CHECK(agent.client.with(*w.centre, [](Peer& peer) -> task<void> { co_await peer.call<msg::Slots>(Verb::slots, msg::GetSlots{}); }) == Errc::protocol);
  CHECK(agent.client.with(*w.centre, [](Peer& peer) { return Client::hello(peer); }) == Errc::protocol);
}

TEST_CASE("session: no version in common names what the server speaks") {
  SessionServer w;
  Client stranger{w.planet, "10.1.0.9", PeerIdentity{}, {}, {}};
  auto const work = [](Peer& peer) -> task<void> {
    msg::Hello hello;
    hello.set_version_min(2);
    hello.set_version_max(9);
    co_await peer.call<msg::HelloReply>(Verb::hello, hello);
  };
  CHECK(stranger.with(*w.centre, work, false) == Errc::unsupported_version);
  CHECK(stranger.failed_text.find("version 1") != std::string::npos);
}

TEST_CASE("session: whoever is refused for a certificate of another time hears what the server's clock says") {
  SessionServer w;
  Client late{w.planet, "10.1.0.9", PeerIdentity{}, {}, {}};
  late.who.untimely = "expired";
  auto const nothing = [](Peer&) -> task<void> { co_return; };
  CHECK(late.with(*w.centre, nothing) == Errc::identity);
  REQUIRE(late.their_time);
  CHECK(*late.their_time <= w.planet.clock.wall());
  CHECK(w.planet.clock.wall() - *late.their_time < 1min);
}

TEST_CASE("session: an agent cannot open another agent's vault, by id or by account") {
  SessionServer w;
  TestAgent victim{w.planet}, thief{w.planet, "10.1.0.2"};
  REQUIRE(victim.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  REQUIRE(thief.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  REQUIRE(victim.run(*w.centre, 100) == Errc{});
  msg::OpenVault question;
  question.set_agent(to_string(victim.agent.view()));
  auto const work = [&](Peer& peer) -> task<void> { co_await peer.call<msg::VaultState>(Verb::open, question); };
  CHECK(thief.client.with(*w.centre, work) == Errc::unauthorised);
  question.set_account(to_string(victim.account.view()));
  CHECK(thief.client.with(*w.centre, work) == Errc::unauthorised);
  question.clear_agent();
  question.set_account("x");
  CHECK(thief.client.with(*w.centre, work) == Errc::unauthorised);
  question.set_account(to_string(thief.account.view()));
  question.set_agent(to_string(thief.agent.view()));
  CHECK(thief.client.with(*w.centre, work) == Errc{});
}

TEST_CASE("session: a manifest signed for another agent, or by another key, makes no snapshot") {
  SessionServer w;
  TestAgent victim{w.planet}, thief{w.planet, "10.1.0.2"};
  REQUIRE(victim.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  REQUIRE(thief.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const stolen = victim.manifest(100);
  CHECK(thief.client.with(*w.centre, [&](Peer& peer) { return thief.back_up(peer, 100, 3, stolen); }) == Errc::identity);
  std::swap(thief.agent, victim.agent);  // signs with its own key what claims to be the victim's
  auto const forged = thief.manifest(100);
  std::swap(thief.agent, victim.agent);
  CHECK(thief.client.with(*w.centre, [&](Peer& peer) { return thief.back_up(peer, 100, 3, forged); }) != Errc{});
  CHECK(w.centre->snapshots(victim.account, victim.agent).empty());
}

TEST_CASE("session: tokens that are wrong, used up or of another account's agent register nobody") {
  SessionServer w;
  auto const token = w.centre->token("acme");
  TestAgent first{w.planet}, second{w.planet}, third{w.planet};
  CHECK(first.enrol(*w.centre, std::string(32, 'x')) == Errc::bad_token);
  CHECK(first.enrol(*w.centre, "") == Errc::bad_token);
  CHECK(first.enrol(*w.centre, token) == Errc{});
  CHECK(second.enrol(*w.centre, token) == Errc::bad_token);
  CHECK(second.client.failed_text.find("used up") != std::string::npos);
  CHECK(third.enrol(*w.centre, w.centre->token("other"), first.agent) == Errc::bad_token);
  auto const late = w.centre->token("acme");
  w.planet.pass(25h);
  CHECK(third.enrol(*w.centre, late) == Errc::bad_token);
  CHECK(third.client.failed_text.find("expired") != std::string::npos);
}

TEST_CASE("session: a token that is refused again and again has to wait, its neighbours behind the same address do not") {
  SessionServer w;
  TestAgent confused{w.planet}, neighbour{w.planet}, other{w.planet, "10.1.0.2"};
  auto const good = w.centre->token("acme", 2);
  for (int i = 0; i < 10; ++i) CHECK(confused.enrol(*w.centre, std::string(32, 'x')) == Errc::bad_token);
  CHECK(confused.enrol(*w.centre, std::string(32, 'x')) == Errc::busy);
  CHECK(confused.client.retry_after > 0s);
  CHECK(confused.client.retry_after <= 60s);
  CHECK(neighbour.enrol(*w.centre, good) == Errc{});
  CHECK(other.enrol(*w.centre, good) == Errc{});
  w.planet.pass(60s);
  CHECK(confused.enrol(*w.centre, std::string(32, 'x')) == Errc::bad_token);
}

TEST_CASE("session: whoever guesses tokens waits for each guess, a good one among them is taken all the same") {
  SessionServer w;
  TestAgent guesser{w.planet}, neighbour{w.planet};
  auto const good = w.centre->token("acme", 1);
  auto const guess = [&](int i) {
    auto const before = w.planet.timers.now();
    CHECK(guesser.enrol(*w.centre, std::string(32, static_cast<char>('a' + i))) == Errc::bad_token);
    return w.planet.timers.now() - before;
  };
  for (int i = 0; i < 10; ++i) CHECK(guess(i) < 1s);
  for (int i = 10; i < 13; ++i) CHECK(guess(i) >= 2s);
  CHECK(neighbour.enrol(*w.centre, good) == Errc{});
}

TEST_CASE("session: guesses that wait side by side on one connection are looked at one after the other") {
  SessionServer w;
  Client guesser{w.planet, "10.1.0.1", PeerIdentity{}, {}, {}};
  auto const before = w.planet.timers.now();
  int refused = 0;
  auto const guess = [&](Peer& peer) -> task<void> {
    msg::Register question;
    question.set_csr(to_string(CertificateRequest::make(SigningKey::generate(w.planet.random)).der()));
    question.set_name("host");
    std::vector<Answer> answers;
    for (int i = 0; i < 20; ++i) {
      question.set_token(std::string(32, static_cast<char>('a' + i)));
      auto answer = co_await peer.send(Verb::register_agent, wire::to_head(question), Buffer{});
      answers.push_back(std::move(answer));
    }
    for (auto& answer : answers) {
      try {
        co_await answer.only();
      } catch (const wire::Refusal& e) {
        if (classify(e.code()) == Errc::bad_token) ++refused;
      }
    }
  };
  CHECK(guesser.with(*w.centre, guess) == Errc{});
  CHECK(refused == 20);
  CHECK(w.planet.timers.now() - before >= 20s);
}

TEST_CASE("session: a revoked agent, a retired key and an unknown agent are turned away at hello") {
  SessionServer w;
  TestAgent agent{w.planet}, heir{w.planet, "10.1.0.2"};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  w.centre->registry().set_revoked(agent.agent, true);
  CHECK(agent.client.with(*w.centre, do_nothing) == Errc::unauthorised);
  w.centre->registry().set_revoked(agent.agent, false);
  CHECK(agent.client.with(*w.centre, do_nothing) == Errc{});

  REQUIRE(heir.enrol(*w.centre, w.centre->token("acme", 1, agent.agent), agent.agent) == Errc{});
  CHECK(heir.agent == agent.agent);
  CHECK(agent.client.with(*w.centre, do_nothing) == Errc::unauthorised);
  CHECK(agent.client.failed_text.find("recovered") != std::string::npos);
  CHECK(heir.client.with(*w.centre, do_nothing) == Errc{});

  // Certified by an issuing key that leaked: chain and all, but the registry never heard of it.
  Client invented{w.planet, "10.1.0.3", PeerIdentity::of_agent(agent.account, w.planet.random.id<AgentId>()), {}, {}};
  CHECK(invented.with(*w.centre, do_nothing) == Errc::busy);
  auto const forged_key = SigningKey::generate(w.planet.random);
  invented.who = PeerIdentity::of_agent(heir.account, heir.agent);
  invented.who.certificate = w.centre->identity().issuing().issue_agent(CertificateRequest::make(forged_key), heir.account, heir.agent,
                                                                        Validity::starting(w.planet.clock.wall(), 24h), w.planet.random).der();
  CHECK(invented.with(*w.centre, do_nothing) == Errc::unauthorised);
}

namespace {

// What of all that a vault's agent may ask is still answered.
task<void> try_everything(Peer& peer, TestAgent& agent, std::string manifest, std::vector<std::string>& answered, Errc& first) {
  auto const note = [&](std::string what, Errc error) {
    if (error == Errc{}) answered.push_back(std::move(what));
    else if (first == Errc{}) first = error;
  };
  Errc error{};
  try {
    co_await TestAgent::commit(peer, std::move(manifest));
  } catch (const failure& e) {
    error = classify(e.code());
  }
  note("commit", std::exchange(error, Errc{}));
  try {
    co_await peer.call<msg::Slots>(Verb::slots, msg::GetSlots{});
  } catch (const failure& e) {
    error = classify(e.code());
  }
  note("slots", std::exchange(error, Errc{}));
  try {
    msg::Renew question;
    question.set_csr(to_string(CertificateRequest::make(agent.key).der()));
    co_await peer.call<msg::Renewed>(Verb::renew, question);
  } catch (const failure& e) {
    error = classify(e.code());
  }
  note("renew", std::exchange(error, Errc{}));
}

}  // namespace

TEST_CASE("session: revoking ends what is open, also when a command does it beside the server") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.centre, 1000) == Errc{});
  auto const manifest = agent.manifest(1000);
  std::vector<std::string> answered;
  Errc first{};
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    w.centre->registry().set_revoked(agent.agent, true);  // another object over the same files: as a command is
    co_await w.planet.timers.sleep(1s);
    co_await try_everything(peer, agent, manifest, answered, first);
  };
  agent.client.with(*w.centre, work);
  CHECK(answered.empty());
  CHECK(first == Errc::unauthorised);
  CHECK(w.centre->snapshots(agent.account, agent.agent).size() == 1);
}

TEST_CASE("session: a recovery ends what the old key has open") {
  SessionServer w;
  TestAgent agent{w.planet}, heir{w.planet, "10.1.0.2"};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.centre, 1000) == Errc{});
  auto const manifest = agent.manifest(1000);
  auto const token = w.centre->token("acme", 1, agent.agent);
  std::vector<std::string> answered;
  Errc first{};
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    Registry::Enrolment order;
    order.token = token;
    order.key = to_string(heir.key.public_key().view());
    order.recover = agent.agent;
    w.centre->registry().enrol(order);
    co_await w.planet.timers.sleep(1s);
    co_await try_everything(peer, agent, manifest, answered, first);
  };
  agent.client.with(*w.centre, work);
  CHECK(answered.empty());
  CHECK(first == Errc::unauthorised);
}

TEST_CASE("session: an agent that is revoked while its commit lasts gets no receipt") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const manifest = agent.manifest(50);
  Errc error{};
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{envelope(), node(50, {51}), chunk(51)};
    auto answer = co_await TestAgent::put(peer, std::move(records));
    co_await answer.only();
    msg::Commit question;
    question.set_manifest(manifest);
    w.planet.workers.each = 10s;
    auto committing = co_await peer.send(Verb::commit, wire::to_head(question));
    co_await w.planet.timers.sleep(15s);  // past the look at its beginning
    w.centre->registry().set_revoked(agent.agent, true);
    try {
      for (bool more = true; more;) {
        auto const frame = co_await committing.next();
        more = frame.has_value();
      }
    } catch (const failure& e) {
      error = classify(e.code());
    }
    w.planet.workers.each = 0ns;
  };
  agent.client.with(*w.centre, work);
  CHECK(error == Errc::unauthorised);
  CHECK(w.centre->snapshots(agent.account, agent.agent).empty());
}

TEST_CASE("session: a partner that was replaced may do nothing more on its open connection") {
  SessionServer w;
  auto const first = w.planet.random.id<ServerId>(), second = w.planet.random.id<ServerId>();
  vault::pb::Partner partner;
  partner.set_server_id(to_string(first.view()));
  w.centre->registry().set_partner(partner);
  Client server{w.planet, "10.0.0.9", PeerIdentity::of_server(first), {}, {}};
  auto const work = [&](Peer& peer) -> task<void> {
    co_await peer.call<msg::VaultList>(Verb::vaults, msg::ListVaults{});
    partner.set_server_id(to_string(second.view()));
    w.centre->registry().set_partner(partner);
    co_await w.planet.timers.sleep(1s);
    co_await peer.call<msg::VaultList>(Verb::vaults, msg::ListVaults{});
  };
  CHECK(server.with(*w.centre, work) == Errc::unauthorised);
}

TEST_CASE("session: the recovery key hands a vault over without a token, a signature of something else does not") {
  SessionServer w;
  auto const recovery = SigningKey::generate(w.planet.random);
  TestAgent agent{w.planet};
  msg::Register question;
  question.set_token(w.centre->token("acme"));
  question.set_csr(to_string(CertificateRequest::make(agent.key).der()));
  question.set_recovery_key(to_string(recovery.public_key().view()));
  std::string id;
  auto const work = [&](Peer& peer) -> task<void> {
    auto const answer = co_await peer.call<msg::Registered>(Verb::register_agent, question);
    id = answer.agent();
  };
  Client stranger{w.planet, "10.1.0.9", PeerIdentity{}, {}, {}};
  REQUIRE(stranger.with(*w.centre, work) == Errc{});
  auto const first = id;

  auto const fresh = SigningKey::generate(w.planet.random);
  question.clear_token();
  question.set_csr(to_string(CertificateRequest::make(fresh).der()));
  question.set_recover_agent(first);
  question.set_recovery_signature(to_string(recovery.sign(as_bytes("farkeep/1/recover" + first))));
  CHECK(stranger.with(*w.centre, work) == Errc::bad_token);
  question.set_recovery_signature(to_string(recovery.sign(as_bytes("farkeep/1/recover" + first + question.csr()))));
  CHECK(stranger.with(*w.centre, work) == Errc{});
  CHECK(id == first);
  CHECK(w.centre->registry().agent(*AgentId::from(first))->key(0) == as_text(fresh.public_key().view()));
}

TEST_CASE("session: renewing certifies the same key anew and no other") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  w.planet.pass(48h);
  msg::Renew question;
  question.set_csr(to_string(CertificateRequest::make(agent.key).der()));
  Buffer renewed;
  auto const work = [&](Peer& peer) -> task<void> {
    auto const answer = co_await peer.call<msg::Renewed>(Verb::renew, question);
    renewed = to_buffer(as_bytes(answer.chain(0)));
  };
  CHECK(agent.client.with(*w.centre, work) == Errc{});
  CHECK(Certificate::from_der(renewed)->not_after() > agent.chain[0].not_after());
  question.set_csr(to_string(CertificateRequest::make(SigningKey::generate(w.planet.random)).der()));
  CHECK(agent.client.with(*w.centre, work) == Errc::unauthorised);
}

TEST_CASE("session: a server that is not the partner is turned away, and an agent may not ask what servers ask") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  Client other{w.planet, "10.0.0.9", PeerIdentity::of_server(w.planet.random.id<ServerId>()), {}, {}};
  CHECK(other.with(*w.centre, do_nothing) == Errc::unauthorised);
  CHECK(agent.client.with(*w.centre, [](Peer& peer) -> task<void> { co_await peer.call<msg::VaultList>(Verb::vaults, msg::ListVaults{}); }) == Errc::unauthorised);
  CHECK(agent.client.with(*w.centre, [](Peer& peer) -> task<void> { co_await peer.call<msg::SyncRegistry>(Verb::registry, msg::SyncRegistry{}); }) == Errc::unauthorised);
}

TEST_CASE("session: a put whose body is not what it announces, and ids that are none, end the connection") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  for (int kind = 0; kind < 4; ++kind) {
    auto const work = [&](Peer& peer) -> task<void> {
      co_await TestAgent::open(peer);
      msg::Put head;
      head.set_records(kind == 0 ? 2 : 1);
      Buffer body = envelope();
      if (kind == 1) body.pop_back();
      if (kind == 2) body.push_back(0);
      if (kind < 3) {
        co_await peer.ask(Verb::put, wire::to_head(head), std::move(body));
      } else {
        msg::Have have;
        have.set_ids("123");
        co_await peer.call<msg::HaveReply>(Verb::have, have);
      }
    };
    CAPTURE(kind);
    CHECK(agent.client.with(*w.centre, work) == Errc::malformed);
  }
}

TEST_CASE("session: key slots are kept, once each, and not without end") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  int stored = 0;
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    for (int i = 0; i < 31; ++i) {
      msg::AddSlot question;
      question.set_slot("slot " + std::to_string(i % 2 == 0 ? i : i - 1));
      co_await peer.call<msg::Done>(Verb::add_slot, question);
    }
    auto const slots = co_await peer.call<msg::Slots>(Verb::slots, msg::GetSlots{});
    stored = slots.slot_size();
    for (int i = 100; i < 200; ++i) {
      msg::AddSlot question;
      question.set_slot("slot " + std::to_string(i));
      co_await peer.call<msg::Done>(Verb::add_slot, question);
    }
  };
  CHECK(agent.client.with(*w.centre, work) == Errc::quota);
  CHECK(stored == 16);
}

TEST_CASE("session: a page of snapshots fits a frame, whatever sizes an agent gave its manifests") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  std::vector<std::size_t> pages;
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{envelope(), node(50, {})};
    auto answer = co_await TestAgent::put(peer, std::move(records));
    co_await answer.only();
    // Three that end just below three quarters of a frame, and the largest that there is.
    std::size_t receipts = 0;
    for (int i = 0; i < 4; ++i) {
      std::size_t const size = i == 2 ? 768 * limits::kKiB - 100 - 2 * 261500 - 3 * receipts : i == 3 ? limits::kMaxManifest : 261500;
      auto manifest = agent.manifest_of_size(50, size);
      auto const committed = co_await TestAgent::commit(peer, std::move(manifest));
      receipts = committed.receipt().ByteSizeLong();
    }
    msg::Snapshots question;
    for (bool more = true; more;) {
      auto const page = co_await peer.call<msg::SnapshotPage>(Verb::snapshots, question);
      pages.push_back(static_cast<std::size_t>(page.snapshot_size()));
      question.set_after(question.after() + pages.back());
      more = page.more() && pages.size() < 10;
    }
  };
  CHECK(agent.client.with(*w.centre, work) == Errc{});
  CHECK(pages == std::vector<std::size_t>{3, 1});
}

TEST_CASE("session: connections that hold their vaults open, more than may be open, keep nobody out") {
  Planet planet;
  auto centre = first_centre(planet, "10.0.0.2");
  centre->settings().vaults.most_open = 2;
  centre->start();
  auto const token = centre->token("acme", 10);
  std::vector<std::unique_ptr<TestAgent>> agents;
  for (int i = 0; i < 4; ++i) {
    agents.push_back(std::make_unique<TestAgent>(planet));
    REQUIRE(agents.back()->enrol(*centre, token) == Errc{});
  }
  TestAgent honest{planet, "10.1.0.9"};
  REQUIRE(honest.enrol(*centre, token) == Errc{});
  // One inside the other: all of them are connected when the honest one comes, and each can go on afterwards.
  Errc result{Errc::io};
  std::function<task<void>(Peer&, std::size_t)> const hold = [&](Peer& peer, std::size_t i) -> task<void> {
    co_await TestAgent::open(peer);
    bool inner_done = false;
    auto const inside = [&, i]() -> task<void> {
      if (i + 1 < agents.size()) {
        auto const next = [&, i](Peer& p) { return hold(p, i + 1); };
        co_await agents[i + 1]->client.join(*centre, next);
      } else {
        auto const manifest = honest.manifest(1000);
        auto const work = [&](Peer& p) { return honest.back_up(p, 1000, 5, manifest); };
        co_await honest.client.join(*centre, work);
        result = Errc{};
      }
      inner_done = true;
    };
    co_await inside();
    msg::Have question;
    question.set_ids(to_string(object(1).view()));
    co_await peer.call<msg::HaveReply>(Verb::have, question);
    CHECK(inner_done);
  };
  auto const first = [&](Peer& p) { return hold(p, 0); };
  CHECK(agents[0]->client.with(*centre, first) == Errc{});
  CHECK(result == Errc{});
  centre->stop();
}

TEST_CASE("session: records that follow their envelope find it also when the vault was closed meanwhile") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const manifest = agent.manifest(50);
  bool committed = false;
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> first{envelope()};
    auto answer = co_await TestAgent::put(peer, std::move(first));
    co_await answer.only();
    co_await w.planet.timers.sleep(20min);
    CHECK(w.centre->server().vaults().open_count() == 0);
    std::vector<Buffer> second{node(50, {51})}, third{chunk(51)};
    auto one = co_await TestAgent::put(peer, std::move(second));
    auto two = co_await TestAgent::put(peer, std::move(third));
    auto const done = co_await TestAgent::commit(peer, manifest);
    committed = done.has_receipt();
    co_await one.only();
    co_await two.only();
  };
  CHECK(agent.client.with(*w.centre, work) == Errc{});
  CHECK(committed);
}

TEST_CASE("session: a second commit on a connection is busy while the first is in service") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const manifest = agent.manifest(50);
  Errc second{};
  bool first_done = false;
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{envelope(), node(50, {})};
    auto answer = co_await TestAgent::put(peer, std::move(records));
    co_await answer.only();
    msg::Commit question;
    question.set_manifest(manifest);
    w.planet.workers.each = 1s;
    auto first = co_await peer.send(Verb::commit, wire::to_head(question));
    co_await w.planet.timers.sleep(1500ms);  // it was found welcome, and reads the catalog now
    w.planet.workers.each = 0s;
    try {
      co_await TestAgent::commit(peer, manifest);
    } catch (const failure& e) {
      second = classify(e.code());
    }
    auto const reply = co_await first.only();
    first_done = wire::parse_message<msg::Committed>(reply.head)->has_receipt();
    auto const again = co_await TestAgent::commit(peer, manifest);
    CHECK(again.has_receipt());
  };
  CHECK(agent.client.with(*w.centre, work) == Errc{});
  CHECK(second == Errc::busy);
  CHECK(first_done);
}

TEST_CASE("session: commits that make no snapshot make nothing durable, and are counted") {
  Planet planet;
  auto centre = first_centre(planet, "10.0.0.2");
  auto kept = std::make_unique<MemoryStore>(planet.random.id<StoreId>());
  MemoryStore& store = *kept;
  centre->use_store(std::move(kept));
  centre->start();
  TestAgent agent{planet}, other{planet};
  REQUIRE(agent.enrol(*centre, centre->token("acme")) == Errc{});
  REQUIRE(other.enrol(*centre, centre->token("acme")) == Errc{});
  auto const old = agent.manifest(1000);
  auto const back_up = [&](Peer& peer) { return agent.back_up(peer, 1000, 3, old); };
  REQUIRE(agent.client.with(*centre, back_up) == Errc{});
  VaultLayout const layout{agent.account, agent.agent};
  auto const segments = [&] { return planet.run(store.list(layout.segments())).size(); };
  planet.pass(2min);
  auto const before = segments();
  std::vector<std::string> const bad{"garbage", old, other.manifest(7), agent.manifest(999)};
  std::map<Errc, int> answers;
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Answer> puts;
    for (std::uint64_t i = 0; i < 30; ++i) {
      std::vector<Buffer> one{chunk(5000 + i)};
      auto answer = co_await TestAgent::put(peer, std::move(one));
      puts.push_back(std::move(answer));
      auto manifest = i == 29 ? bad[3] : bad[i % 3];
      Errc error{};
      try {
        co_await TestAgent::commit(peer, std::move(manifest));
      } catch (const failure& e) {
        error = classify(e.code());
      }
      ++answers[error];
    }
    for (auto& one : puts) co_await one.only();
  };
  CHECK(agent.client.with(*centre, work) == Errc{});
  CHECK(segments() - before <= 1);
  CHECK(answers[Errc::busy] == 10);
  CHECK(answers[Errc{}] == 7);  // the receipt that was given before
  planet.pass(2min);
  CHECK(agent.run(*centre, 6000) == Errc{});
  centre->stop();
}

TEST_CASE("session: a list of vaults that have to be opened first, on a slow disk, is waited for") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.centre, 1000) == Errc{});
  w.centre->stop();
  w.centre->start();
  auto const id = w.planet.random.id<ServerId>();
  vault::pb::Partner partner;
  partner.set_server_id(to_string(id.view()));
  w.centre->registry().set_partner(partner);
  Client server{w.planet, "10.0.0.9", PeerIdentity::of_server(id), {}, {}};
  int vaults = 0;
  std::chrono::nanoseconds took{0};
  auto const work = [&](Peer& peer) -> task<void> {
    w.planet.workers.each = 2 * limits::kProgressTimeout;
    auto const start = w.planet.timers.now();
    auto const list = co_await peer.call<msg::VaultList>(Verb::vaults, msg::ListVaults{});
    vaults = list.vault_size();
    co_await peer.call<msg::SyncRegistry>(Verb::registry, msg::SyncRegistry{});
    took = w.planet.timers.now() - start;
    w.planet.workers.each = 0ns;
  };
  CHECK(server.with(*w.centre, work) == Errc{});
  CHECK(vaults == 1);
  CHECK(took >= 2 * limits::kProgressTimeout);
  w.planet.workers.each = 0ns;
}

TEST_CASE("session: what a disk says stays in the house") {
  auto const [fails, said] = GENERATE(table<Errc, Errc>({{Errc::no_space, Errc::no_space}, {Errc::not_found, Errc::io}, {Errc::exists, Errc::io}}));
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const token = w.centre->token("acme");
  w.centre->disk().fail_after(0, fails, true);
  TestAgent second{w.planet};
  CHECK(second.enrol(*w.centre, token) == said);
  CHECK_FALSE(second.client.failed_text.empty());
  CHECK(second.client.failed_text.find("/data") == std::string::npos);
  w.centre->disk().heal();
  CHECK(second.enrol(*w.centre, token) == Errc{});
}

TEST_CASE("manifests: a mirrored one is believed for the time of its receipt, and for nothing else") {
  SessionServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const bytes = agent.manifest(100);
  auto const now = w.planet.clock.wall();
  auto const& root = w.centre->identity().root();
  msg::Receipt receipt;
  receipt.set_account(to_string(agent.account.view()));
  receipt.set_agent(to_string(agent.agent.view()));
  receipt.set_sequence(1);
  receipt.set_manifest_digest(to_string(agent.previous.view()));
  receipt.set_time_ns(now.time_since_epoch().count());
  CHECK(MirroredManifests(root, receipt).judge(as_bytes(bytes)).has_value());
  auto late = receipt;
  late.set_time_ns((now + 24h * 400).time_since_epoch().count());
  CHECK(MirroredManifests(root, late).judge(as_bytes(bytes)).error() == Errc::identity);
  auto other = receipt;
  other.set_sequence(2);
  CHECK(MirroredManifests(root, other).judge(as_bytes(bytes)).error() == Errc::identity);
  CHECK(AgentManifests(root, agent.key.public_key(), now).judge(as_bytes(bytes)).has_value());
  CHECK(AgentManifests(root, agent.key.public_key(), now + 24h * 400).judge(as_bytes(bytes)).error() == Errc::identity);
  CHECK(AgentManifests(root, SigningKey::generate(w.planet.random).public_key(), now).judge(as_bytes(bytes)).error() == Errc::identity);
}
