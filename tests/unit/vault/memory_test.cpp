#include <catch2/catch.hpp>

#include "unit/vault/serve_world.hpp"
#include "unit/vault/store_in_memory.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

namespace {

/// A store that begins no object, and lists none, while it is stuck: a disk that takes and gives nothing.
class StuckStore final : public StoreInMemory {
 public:
  using StoreInMemory::StoreInMemory;

  bool stuck = false;
  Waiters freed;

  task<std::unique_ptr<Upload>> begin(std::string name) override {
    while (stuck) co_await freed.wait();
    co_return co_await StoreInMemory::begin(std::move(name));
  }
  task<std::vector<ObjectInfo>> list(std::string folder) override {
    while (stuck) co_await freed.wait();
    co_return co_await StoreInMemory::list(std::move(folder));
  }
};

}  // namespace

namespace {

constexpr std::size_t kRecordSize = 7 * limits::kMiB / 2, kRecords = 18;  // more than limits::kUnackedBytes
// A frame on its way in, and the agent's own queue.
constexpr std::size_t kNotYetThere = kRecordSize + 8 * limits::kMiB + limits::kMiB;

/// An agent that sends records while the disk is stuck: for 20 s, then it is freed.
struct Stuck {
  Planet planet;
  std::unique_ptr<DataCentre> centre = first_centre(planet, "10.0.0.1");
  StuckStore* store = nullptr;
  std::size_t sent = 0, sent_while_stuck = 0;

  explicit Stuck(std::size_t memory = 256 * limits::kMiB) {
    centre->settings().record_memory = memory;
    auto kept = std::make_unique<StuckStore>(planet.random.id<StoreId>());
    store = kept.get();
    centre->use_store(std::move(kept));
    centre->start();
  }
  /// Waits for so long, with its vault open, before it sends.
  task<void> work(Peer& peer, std::chrono::nanoseconds pause) {
    co_await TestAgent::open(peer);
    std::vector<Buffer> first{envelope()};
    auto opened = co_await TestAgent::put(peer, std::move(first));
    co_await opened.only();
    co_await planet.timers.sleep(pause);
    store->stuck = true;
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(send(peer), "sending");
    scope.spawn(watch(), "watching");
    co_await scope.join();
  }
  task<void> send(Peer& peer) {
    std::vector<Answer> answers;
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      std::vector<Buffer> one{chunk(i, kRecordSize)};
      auto answer = co_await TestAgent::put(peer, std::move(one));
      answers.push_back(std::move(answer));
      sent += kRecordSize;
    }
    for (auto& answer : answers) co_await answer.only();
  }
  task<void> watch() {
    co_await planet.timers.sleep(20s);
    sent_while_stuck = sent;
    store->stuck = false;
    store->freed.wake_all();
  }
};

}  // namespace

TEST_CASE("server: what an agent sends while the disk is stuck waits at the agent, not in the server's memory") {
  Stuck w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  CHECK(agent.client.with(*w.centre, [&](Peer& peer) { return w.work(peer, 0s); }) == Errc{});
  CHECK(agent.client.failed_text == "");
  CHECK(w.sent == kRecords * kRecordSize);
  CHECK(w.sent_while_stuck >= kHeldBySession);
  CHECK(w.sent_while_stuck <= kHeldBySession + kNotYetThere);
}

TEST_CASE("server: what an agent sends while its vault is being opened waits at the agent, too") {
  Stuck w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  CHECK(agent.client.with(*w.centre, [&](Peer& peer) { return w.work(peer, 20min); }) == Errc{});
  CHECK(agent.client.failed_text == "");
  CHECK(w.sent == kRecords * kRecordSize);
  CHECK(w.sent_while_stuck <= kHeldBySession + kNotYetThere);
}

TEST_CASE("server: a frame takes its memory before it is read, of what all agents have together") {
  Stuck w{2 * kRecordSize + kRecordSize / 2};
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  CHECK(agent.client.with(*w.centre, [&](Peer& peer) { return w.work(peer, 20min); }) == Errc{});
  CHECK(w.sent == kRecords * kRecordSize);
  CHECK(w.sent_while_stuck <= 2 * kRecordSize + kNotYetThere);
}

namespace {

/// Agents with large records, and questions for all of them.
struct Hungry {
  Planet planet;
  std::unique_ptr<DataCentre> centre = first_centre(planet, "10.0.0.1");
  std::string token;
  std::vector<std::unique_ptr<TestAgent>> agents;

