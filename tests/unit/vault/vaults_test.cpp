#include "vault/vaults.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>

#include "unit/vault/vault_world.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

namespace {

AgentId agent_number(std::uint8_t n) {
  AgentId id;
  id.bytes.fill(n);
  return id;
}

struct Many {
  World w;
  std::unique_ptr<Vaults> vaults;
  VaultsSettings settings;

  Many() {
    settings.most_open = 2;
    settings.idle = 60s;
    w.store = w.run(DirectoryStore::open(w.disk, w.workers, w.random, "/store"));
    make();
  }
  ~Many() {
    if (vaults) w.run(vaults->close());
  }
  void make() { vaults = std::make_unique<Vaults>(*w.store, w.disk, "/cache", w.workers, w.timers, settings); }
  Vaults::Lease open(std::uint8_t n) { return w.run(vaults->open(w.account, agent_number(n))); }
  void snapshot(std::uint8_t n) {
    auto lease = open(n);
    SmallSnapshot s{100u * n, 1, Digest{}};
    w.run(lease->put(join({envelope(), join(s.records)})));
    w.judge.agent = agent_number(n);
    REQUIRE(w.run(lease->commit(s.manifest.bytes(), w.judge, w.receipts, false)).receipt);
  }
};

}  // namespace

TEST_CASE("vaults: two who open one vault share it") {
  Many m;
  auto a = m.open(1), b = m.open(1);
  CHECK(&*a == &*b);
  CHECK(m.vaults->open_count() == 1);
}

TEST_CASE("vaults: the one idle longest makes room, one in use never does") {
  Many m;
  m.snapshot(1);
  auto two = m.open(2);
  auto three = m.open(3);  // 1 goes
  CHECK(m.vaults->open_count() == 2);
  CHECK(m.w.error_of(m.vaults->open(m.w.account, agent_number(4))) == Errc::busy);
  CHECK(m.vaults->open_count() == 2);
  two.release();
  auto one = m.open(1);
  CHECK(one->head().sequence == 1);
}

TEST_CASE("vaults: who finds all in use waits, first come first served, until a lease is given back") {
  Many m;
  auto one = m.open(1), two = m.open(2);
  std::vector<int> order;
  std::vector<std::unique_ptr<Vaults::Lease>> got;
  auto const wait_for = [&](std::uint8_t n) {
    asio::co_spawn(m.w.io, m.vaults->open(m.w.account, agent_number(n)), [&, n](const std::exception_ptr& e, Vaults::Lease lease) {
      order.push_back(e ? -n : n);
      if (!e) got.push_back(std::make_unique<Vaults::Lease>(std::move(lease)));
    });
    m.w.settle();
  };
  wait_for(3);
  wait_for(4);
  wait_for(1);  // is open: no waiting
  CHECK(order == std::vector<int>{1});
  two.release();
  m.w.settle();
  CHECK(order == std::vector<int>{1, 3});
  CHECK(m.vaults->open_count() == 2);
  one.release();
  got.erase(got.begin());  // the other lease of 1
  m.w.settle();
  CHECK(order == std::vector<int>{1, 3, 4});
  CHECK(m.vaults->open_count() == 2);
}

TEST_CASE("vaults: a line that is too long is told so, and who left it is not counted") {
  Many m;
  m.settings.most_waiting = 1;
  m.make();
  auto one = m.open(1), two = m.open(2);
  asio::cancellation_signal stop;
  bool ended = false;
  asio::co_spawn(m.w.io, m.vaults->open(m.w.account, agent_number(3)),
                 asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr&, const Vaults::Lease&) { ended = true; }));
  m.w.settle();
  auto const before = m.w.timers.now();
  CHECK(m.w.error_of(m.vaults->open(m.w.account, agent_number(4))) == Errc::busy);
  CHECK(m.w.timers.now() == before);
  stop.emit(asio::cancellation_type::terminal);
  m.w.settle();
  CHECK(ended);
  two.release();
  CHECK(m.open(4)->objects() == 0);
}

TEST_CASE("vaults: those that take much memory make room for others when they are idle, and wait for nobody") {
  Many m;
  m.settings.most_open = 100;
  m.settings.memory = 1;
  m.make();
  auto one = m.open(1);
  m.open(2);
  CHECK(m.vaults->open_count() == 2);
  m.open(3);
  CHECK(m.vaults->open_count() == 2);  // 2 went, 1 is in use
}

TEST_CASE("vaults: what is idle is closed, and what it took in is durable by then") {
  Many m;
  asio::cancellation_signal stop;
  bool ended = false;
  asio::co_spawn(m.w.io, m.vaults->run(), asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr&) { ended = true; }));
  {
    auto lease = m.open(1);
    m.w.run(lease->put(envelope()));
    auto in_use = m.w.timers.now() + 300s;
    sim::run_until(m.w.io, m.w.timers, [&] { return m.w.timers.now() >= in_use; });
    CHECK(m.vaults->open_count() == 1);
  }
  sim::run_until(m.w.io, m.w.timers, [&] { return m.vaults->open_count() == 0; });
  CHECK(m.open(1)->objects() == 1);
  stop.emit(asio::cancellation_type::terminal);
  m.w.settle();
  CHECK(ended);
}

TEST_CASE("vaults: all that hold something are listed, open or not, and compare by their digests") {
  Many m;
  for (int n : {3, 1, 2}) m.snapshot(static_cast<std::uint8_t>(n));
  auto names = m.w.run(m.vaults->list());
  REQUIRE(names.size() == 3);
  CHECK(names[0].agent == agent_number(1));
  CHECK(names[2].agent == agent_number(3));
  std::vector<Digest> digests;
  for (const VaultName& n : names) {
    VaultSummary s = m.w.run(m.vaults->summary(n));
    CHECK(s.name == n);
    CHECK(s.head.sequence == 1);
    CHECK(s.objects == 6);
    digests.push_back(s.digest);
  }
  m.w.run(m.vaults->close());
  m.make();
  for (std::size_t i = 0; i < 3; ++i) CHECK(m.w.run(m.vaults->summary(names[i])).digest == digests[i]);
  VaultName nobody{m.w.account, agent_number(9)};
  CHECK(m.w.run(m.vaults->summary(nobody)).head.sequence == 0);
  CHECK(m.w.run(m.vaults->list()).size() == 3);
}
