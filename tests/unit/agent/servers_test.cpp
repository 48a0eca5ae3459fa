// Who is tried next, and who rests, after which failure.
#include "agent/servers.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "agent/agent_dialer.hpp"
#include "agent/second_server.hpp"
#include "crypto/random.hpp"
#include "fake_vault.hpp"
#include "sim_state.hpp"
#include "transport/proxy_error.hpp"

using namespace farkeep;
using Catch::Contains;

namespace {

struct ServersNotes final : Reporter {
  void progress(const Progress&) override {}
  void problem(std::string_view, std::string_view) override {}
  void note(std::string_view text) override { said.emplace_back(text); }
  std::vector<std::string> said;
};

proxy_error through_proxy(ProxyTrouble trouble, ProxyKind kind = ProxyKind::socks5) {
  ProxyPlace place;
  place.kind = kind;
  place.proxy = "fw:1080";
  place.destination = *Endpoint::parse("192.0.2.1");
  return proxy_error(trouble, place);
}

ServerId id_of(std::uint8_t fill) {
  ServerId out;
  out.bytes.fill(fill);
  return out;
}

// A pair that fails as it is told.
struct ServersWorld final : test::SimState, Servers {
  ServerChoice choice{state, clock, random};
  ServersNotes notes;
  FakeVault::Store store;
  std::map<std::string, std::exception_ptr> fails;  // by name
  std::vector<std::string> tried;
  int worked = 0;

  std::vector<ServerTarget> pair() const override { return {{id_of(1), "primary", "192.0.2.1"}, {id_of(2), "alternate", "192.0.2.2"}}; }
  task<void> use(ServerTarget target, Work work) override {
    tried.push_back(target.name);
    if (auto f = fails.find(target.name); f != fails.end()) std::rethrow_exception(f->second);
    FakeVault vault(store);
    co_await work(vault);
  }
  template <class Error>
  void fail(const std::string& name, Error error) { fails[name] = std::make_exception_ptr(std::move(error)); }

