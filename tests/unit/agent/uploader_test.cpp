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
  task<void> put(Buffer records, std::function<void()> on_its_way, Haste haste) override {
    unhurried += records.size();
    longest_unhurried = std::max(longest_unhurried, unhurried);
    if (haste == Haste::soon) unhurried = 0;
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
  task<std::vector<ObjectId>> get_others(std::vector<ObjectId> ids, std::vector<Digest>, Sink) override { co_return ids; }
  task<void> report(Buffer) override { co_return; }
  task<void> add_slot(Buffer) override { co_return; }
  task<std::vector<Buffer>> slots() override { co_return std::vector<Buffer>{}; }

  bool open = false;
  Waiters gate;
  std::size_t largest = 0, count = 0;
  std::size_t unhurried = 0, longest_unhurried = 0;  // bytes in a row of which the server was not told that their answer is waited for

 private:
  VaultFacts facts_;
};

CutData noisy_chunk(std::uint64_t& seed) {
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

// What an uploader works with.
struct Bench {
  Bench() {
    random.fill(root.mutable_view());
    random.fill(key.mutable_view());
  }
  asio::io_context io;
  sim::SimTimers timers;
  SystemRandom random;
  InlineWorkers workers;
  SecretKey root, key;
  SlowVault vault;
  KnownObjects known{10000};
  Progress progress;
};

// Sixteen files of 5 MiB each, offered side by side to a vault that acknowledges nothing during the first second.  Returns how much was taken by then.
std::size_t offer_all(Bench& b, std::size_t in_flight) {
  const KeyRing keys{b.root};
  const RecordSealer sealer{b.key, b.random.id<SessionId>(), keys, b.random.id<AccountId>(), b.random.id<AgentId>(), b.random, CompressionLevel::off};
  std::size_t offered = 0, by_then = 0;
  auto all = [&]() -> task<void> {
    Scope scope(co_await asio::this_coro::executor);
    Uploader uploader(b.vault, sealer, b.workers, scope, b.known, b.progress, false, in_flight);
    Scope files(co_await asio::this_coro::executor);
    auto file = [&](std::uint64_t seed) -> task<void> {
      for (int i = 0; i < 20; ++i) {
        CutData data = noisy_chunk(seed);
        co_await uploader.offer(std::move(data));
        ++offered;
      }
    };
    for (std::uint64_t n = 1; n <= 16; ++n) files.spawn(file(n * 7919), "file");
    auto let_go = [&]() -> task<void> {
      co_await b.timers.sleep(std::chrono::seconds{1});  // by now all wait for room
      by_then = offered;
      b.vault.open = true;
      b.vault.gate.wake_all();
    };
    files.spawn(let_go(), "gate");
    co_await files.join();
    co_await uploader.all_sent();
    co_await scope.join();
  };
  sim::run(b.io, b.timers, all());
  CHECK(offered == 320);
  return by_then;
}

}  // namespace

TEST_CASE("uploader: many files that wait for room in one lane overfill no record") {
  Bench b;
  CHECK(offer_all(b, limits::kUnackedBytes) < 320);
  CHECK(b.progress.new_chunks == 1280);
  CHECK(b.vault.count >= 40);
  CHECK(b.vault.largest <= limits::kMaxRecord);
  CHECK(b.vault.unhurried == b.vault.longest_unhurried);  // it fills segments: nobody is hurried
}

TEST_CASE("uploader: with a budget below two segments the server hears in time that its answer is waited for") {
  Bench b;
  const std::size_t in_flight = 10 * limits::kMiB;
  CHECK(offer_all(b, in_flight) * 256 * limits::kKiB <= in_flight + 16 * limits::kSolidTarget);
  CHECK(b.vault.largest <= limits::kMaxRecord);
  CHECK(b.vault.longest_unhurried > 0);
  CHECK(b.vault.longest_unhurried <= in_flight / 2 + limits::kMaxRecord);
}
