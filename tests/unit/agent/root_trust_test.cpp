// What the root says reaches a run that goes on: its next connection, and the session that is open.
#include "agent/root_trust.hpp"

#include <catch2/catch.hpp>

#include "agent/enrol.hpp"
#include "agent/tls_servers.hpp"
#include "async/scope.hpp"
#include "crypto/authority.hpp"
#include "sim/sim_net.hpp"
#include "sim_state.hpp"
#include "transport/peer.hpp"
#include "wire/message.hpp"
#include "wire/root_word.hpp"
#include "wire/signed_document.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

namespace pb = wire::pb;

// Whom a session meets: as much of a server as it asks before its work.
class Greeter final : public Handler {
 public:
  using Renew = std::function<pb::Renewed()>;
  Greeter(ServerId id, const pb::SignedDirectory& says, const Renew& renew) : id_(id), says_(says), renew_(renew) {}
  task<Reply> handle(Request request, Replies&) override {
    if (request.verb == wire::Verb::hello) {
      pb::HelloReply hello;
      hello.set_version(1);
      hello.set_server_id(id_.raw());
      co_return Reply{hello.SerializeAsString()};
    }
    if (request.verb == wire::Verb::directory) co_return Reply{says_.SerializeAsString()};
    if (request.verb == wire::Verb::renew) co_return Reply{renew_().SerializeAsString()};
    co_return Reply{};
  }

 private:
  const ServerId id_;
  const pb::SignedDirectory& says_;
  const Renew& renew_;
};

class SimLine final : public Line {
 public:
  SimLine(sim::SimNet& net, const char* own) : dialer_(net, asio::ip::make_address(own), PeerIdentity{}) {}
  task<std::unique_ptr<Stream>> dial(Endpoint destination) override {
    ++dials;
    return dialer_.dial(std::move(destination));
  }
  void set_max_segment(std::optional<int>) override {}
  LineSymptom symptom() const override { return LineSymptom::none; }
  std::string network(const Endpoint&) const override { return {}; }
  int dials = 0;

 private:
  sim::SimDialer dialer_;
};

struct TrustServer {
  ServerId id;
  SigningKey key, issuing_key;
  std::vector<Certificate> chain;
  std::unique_ptr<sim::SimListener> listener;
  std::unique_ptr<TlsContext> tls;
  Greeter::Renew renew;
};

struct TrustWorld : test::SimState {
  sim::SimNet net{timers, 1};
  Authority root = Authority::make_root(SigningKey::generate(random), clock.wall(), random);
  TrustServer east = server("10.0.0.1"), west = server("10.0.0.2");
  pb::SignedDirectory says;
  AgentCredentials keys = agent();
  SimLine line{net, "10.0.0.9"};
  std::unique_ptr<TlsServers> servers;

  TrustWorld() {
    pb::Directory d;
    d.set_serial(1);
    for (auto* one : {&east, &west}) {
      auto* centre = one == &east ? (d.pair_size() ? d.mutable_pair(0) : d.add_pair())->mutable_primary() : d.mutable_pair(0)->mutable_alternate();
      centre->set_server_id(one->id.raw());
      centre->set_name(one == &east ? "east" : "west");
      centre->add_address(one == &east ? "10.0.0.1:16384" : "10.0.0.2:16384");
    }
    says = wire::sign_directory(d, wire::Signer{east.key, east.chain});
    const std::string bytes = says.SerializeAsString();
    state.set_directory(as_bytes(bytes));
    servers = std::make_unique<TlsServers>(state, keys, root.certificate(), line, timers, clock, TlsServersOptions{});
  }

  Validity lasting() const { return Validity::starting(clock.wall(), 24h * 1000); }
  TrustServer server(const char* address) {
    TrustServer s{random.id<ServerId>(), SigningKey::generate(random), SigningKey::generate(random), {}, nullptr, nullptr, {}};
    const Authority issuing{root.issue_authority(CertificateRequest::make(s.issuing_key), s.id, lasting(), random), SigningKey::from_pem(s.issuing_key.to_pem().text()).value()};
    s.chain = {issuing.issue_server(CertificateRequest::make(s.key), s.id, {}, lasting(), random), issuing.certificate()};
    TlsCredentials c;
    c.certificate_pem = to_pem(s.chain);
    c.key_pem = s.key.to_pem();
    c.authority_pem = root.certificate().pem();
    s.tls = std::make_unique<TlsContext>(c, clock);
    s.listener = std::make_unique<sim::SimListener>(net, *Endpoint::parse(address), PeerIdentity{});
    return s;
  }
  AgentCredentials agent() {
    AgentCredentials k{random.id<AccountId>(), random.id<AgentId>(), "", SigningKey::generate(random), {}};
    k.chain = {certificate_for(k, 24h * 90)};
    return k;
  }
  Certificate certificate_for(const AgentCredentials& k, std::chrono::hours life) {
    return root.issue_agent(CertificateRequest::make(k.signing), k.account, k.agent, Validity::starting(clock.wall(), life), random);
  }
  Greeter::Renew gives(std::chrono::hours life) {
    return [this, life] {
      pb::Renewed reply;
      reply.add_chain(to_string(certificate_for(keys, life).der()));
      return reply;
    };
  }