  explicit Hungry(std::size_t questions, std::size_t answers) {
    centre->settings().record_memory = 16 * limits::kMiB;
    centre->settings().question_memory = questions;
    centre->settings().answer_memory = answers;
    centre->start();
    token = centre->token("acme", 100);
  }
  TestAgent& agent() {
    agents.push_back(std::make_unique<TestAgent>(planet));
    REQUIRE(agents.back()->enrol(*centre, token) == Errc{});
    return *agents.back();
  }
  static task<void> store(Peer& peer) {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{envelope()};
    auto first = co_await TestAgent::put(peer, std::move(records));
    for (std::uint64_t i = 0; i < 5; ++i) {
      std::vector<Buffer> one{chunk(i, kRecordSize)};
      auto answer = co_await TestAgent::put(peer, std::move(one));
      co_await answer.only();
    }
    co_await first.only();
  }
  static std::string question(std::uint64_t ids) {
    std::vector<ObjectId> wanted;
    for (std::uint64_t i = 0; i < ids; ++i) wanted.push_back(object(i));
    msg::Get get;
    get.set_ids(wire::to_field(wanted));
    return wire::to_head(get);
  }
  /// Asks for all it has, again and again, and takes nothing; then `inner` runs.
  task<void> ask_and_take_nothing(Peer& peer, std::uint64_t ids, std::function<task<void>()> inner) {
    co_await TestAgent::open(peer);
    std::vector<Answer> answers;
    auto const head = question(ids);
    for (int i = 0; i < 12; ++i) {  // those that are not read fit into its own queue
      std::string copy = head;
      auto answer = co_await peer.send(Verb::get, std::move(copy));
      answers.push_back(std::move(answer));
    }
    co_await planet.timers.sleep(1s);
    co_await inner();
  }
};

}  // namespace

TEST_CASE("server: a few agents whose questions wait because they take no answers keep nobody from asking, reporting and backing up") {
  Hungry w{16 * limits::kMiB, 32 * limits::kMiB};
  std::vector<TestAgent*> hogs;
  for (int i = 0; i < 4; ++i) {
    hogs.push_back(&w.agent());
    REQUIRE(hogs.back()->client.with(*w.centre, &Hungry::store) == Errc{});
  }
  TestAgent& honest = w.agent();
  auto const manifest = honest.manifest(1000);
  std::chrono::nanoseconds took{1h};
  auto const all_of_it = [&](Peer& peer) -> task<void> {
    msg::Report report;
    report.set_time_ns(1);
    co_await peer.call<msg::Done>(Verb::report, report);
    co_await honest.back_up(peer, 1000, 5, manifest);
    std::string question = Hungry::question(100);
    auto answer = co_await peer.send(Verb::get, std::move(question));
    for (bool more = true; more;) {
      auto const frame = co_await answer.next();
      more = frame.has_value();
    }
  };
  std::function<task<void>(std::size_t)> const begin = [&](std::size_t i) -> task<void> {
    if (i == hogs.size()) {
      auto const start = w.planet.timers.now();
      co_await honest.client.join(*w.centre, all_of_it);
      took = w.planet.timers.now() - start;
      co_return;
    }
    const std::function<task<void>()> next = [&, i] { return begin(i + 1); };
    const auto hold = [&](Peer& peer) { return w.ask_and_take_nothing(peer, limits::kIdsPerQuestion, next); };
    co_await hogs[i]->client.join(*w.centre, hold);
  };
  std::exception_ptr error;
  const auto all = [&]() -> task<void> {
    try {
      co_await begin(0);
    } catch (...) {
      error = std::current_exception();
    }
  };
  w.planet.run(all());
  CHECK(took < 10s);
}

TEST_CASE("server: whoever waits for the memory of answers is told that it is at work, until others have ended") {
  Hungry w{64 * limits::kMiB, 6 * limits::kMiB};
  TestAgent &hog = w.agent(), &second = w.agent(), &patient = w.agent();
  REQUIRE(hog.client.with(*w.centre, &Hungry::store) == Errc{});
  REQUIRE(second.client.with(*w.centre, &Hungry::store) == Errc{});
  REQUIRE(patient.client.with(*w.centre, &Hungry::store) == Errc{});
  std::size_t bytes = 0;
  std::chrono::nanoseconds took{0};
  const auto read = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    auto const start = w.planet.timers.now();
    std::string question = Hungry::question(100);
    auto answer = co_await peer.send(Verb::get, std::move(question));
    for (;;) {
      auto const frame = co_await answer.next();
      if (!frame) break;
      bytes += frame->body.size();
    }
    took = w.planet.timers.now() - start;
  };
  const std::function<task<void>()> last = [&] { return patient.client.join(*w.centre, read); };
  const auto also = [&](Peer& peer) { return w.ask_and_take_nothing(peer, 100, last); };
  const std::function<task<void>()> inner = [&] { return second.client.join(*w.centre, also); };
  hog.client.with(*w.centre, [&](Peer& peer) { return w.ask_and_take_nothing(peer, 100, inner); });
  CHECK(took > limits::kProgressTimeout + 10s);
  CHECK(bytes > 5 * kRecordSize);
}
