// Many large files at once: what each of them does while it waits for room must not spoil what the others gather.
#include "agent/uploader.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "archive/envelope_record.hpp"
#include "crypto/keyring.hpp"
#include "fake_vault.hpp"
#include "sim/sim_timers.hpp"

using namespace farkeep;

namespace {

// Takes everything, and acknowledges only when it is told to.
class SlowVault final : public VaultPort {
 public:
  const VaultFacts& facts() const override { return facts_; }
  std::string server() const override { return "slow"; }
  ServerId server_id() const override { return ServerId{}; }
  task<std::vector<bool>> have(std::vector<ObjectId> ids) override { co_return std::vector<bool>(ids.size()); }
  task<void> put(Buffer records, std::function<void()> on_its_way) override {
    const auto parsed = split_records(records);
    REQUIRE(parsed.has_value());
    for (const auto& record : *parsed) {
      largest = std::max(largest, record.size());
      ++count;
    }
    on_its_way();
    while (!open) co_await gate.wait();
  }
  task<Commit> commit(Buffer) override { co_return Commit{}; }
  task<std::vector<RemoteSnapshot>> snapshots(std::uint64_t) override { co_return std::vector<RemoteSnapshot>{}; }
  task<std::vector<ObjectId>> get(std::vector<ObjectId>, Sink) override { co_return std::vector<ObjectId>{}; }
  task<void> report(Buffer) override { co_return; }
  task<void> add_slot(Buffer) override { co_return; }
  task<std::vector<Buffer>> slots() override { co_return std::vector<Buffer>{}; }

  bool open = false;
  Waiters gate;
  std::size_t largest = 0, count = 0;

 private:
  VaultFacts facts_;
};

CutData noise(std::uint64_t& seed) {
  CutData data;
  data.bytes.resize(256 * limits::kKiB);
  for (auto& b : data.bytes) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    b = static_cast<std::uint8_t>(seed >> 32);
  }
  for (std::uint32_t at = 0; at < data.bytes.size(); at += 64 * limits::kKiB) {
    CutChunk c;
    for (auto& b : c.id.bytes) b = static_cast<std::uint8_t>((seed = seed * 6364136223846793005ull + 1442695040888963407ull) >> 56);
    c.offset = at;
    c.size = 64 * limits::kKiB;
    data.chunks.push_back(c);
  }
  return data;
}

}  // namespace

TEST_CASE("uploader: many files that wait for room in one lane overfill no record") {
  asio::io_context io;
  sim::SimTimers timers;
  SystemRandom random;
  InlineWorkers workers;
  SecretKey root;
  random.fill(root.mutable_view());
  const SessionId session = random.id<SessionId>();
  SecretKey key;
  random.fill(key.mutable_view());
  const KeyRing keys{root};
  const RecordSealer sealer{key, session, keys, random.id<AccountId>(), random.id<AgentId>(), random, CompressionLevel::off};
  SlowVault vault;
  KnownObjects known;
  Progress progress;
  std::size_t offered = 0;
  auto all = [&]() -> task<void> {
    Scope scope(co_await asio::this_coro::executor);
    Uploader uploader(vault, sealer, workers, scope, known, progress, false);
    Scope files(co_await asio::this_coro::executor);
    auto file = [&](std::uint64_t seed) -> task<void> {
      for (int i = 0; i < 20; ++i) {
        CutData data = noise(seed);
        co_await uploader.offer(std::move(data));
        ++offered;
      }
    };
    for (std::uint64_t n = 1; n <= 16; ++n) files.spawn(file(n * 7919), "file");
    auto let_go = [&]() -> task<void> {
      co_await timers.sleep(std::chrono::seconds{1});  // by now all wait for room
      CHECK(offered < 320);
      vault.open = true;
      vault.gate.wake_all();
    };
    files.spawn(let_go(), "gate");
    co_await files.join();
    co_await uploader.all_sent();
    co_await scope.join();
  };
  sim::run(io, timers, all());
  CHECK(offered == 320);
  CHECK(progress.new_chunks == 1280);
  CHECK(vault.count >= 40);
  CHECK(vault.largest <= limits::kMaxRecord);
}