  pb::SignedRootWord word(std::uint64_t serial, const std::function<void(pb::Revoked&)>& what) {
    pb::RootWord w;
    w.set_serial(serial);
    auto* pair = w.add_pair();
    pair->set_primary(east.id.raw());
    pair->set_alternate(west.id.raw());
    if (what) {
      auto* one = w.add_revoked();
      what(*one);
      one->set_since_ns(clock.wall().time_since_epoch().count());
    }
    return wire::sign_root_word(w, root.key());
  }
  pb::SignedRootWord takes_back_east(std::uint64_t serial = 1) {
    return word(serial, [this](pb::Revoked& r) { r.set_server_id(east.id.raw()); });
  }
  void hear(const pb::SignedRootWord& told) {
    const std::string bytes = told.SerializeAsString();
    state.set_root_word(as_bytes(bytes));
  }

  task<void> serve_one(std::unique_ptr<SecureStream> raw, const TrustServer& server) {
    try {
      std::unique_ptr<Stream> under = std::move(raw);
      std::unique_ptr<SecureStream> stream = co_await server.tls->accept(std::move(under));
      Peer peer(timers, std::move(stream));
      Greeter greeter(server.id, says, server.renew);
      co_await peer.serve(greeter);
    } catch (const failure&) {
    }
  }
  task<void> listen(Scope& scope, const TrustServer& server) {
    for (;;) {
      std::unique_ptr<SecureStream> raw = co_await server.listener->accept();
      scope.spawn(serve_one(std::move(raw), server), "serving");
    }
  }
  task<void> beside(task<void> work, Scope& scope) {
    co_await std::move(work);
    scope.cancel();
  }
  task<void> all(task<void> work) {
    Scope scope(co_await asio::this_coro::executor);
    scope.spawn(listen(scope, east), "east");
    scope.spawn(listen(scope, west), "west");
    scope.spawn(beside(std::move(work), scope), "work");
    co_await scope.join();
  }

  // A session with the first or the second of the pair.
  Errc session(std::size_t which, Servers::Work work) {
    text.clear();
    try {
      sim::run(io, timers, all(servers->use(servers->pair().at(which), std::move(work))));
      return Errc{};
    } catch (const boost::system::system_error& e) {
      text = e.what();
      return classify(e.code());
    }
  }
  Errc session(std::size_t which) {
    worked = false;
    Servers::Work work = [this](VaultPort&) -> task<void> {
      worked = true;
      co_return;
    };
    return session(which, std::move(work));
  }
  std::string text;
  bool worked = false;
};

}  // namespace

TEST_CASE("root's word: a server that was taken back is not believed at the run's next connection") {
  TrustWorld w;
  CHECK(w.session(0) == Errc{});
  CHECK(w.worked);
  w.hear(w.takes_back_east());
  CHECK(w.session(0) == Errc::identity);
  CHECK_THAT(w.text, Contains("was revoked by the data centres' root"));
  CHECK_FALSE(w.worked);
  CHECK(w.session(1) == Errc{});
  CHECK(w.worked);
}

TEST_CASE("root's word: a server that tells of its own end is not worked with") {
  TrustWorld w;
  *w.says.mutable_root_word() = w.takes_back_east();
  CHECK(w.session(0) == Errc::identity);
  CHECK_THAT(w.text, Contains("was revoked by the data centres' root"));
  CHECK_FALSE(w.worked);
}

