// How fast is a vault?  Index lookups from the page cache, putting records into memory and into a folder, the check before
// a commit.  usage: bench_vault [FOLDER]; needs about 1 GB there (default: the folder for temporary files).

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <cstdlib>
#include <random>

#include "archive/envelope_record.hpp"
#include "archive/record_layout.hpp"
#include "async/race.hpp"
#include "async/workers.hpp"
#include "base/codec.hpp"
#include "crypto/digest.hpp"
#include "store/directory_store.hpp"
#include "store/memory_store.hpp"
#include "vault/vault.hpp"

using namespace farkeep;

namespace {

using Steady = std::chrono::steady_clock;
double seconds_since(Steady::time_point start) { return std::chrono::duration<double>(Steady::now() - start).count(); }

std::mt19937_64 rng{1};

ObjectId random_id() {
  ObjectId id;
  for (std::size_t i = 0; i < 32; i += 8) {
    std::uint64_t v = rng();
    std::memcpy(id.bytes.data() + i, &v, 8);
  }
  return id;
}

Buffer record(ObjectType type, const std::vector<ObjectId>& ids, const std::vector<ObjectId>& refs, std::size_t sealed) {
  Buffer out;
  out.reserve(record_header_size(type, ids.size(), refs.size()) + sealed);
  Writer w{out};
  w.raw(kRecordMagic);
  w.number(kRecordSuite);
  w.number(static_cast<std::uint8_t>(type));
  w.number(static_cast<std::uint16_t>(ids.size()));
  w.number(static_cast<std::uint32_t>(refs.size()));
  w.number(static_cast<std::uint32_t>(sealed));
  w.raw(SessionId{}.view());
  out.resize(kRecordFixed, 1);
  for (const ObjectId& id : ids) w.raw(id.view());
  if (type == ObjectType::node) w.number(static_cast<std::uint32_t>(refs.size()));
  for (const ObjectId& id : refs) w.raw(id.view());
  out.resize(out.size() + sealed, 0x5a);
  return out;
}

struct World {
  asio::io_context io;
  ThreadWorkers workers{2};
  AsioTimers timers;
  SystemRandom random;

