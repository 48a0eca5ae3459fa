#include <catch2/catch.hpp>

#include "unit/vault/serve_world.hpp"
#include "vault/gated_stream.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

namespace {

/// A store that begins no object while it is stuck: a disk that takes nothing.
class StuckStore final : public Store {
 public:
  explicit StuckStore(StoreId id) : under_(id) {}

  bool stuck = false;
  Waiters freed;

  StoreId id() const override { return under_.id(); }
  task<void> put(std::string name, Buffer body) override { return under_.put(std::move(name), std::move(body)); }
  task<bool> put_new(std::string name, Buffer body) override { return under_.put_new(std::move(name), std::move(body)); }
  task<std::unique_ptr<Upload>> begin(std::string name) override {
    while (stuck) co_await freed.wait();
    co_return co_await under_.begin(std::move(name));
  }
  task<std::optional<Buffer>> get(std::string name) override { return under_.get(std::move(name)); }
  task<Buffer> get_range(std::string name, std::uint64_t offset, std::size_t size) override {
    return under_.get_range(std::move(name), offset, size);
  }
  task<std::vector<ObjectInfo>> list(std::string folder) override { return under_.list(std::move(folder)); }
  task<std::vector<std::string>> list_folders(std::string folder) override { return under_.list_folders(std::move(folder)); }
  task<void> remove(std::string name) override { return under_.remove(std::move(name)); }
  task<std::vector<ObjectInfo>> leftovers(std::string folder) override { return under_.leftovers(std::move(folder)); }
  task<std::optional<Buffer>> get_leftover(std::string name) override { return under_.get_leftover(std::move(name)); }
  task<void> discard_leftover(std::string name) override { return under_.discard_leftover(std::move(name)); }

 private:
  MemoryStore under_;
};

/// Gives a byte to whoever asks.
class EndlessStream final : public SecureStream {
 public:
  task<std::size_t> read_some(MutableByteView into) override {
    into[0] = 7;
    co_return 1;
  }
  task<void> write(std::span<const ByteView>) override { co_return; }
  void close() noexcept override {}
  std::string describe() const override { return "endless"; }
  const PeerIdentity& peer() const override { return who_; }

 private:
  PeerIdentity who_;
};

}  // namespace

TEST_CASE("gated stream: it is read while there is room in both budgets, behind those who waited before") {
  Planet planet;
  Budget session{10}, server{20};
  GatedStream stream{std::make_unique<EndlessStream>(), session, server};
  std::vector<std::string> order;
  auto const read = [&]() -> task<void> {
    Buffer into(4);
    auto const n = co_await stream.read_some(into);
    CHECK(n == 1);
    order.push_back("read");
  };
  auto const turn = [&] {
    planet.io.restart();
    while (planet.io.poll() > 0) planet.io.restart();
  };
  auto const start = [&] {
    asio::co_spawn(planet.io, read(), [](const std::exception_ptr& e) { CHECK_FALSE(e); });
    turn();
  };
  start();
  CHECK(order.size() == 1);
  for (Budget* full : {&session, &server}) {
    order.clear();
    auto lease = planet.run(full->take(full->capacity()));
    auto const wait = [&order](Budget& budget) -> task<void> {
      auto const mine = co_await budget.take(5);
      order.push_back("room");
    };
    asio::co_spawn(planet.io, wait(*full), [](const std::exception_ptr& e) { CHECK_FALSE(e); });
    turn();
    start();
    CHECK(order.empty());
    lease.release();
    turn();
    CHECK(order == std::vector<std::string>{"room", "read"});
  }
}

TEST_CASE("server: what an agent sends while the disk is stuck waits at the agent, not in the server's memory") {
  Planet planet;
  auto centre = first_centre(planet, "10.0.0.1");
  auto kept = std::make_unique<StuckStore>(planet.random.id<StoreId>());
  StuckStore& store = *kept;
  centre->use_store(std::move(kept));
  centre->start();
  TestAgent agent{planet};
  REQUIRE(agent.enrol(*centre, centre->token("acme")) == Errc{});
  constexpr std::size_t kRecordSize = 7 * limits::kMiB / 2, kRecords = 18;  // more than limits::kUnackedBytes
  std::size_t sent = 0, sent_while_stuck = 0;

  auto const send = [&](Peer& peer) -> task<void> {
    std::vector<Answer> answers;
    std::vector<Buffer> first{envelope()};
    auto opened = co_await TestAgent::put(peer, std::move(first));
    answers.push_back(std::move(opened));
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      std::vector<Buffer> one{chunk(i, kRecordSize)};
      auto answer = co_await TestAgent::put(peer, std::move(one));
      answers.push_back(std::move(answer));
      sent += kRecordSize;
    }
    for (auto& answer : answers) co_await answer.only();
  };
  auto const watch = [&]() -> task<void> {
    co_await planet.timers.sleep(20s);
    sent_while_stuck = sent;
    store.stuck = false;
    store.freed.wake_all();
  };
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    store.stuck = true;
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(send(peer), "sending");
    scope.spawn(watch(), "watching");
    co_await scope.join();
  };
  CHECK(agent.client.with(*centre, work) == Errc{});
  CHECK(agent.client.failed_text == "");
  CHECK(sent == kRecords * kRecordSize);
  // The session's share, the frames on their way into and out of it, and the agent's own queue.
  constexpr std::size_t kFrames = 3 * kRecordSize, kQueue = 8 * limits::kMiB;
  CHECK(sent_while_stuck >= kHeldBySession);
  CHECK(sent_while_stuck <= kHeldBySession + kFrames + kQueue);
}