TEST_CASE("root's word: a session that goes on ends when its server's keys are taken back, whoever heard of it") {
  TrustWorld w;
  const auto begin = w.timers.now();
  Servers::Work work = [&](VaultPort&) -> task<void> {
    co_await w.timers.sleep(5min);
    w.hear(w.word(1, [&](pb::Revoked& r) { r.set_key(to_string(w.east.issuing_key.public_key().view())); }));
    co_await w.timers.sleep(5h);
  };
  CHECK(w.session(0, std::move(work)) == Errc::identity);
  CHECK_THAT(w.text, Contains("the issuing key by which its certificate was made was revoked"));
  CHECK(w.timers.now() - begin < 10min);
}

TEST_CASE("root's word: work that fails is what is told, and other servers' ends do not matter") {
  TrustWorld w;
  w.hear(w.word(1, [&](pb::Revoked& r) { r.set_server_id(w.random.id<ServerId>().raw()); }));
  Servers::Work work = [&](VaultPort&) -> task<void> {
    co_await w.timers.sleep(5h);
    throw failure(Errc::quota, "working");
  };
  CHECK(w.session(0, std::move(work)) == Errc::quota);
}

TEST_CASE("root's word: what was known is not forgotten with a file that is damaged, set back or gone") {
  TrustWorld w;
  RootTrust trust(w.state, w.root.certificate());
  PeerIdentity const east = PeerIdentity::of_server(w.east.id), west = PeerIdentity::of_server(w.west.id);
  CHECK(trust.revoked().empty());
  w.hear(w.takes_back_east(7));
  CHECK(trust.objection(east) != "");
  CHECK(trust.objection(west) == "");
  w.state.set_root_word(as_bytes("rot"));
  CHECK(trust.objection(east) != "");
  w.state.set_root_word(ByteView{});
  CHECK(trust.objection(east) != "");
  w.hear(w.word(6, nullptr));
  CHECK(trust.objection(east) != "");
  w.hear(w.word(8, nullptr));
  CHECK(trust.objection(east) == "");
}

TEST_CASE("renew: where a server's certificate gains little the other one is asked, and the longest is kept") {
  TrustWorld w;
  w.state.set_key_pem(w.keys.signing.to_pem().text());
  agent::pb::Identity identity;
  identity.set_account(w.keys.account.raw());
  identity.set_agent(w.keys.agent.raw());
  identity.add_chain(to_string(w.keys.chain.front().der()));
  w.state.set_identity(identity);
  NoReporter quiet;
  const Certificate authority = w.root.certificate();
  const EnrolParts parts{w.state, authority, w.line, w.timers, w.clock, w.random, quiet};
  const auto renew = [&] {
    bool renewed = false;
    auto work = [&]() -> task<void> { renewed = co_await renew_if_due(parts); };
    sim::run(w.io, w.timers, w.all(work()));
    return renewed;
  };
  const auto days_left = [&] { return std::chrono::duration_cast<std::chrono::hours>(AgentCredentials::load(w.state).chain.front().not_after() - w.clock.wall()).count() / 24; };
  CHECK_FALSE(renew());
  sim::run(w.io, w.timers, w.timers.sleep(24h * 80));
  SECTION("the other one gives more") {
    w.east.renew = w.gives(24h * 11);
    w.west.renew = w.gives(24h * 365);
    CHECK(renew());
    CHECK(days_left() > 300);
  }
  SECTION("nobody does") {
    w.east.renew = w.gives(24h * 20);
    w.west.renew = w.gives(24h * 15);
    CHECK(renew());
    CHECK(days_left() >= 19);
  }
  SECTION("a hundred addresses of a server that gives little, or is not there, are not all tried") {
    const bool is_there = GENERATE(true, false);
    pb::Directory d = wire::parse_message<pb::Directory>(w.says.directory()).value();
    auto* east = d.mutable_pair(0)->mutable_primary();
    if (!is_there) east->clear_address();
    for (int i = 0; i < 50; ++i) east->add_address("10.0.9." + std::to_string(i) + ":16384");
    w.says = wire::sign_directory(d, wire::Signer{w.east.key, w.east.chain});
    w.state.set_directory(as_bytes(w.says.SerializeAsString()));
    w.east.renew = w.gives(24h * 11);
    w.west.renew = w.gives(24h * 365);
    w.line.dials = 0;
    CHECK(renew());
    CHECK(days_left() > 300);
    CHECK(w.line.dials == (is_there ? 2 : 5));
  }
  SECTION("the first one gives enough") {
    w.east.renew = w.gives(24h * 100);
    w.west.renew = w.gives(24h * 365);
    CHECK(renew());
    CHECK(days_left() < 101);
  }
}