  // What came of it; Errc{} is success.
  Errc attempt() {
    tried.clear();
    text.clear();
    Work work = [this](VaultPort&) -> task<void> {
      ++worked;
      co_return;
    };
    try {
      sim::run(io, timers, use_any(*this, choice, notes, std::move(work)));
      return Errc{};
    } catch (const boost::system::system_error& e) {
      text = e.what();
      return classify(e.code());
    }
  }
  bool rests(const std::string& address) const {
    const auto all = state.endpoints();
    for (auto& e : all.endpoint())
      if (e.address() == address && e.failures() > 0) return true;
    return false;
  }
  std::string text;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("servers: the primary is used first, and a failing one rests while the alternate serves") {
  ServersWorld w;
  CHECK(w.attempt() == Errc{});
  CHECK(w.tried == Names{"primary"});
  w.fail("primary", failure(Errc::unreachable, "connecting"));
  CHECK(w.attempt() == Errc{});
  CHECK(w.tried == Names{"primary", "alternate"});
  CHECK(w.rests("192.0.2.1"));
  w.fails.clear();
  CHECK(w.attempt() == Errc{});
  CHECK(w.tried == Names{"alternate"});  // the primary rests
}

TEST_CASE("servers: a full disk keeps nobody from using them, and who failed rests all the same") {
  ServersWorld w;
  w.disk.set_full(true);
  CHECK(w.attempt() == Errc{});
  w.fail("primary", failure(Errc::unreachable, "connecting"));
  CHECK(w.attempt() == Errc{});
  CHECK(w.worked == 2);
  CHECK(w.rests("192.0.2.1"));
  LearntSegments segments(w.state, w.clock);
  segments.learn("net", "192.0.2.1", 1200);
  CHECK(segments.segment("net", "192.0.2.1") == 1200);
}

TEST_CASE("servers: a proxy that is broken blames no server, and the alternate is not tried behind it") {
  for (const ProxyTrouble trouble : {ProxyTrouble::name_unknown, ProxyTrouble::refused, ProxyTrouble::no_answer, ProxyTrouble::silent, ProxyTrouble::other_protocol}) {
    ServersWorld w;
    w.fail("primary", through_proxy(trouble));
    CHECK(w.attempt() == Errc::proxy);
    CHECK(w.tried == Names{"primary"});
    CHECK_FALSE(w.rests("192.0.2.1"));
    CHECK_THAT(w.text, Contains("fw:1080"));
  }
}

TEST_CASE("servers: a login that a proxy refuses is not tried again at once") {
  ServersWorld w;
  w.fail("primary", through_proxy(ProxyTrouble::login_refused));
  CHECK(w.attempt() == Errc::proxy_login);
  CHECK(w.tried == Names{"primary"});
  CHECK_FALSE(w.rests("192.0.2.1"));
}

TEST_CASE("servers: what a proxy says about the destination sends the agent to the other one") {
  for (const ProxyTrouble trouble : {ProxyTrouble::forbidden, ProxyTrouble::behind_no_way, ProxyTrouble::behind_refused, ProxyTrouble::behind_silent, ProxyTrouble::closed}) {
    ServersWorld w;
    w.fail("primary", through_proxy(trouble));
    CHECK(w.attempt() == Errc{});
    CHECK(w.tried == Names{"primary", "alternate"});
    CHECK(w.rests("192.0.2.1"));
  }
}

TEST_CASE("servers: each mapped port is a way of its own") {
  ServersWorld w;
  w.fail("primary", through_proxy(ProxyTrouble::refused, ProxyKind::mapped));
  CHECK(w.attempt() == Errc{});
  CHECK(w.tried == Names{"primary", "alternate"});
  CHECK(w.rests("192.0.2.1"));
}

TEST_CASE("servers: a missing mapping makes nobody rest, and with none at all the text says what to map") {
  ServersWorld w;
  w.fail("primary", through_proxy(ProxyTrouble::not_mapped, ProxyKind::mapped));
  CHECK(w.attempt() == Errc{});
  CHECK(w.tried == Names{"primary", "alternate"});
  CHECK_FALSE(w.rests("192.0.2.1"));
  w.fail("alternate", through_proxy(ProxyTrouble::not_mapped, ProxyKind::mapped));
  CHECK(w.attempt() == Errc::proxy);
  CHECK_THAT(w.text, Contains("destination = 192.0.2.1:16384 via FIREWALL:PORT"));
}

TEST_CASE("servers: without a network nobody is to blame") {
  ServersWorld w;
  const auto down = failure(boost::system::error_code(ENETUNREACH, boost::system::system_category()), "connecting to 192.0.2.1:16384");
  w.fail("primary", down);
  w.fail("alternate", down);
  CHECK(w.attempt() == Errc::unreachable);
  CHECK(w.tried == Names{"primary", "alternate"});
  CHECK_FALSE(w.rests("192.0.2.1"));
  CHECK_FALSE(w.rests("192.0.2.2"));
}

TEST_CASE("servers: a stranger weighs more than silence, and never rests") {
  ServersWorld w;
  w.fail("primary", failure(Errc::identity, "starting TLS"));
  w.fail("alternate", failure(Errc::unreachable, "connecting"));
  CHECK(w.attempt() == Errc::identity);
  CHECK_FALSE(w.rests("192.0.2.1"));
  CHECK(w.rests("192.0.2.2"));
}

TEST_CASE("servers: two that answer in each other's place are exchanged, and nothing less is") {
  ServersWorld w;
  w.fail("primary", wrong_server(id_of(2), "starting TLS"));
  w.fail("alternate", wrong_server(id_of(1), "starting TLS"));
  CHECK(w.attempt() == Errc::identity);
  CHECK_THAT(w.text, Contains("are exchanged"));
  w.fail("alternate", wrong_server(id_of(3), "starting TLS"));
  CHECK(w.attempt() == Errc::identity);
  CHECK_THAT(w.text, !Contains("are exchanged"));
  w.fail("alternate", failure(Errc::unreachable, "connecting"));
  CHECK(w.attempt() == Errc::identity);
  CHECK_THAT(w.text, !Contains("are exchanged"));
}

TEST_CASE("servers: a hundred addresses that never worked cost three tries before those that did") {
  ServersWorld w;
  std::vector<ServerTarget> line;
  for (int i = 0; i < 128; ++i) line.push_back(ServerTarget{id_of(i < 64 ? 1 : 2), "new", "198.51.100." + std::to_string(i)});
  line.push_back(ServerTarget{id_of(1), "primary", "192.0.2.1"});
  line.push_back(ServerTarget{id_of(2), "alternate", "192.0.2.2"});
  w.choice.worked("192.0.2.2");
  const auto at = [&](const std::string& address) {
    const auto order = w.choice.order(line);
    CHECK(order.size() == line.size());
    return std::find_if(order.begin(), order.end(), [&](auto& t) { return t.address == address; }) - order.begin();
  };
  CHECK(at("192.0.2.2") == 3);
  CHECK(known_ones_first(w.state, w.clock, line).front().address == "192.0.2.2");
  for (auto& target : line)
    if (target.name == "new") w.choice.failed(target.address, "silence");
  CHECK(at("192.0.2.1") == 0);
  CHECK(at("192.0.2.2") == 1);  // its memory was not driven out
  w.clock.set_skew(std::chrono::hours(24 * 40));
  CHECK(at("192.0.2.2") > 100);
}

TEST_CASE("servers: what was learnt of segments is for one network and one address, and is forgotten after a week") {
  ServersWorld w;
  LearntSegments learnt{w.state, w.clock};
  CHECK_FALSE(learnt.segment("10.0.0.7", "192.0.2.1:16384"));
  learnt.learn("10.0.0.7", "192.0.2.1:16384", 1220);
  w.choice.worked("192.0.2.1");  // the same file
  CHECK(learnt.segment("10.0.0.7", "192.0.2.1:16384") == 1220);
  CHECK_FALSE(learnt.segment("10.0.0.8", "192.0.2.1:16384"));
  CHECK_FALSE(learnt.segment("10.0.0.7", "192.0.2.2:16384"));
  learnt.learn("10.0.0.7", "192.0.2.1:16384", 536);
  CHECK(LearntSegments(w.state, w.clock).segment("10.0.0.7", "192.0.2.1:16384") == 536);
  CHECK(w.state.endpoints().segment_size() == 1);
  sim::run(w.io, w.timers, w.timers.sleep(std::chrono::hours{24 * 7}));
  CHECK_FALSE(learnt.segment("10.0.0.7", "192.0.2.1:16384"));
  for (int i = 0; i < 100; ++i) learnt.learn("10.0.0.7", "192.0.2." + std::to_string(i), 1220);
  CHECK(w.state.endpoints().segment_size() == 64);
  CHECK(learnt.segment("10.0.0.7", "192.0.2.99") == 1220);
}

TEST_CASE("servers: work that fails in the middle is begun anew on the other server, unless the failure is this machine's own") {
  for (const Errc code : {Errc::disconnected, Errc::malformed, Errc::too_large, Errc::damaged, Errc::unauthorised, Errc::rollback, Errc::io, Errc::cancelled, Errc::not_found}) {
    ServersWorld w;
    const bool own = code == Errc::io || code == Errc::cancelled || code == Errc::not_found;
    Servers::Work work = [&](VaultPort&) -> task<void> {
      if (++w.worked == 1) throw failure(code, "reading");
      co_return;
    };
    if (own) CHECK_THROWS_AS(sim::run(w.io, w.timers, use_any(w, w.choice, w.notes, std::move(work))), failure);
    else sim::run(w.io, w.timers, use_any(w, w.choice, w.notes, std::move(work)));
    CHECK(w.tried == (own ? Names{"primary"} : Names{"primary", "alternate"}));
  }
}

TEST_CASE("servers: of a hundred addresses that swallow packets four of each server are tried by whoever only asks") {
  ServersWorld w;
  std::vector<ServerTarget> line;
  for (int i = 0; i < 128; ++i) line.push_back(ServerTarget{id_of(i < 64 ? 1 : 2), "new", "198.51.100." + std::to_string(i)});
  line.push_back(ServerTarget{id_of(2), "alternate", "192.0.2.2"});
  w.choice.worked("192.0.2.2");
  const auto tried = known_ones_first(w.state, w.clock, line);
  REQUIRE(tried.size() == 8);
  CHECK(tried.front().address == "192.0.2.2");
  CHECK(std::count_if(tried.begin(), tried.end(), [](auto& t) { return t.id == id_of(1); }) == 4);
}

TEST_CASE("second server: a dead address does not hide the one that answers, and work that has begun is not begun anew") {
  ServersWorld w;
  const std::vector<ServerTarget> line{{id_of(1), "primary", "192.0.2.1"}, {id_of(2), "dead", "192.0.2.9"}, {id_of(2), "alternate", "192.0.2.2"}};
  SecondServer second(w, id_of(1), line);
  w.fail("dead", failure(Errc::unreachable, "connecting"));
  int begun = 0;
  const auto use = [&](bool fails) {
    w.tried.clear();
    begun = 0;
    std::function<task<void>(VaultPort&)> work = [&, fails](VaultPort&) -> task<void> {
      ++begun;
      if (fails) throw failure(Errc::disconnected, "reading");
      co_return;
    };
    sim::run(w.io, w.timers, second.use(std::move(work)));
  };
  use(false);
  CHECK(begun == 1);
  CHECK(w.tried == Names{"dead", "alternate"});
  w.fails.clear();
  CHECK_THROWS_AS(use(true), failure);
  CHECK(begun == 1);
  CHECK(w.tried == Names{"dead"});
  w.fail("dead", failure(Errc::unreachable, "connecting"));
  w.fail("alternate", failure(Errc::identity, "connecting"));
  CHECK_THROWS_WITH(use(false), Contains("connecting"));
  CHECK(begun == 0);
}