  template <class T>
  T run(task<T> work) {
    std::exception_ptr error;
    bool done = false;
    auto ended = [&](const std::exception_ptr& e) {
      error = e;
      done = true;
    };
    io.restart();
    if constexpr (std::is_void_v<T>) {
      asio::co_spawn(io, std::move(work), ended);
      while (!done) io.run_one();
      if (error) std::rethrow_exception(error);
    } else {
      std::optional<T> value;
      asio::co_spawn(io, detail::store(std::move(work), value), ended);
      while (!done) io.run_one();
      if (error) std::rethrow_exception(error);
      return std::move(*value);
    }
  }
};

void lookups(const std::string& folder, std::size_t count) {
  std::vector<IndexEntry> entries(count);
  for (std::size_t i = 0; i < count; ++i) {
    entries[i].id = random_id();
    entries[i].place.segment = static_cast<std::uint32_t>(i);
  }
  std::sort(entries.begin(), entries.end(), [](const IndexEntry& a, const IndexEntry& b) { return a.id < b.id; });
  const std::string path = folder + "/table";
  auto start = Steady::now();
  IndexTableWriter writer{system_disk(), path, count};
  for (const IndexEntry& e : entries) writer.add(e);
  writer.finish();
  double const writing = seconds_since(start);
  start = Steady::now();
  auto table = IndexTable::open(system_disk(), path);
  double const opening = seconds_since(start);

  constexpr std::size_t kAsk = 300000;
  std::vector<ObjectId> present, absent;
  for (std::size_t i = 0; i < kAsk; ++i) {
    present.push_back(entries[rng() % count].id);
    absent.push_back(random_id());
  }
  IndexTable::Lookup lookup{*table};
  std::size_t found = 0;
  auto measure = [&](const std::vector<ObjectId>& ids) {
    auto begin = Steady::now();
    for (const ObjectId& id : ids) found += lookup.find(id).has_value();
    return seconds_since(begin) / static_cast<double>(ids.size()) * 1e6;
  };
  measure(present);  // warms the page cache
  double const hit = measure(present), miss = measure(absent);
  std::sort(present.begin(), present.end());
  double const ascending = measure(present);
  std::printf("index  %8zu ids: hit %.2f us, ascending %.2f us, miss %.3f us; memory %.1f MiB; written in %.2f s, opened in %.3f s%s\n",
              count, hit, ascending, miss, static_cast<double>(table->memory()) / 1048576, writing, opening,
              found == 3 * kAsk ? "" : "  WRONG");
  table.reset();
  std::filesystem::remove(path);
}

// Sixteen puts of a MiB in flight, as a connection has them.
task<void> putter(Vault& vault, std::vector<Buffer>& bodies, std::size_t& next, std::size_t& running) {
  while (next < bodies.size()) {
    Buffer body = std::move(bodies[next++]);
    co_await vault.put(std::move(body));
  }
  --running;
}

void puts(World& w, Store& store, const std::string& cache, const char* what, std::size_t record_size) {
  constexpr std::size_t kTotal = std::size_t{768} << 20, kBody = std::size_t{1} << 20;
  std::vector<Buffer> bodies;
  for (std::size_t total = 0; total < kTotal; total += kBody) {
    Buffer body;
    while (body.size() + record_size <= kBody + 100) append(body, record(ObjectType::data, {random_id()}, {}, record_size - 88));
    bodies.push_back(std::move(body));
  }
  std::size_t bytes = 0;
  for (const Buffer& b : bodies) bytes += b.size();
  AgentId agent;
  agent.bytes.fill(static_cast<std::uint8_t>(record_size >> 10));
  auto vault = w.run(Vault::open(store, system_disk(), cache, AccountId{}, agent, w.workers, w.timers, VaultSettings{}));
  w.run(vault->put(make_envelope_record(SessionId{}, Buffer(60, 1))));
  std::size_t next = 0, running = 40;
  auto start = Steady::now();
  for (std::size_t i = 0, all = running; i < all; ++i)
    asio::co_spawn(w.io, putter(*vault, bodies, next, running), [](const std::exception_ptr& e) {
      if (e) std::rethrow_exception(e);
    });
  w.io.restart();
  bool flushed = false;
  while (running > 0) {
    w.io.run_one();
    if (next == bodies.size() && !flushed) {
      flushed = true;
      asio::co_spawn(w.io, vault->flush(), [](const std::exception_ptr&) {});
    }
  }
  double const seconds = seconds_since(start);
  std::printf("put    %s, records of %zu KiB: %.0f MB/s\n", what, record_size >> 10, static_cast<double>(bytes) / seconds / 1e6);
  w.run(vault->close());
}

struct Judge final : ManifestJudge {
  ManifestFacts facts;
  result<ManifestFacts> judge(ByteView) override { return facts; }
};
struct Receipts final : ReceiptMaker {
  std::int64_t time_ns() const override { return 0; }
  Buffer make(const AccountId&, const AgentId&, std::uint64_t, const Digest&) override { return Buffer(200, 1); }
};

void closure(World& w, const std::string& cache) {
  constexpr std::size_t kLeaves = 800, kRefs = 1000;
  MemoryStore store;
  auto vault = w.run(Vault::open(store, system_disk(), cache, AccountId{}, AgentId{}, w.workers, w.timers, VaultSettings{}));
  auto put = [&](Buffer body) {
    asio::co_spawn(w.io, vault->put(std::move(body)), [](const std::exception_ptr& e) {
      if (e) std::rethrow_exception(e);
    });
    w.run(vault->room());
  };
  w.run(vault->put(make_envelope_record(SessionId{}, Buffer(60, 1))));  // received before anything that it seals
  std::vector<ObjectId> leaves;
  for (std::size_t i = 0; i < kLeaves; ++i) {
    std::vector<ObjectId> refs(kRefs);
    for (ObjectId& id : refs) id = random_id();
    put(record(ObjectType::data, refs, {}, 65536));
    leaves.push_back(random_id());
    put(record(ObjectType::node, {leaves.back()}, refs, 20000));
  }
  ObjectId root = random_id();
  put(record(ObjectType::node, {root}, leaves, 20000));
  w.run(vault->flush());
  Judge judge;
  judge.facts.sequence = 1;
  judge.facts.root = root;
  Receipts receipts;
  auto start = Steady::now();
  auto first = w.run(vault->commit(Buffer(300, 1), judge, receipts, false));
  double const cold = seconds_since(start);
  judge.facts.previous = judge.facts.digest;
  judge.facts.sequence = 2;
  judge.facts.digest.bytes.fill(2);
  start = Steady::now();
  auto second = w.run(vault->commit(Buffer(300, 1), judge, receipts, false));
  double const again = seconds_since(start);
  std::printf("commit %zu references in %zu new nodes: %.3f us a reference, %.0f ms%s; nothing new: %.2f ms\n", kLeaves * kRefs, kLeaves + 1,
              cold / (kLeaves * kRefs) * 1e6, cold * 1e3, first.receipt && second.receipt ? "" : "  WRONG", again * 1e3);
  w.run(vault->close());
}

}  // namespace

int main(int argc, char** argv) {
  std::string pattern = std::string{argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string()} + "/farkeep-bench-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return 1;
  const std::string folder = pattern;
  World w;
  lookups(folder, 1000000);
  lookups(folder, 5000000);
  for (std::size_t size : {std::size_t{1} << 20, std::size_t{128} << 10}) {
    MemoryStore memory;
    puts(w, memory, folder + "/cache-m", "memory", size);
    auto store = w.run(DirectoryStore::open(system_disk(), w.workers, w.random, folder + "/store"));
    puts(w, *store, folder + "/cache-d", "folder", size);
    store.reset();
    std::filesystem::remove_all(folder + "/store");
    std::filesystem::remove_all(folder + "/cache-m");
    std::filesystem::remove_all(folder + "/cache-d");
  }
  closure(w, folder + "/cache-c");
  std::filesystem::remove_all(folder);
}
