#include <catch2/catch.hpp>
#include <map>

#include "base/check.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"
#include "store/directory_store.hpp"

using namespace farkeep;
using sim::Cut;

namespace {

/// What the store had promised when the power went.
struct Promises {
  std::map<std::string, Buffer> whole;    // returned from put, put_new or finish
  std::map<std::string, Buffer> started;  // may be there, whole, or not
  std::map<std::string, Buffer> before;   // what was there may be there still, in place of what was started
  std::set<std::string> removed;          // returned from remove
};

Buffer body_of(int n) { return Buffer(static_cast<std::size_t>(100 + 37 * n), static_cast<std::uint8_t>(n)); }

// A little of everything, in the order in which a vault does it.
task<void> workload(Store& store, Promises& p) {
  for (int round = 0; round < 2; ++round) {
    const std::string segment = "v/seg/" + std::to_string(round), snapshot = "v/snap/" + std::to_string(round);
    Buffer all;
    auto upload = co_await store.begin(segment);
    for (int i = 0; i < 3; ++i) {
      Buffer piece = body_of(round * 10 + i);
      append(all, piece);
      p.started[segment] = all;
      co_await upload->append(std::move(piece));
    }
    co_await upload->finish();
    p.whole[segment] = all;
    Buffer body = body_of(round + 5);
    p.started[snapshot] = body;
    bool const made = co_await store.put_new(snapshot, body);
    FARKEEP_CHECK(made);
    p.whole[snapshot] = body;
    p.started["slot"] = body_of(1);
    co_await store.put("slot", body_of(1));
    p.whole["slot"] = body_of(1);
    const std::string partner = "v/partner/0";
    if (auto const there = p.whole.extract(partner)) p.before[partner] = there.mapped();
    p.started[partner] = body_of(round + 7);
    co_await store.replace(partner, body_of(round + 7));
    p.whole[partner] = body_of(round + 7);
    p.before.clear();
  }
  p.whole.erase("v/seg/0");
  co_await store.remove("v/seg/0");
  p.started.erase("v/seg/0");
  p.removed.insert("v/seg/0");
}

}  // namespace

TEST_CASE("directory store: the power goes at every disk operation, and what was promised is whole") {
  std::mt19937 rng{20260101};
  SystemRandom random;
  InlineWorkers workers;
  std::uint64_t length = 0;
  {
    sim::SimDisk disk;
    asio::io_context io;
    sim::SimTimers timers;
    auto store = sim::run(io, timers, DirectoryStore::open(disk, workers, random, "/s"));
    Promises p;
    sim::run(io, timers, workload(*store, p));
    length = disk.operations();
    REQUIRE(length > 40);
  }
  for (Cut cut : {Cut::drop_all, Cut::keep_some, Cut::tear_last}) {
    for (std::uint64_t at = 0; at <= length; ++at) {
      for (int repeat = 0; repeat < (cut == Cut::drop_all ? 1 : 5); ++repeat) {
        INFO("operation " << at << ", cut " << static_cast<int>(cut));
        sim::SimDisk disk;
        asio::io_context io;
        sim::SimTimers timers;
        Promises p;
        disk.cut_power_after(at);
        try {
          auto store = sim::run(io, timers, DirectoryStore::open(disk, workers, random, "/s"));
          sim::run(io, timers, workload(*store, p));
        } catch (const failure& f) {
          REQUIRE(classify(f.code()) == Errc::io);
        }
        disk.power_on(cut, rng);

        auto store = sim::run(io, timers, DirectoryStore::open(disk, workers, random, "/s"));
        for (const auto& [name, body] : p.whole) REQUIRE(sim::run(io, timers, store->get(name)) == body);
        for (const auto& [name, body] : p.before) REQUIRE(sim::run(io, timers, store->get(name)));
        for (const auto& info : sim::run(io, timers, store->list(""))) {
          INFO(info.name);
          REQUIRE_FALSE(p.removed.contains(info.name));
          auto seen = sim::run(io, timers, store->get(info.name));
          REQUIRE(seen);
          auto expected = p.started.find(info.name);
          REQUIRE(expected != p.started.end());
          auto const before = p.before.find(info.name);
          REQUIRE((*seen == expected->second || (before != p.before.end() && *seen == before->second)));  // never half of it
        }
        for (const auto& left : sim::run(io, timers, store->leftovers("")))
          REQUIRE(sim::run(io, timers, store->get_leftover(left.name)));
        // And it works again.
        sim::run(io, timers, store->put("after", Buffer{9}));
        REQUIRE(sim::run(io, timers, store->get("after")) == Buffer{9});
      }
    }
  }
}
