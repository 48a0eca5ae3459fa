#include "vault/vault.hpp"


#include <boost/asio/bind_cancellation_slot.hpp>

#include "unit/vault/vault_world.hpp"
#include "vault/vault_limits.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

TEST_CASE("vault: put is answered when the records are durable, at the latest after the segment's age") {
  World w;
  w.open();
  auto start = w.timers.now();
  w.put_later({envelope(), chunk(1)});
  CHECK_FALSE(w.put_results[0]);
  CHECK(w.has(object(1)));  // received counts for have
  CHECK(w.run(w.store->list("v/")).empty());
  CHECK(w.get({object(1)}).missing.size() == 1);  // but is not handed out
  sim::run_until(w.io, w.timers, [&] { return w.put_results[0].has_value(); });
  CHECK(w.put_results[0] == Errc{});
  CHECK(w.timers.now() - start == w.settings.segment_age);
  CHECK(w.get({object(1)}).records == std::vector<Buffer>{chunk(1)});
  CHECK(w.vault->objects() == 2);
}

TEST_CASE("vault: a segment that reaches its target does not wait for its age") {
  World w;
  w.open();
  auto start = w.timers.now();
  w.put_later({envelope(), chunk(1, 2000)});
  CHECK_FALSE(w.put_results[0]);
  w.put_later({chunk(2, 3000)});
  CHECK(w.put_results[0] == Errc{});
  CHECK(w.put_results[1] == Errc{});
  CHECK(w.timers.now() == start);
}

TEST_CASE("vault: a put in haste ends the segment that holds two MiB, and a smaller one has to wait") {
  World w;
  w.settings.segment_target = limits::kSegmentTarget;
  w.open();
  auto const start = w.timers.now();
  w.put_later({envelope(), chunk(1, 3 * limits::kMiB / 2)}, Vault::Haste::soon);
  CHECK_FALSE(w.put_results[0]);
  w.put_later({chunk(2, 3 * limits::kMiB / 2)});
  CHECK_FALSE(w.put_results[1]);
  w.put_later({chunk(3)}, Vault::Haste::soon);
  for (auto& result : w.put_results) CHECK(result == Errc{});
  CHECK(w.timers.now() == start);
}

TEST_CASE("vault: a put in haste that overtakes another one waits for it") {
  World w;
  w.settings.segment_target = limits::kSegmentTarget;
  LateWorkers workers;
  w.store = w.run(DirectoryStore::open(w.disk, w.workers, w.random, "/store"));
  w.vault = w.run(Vault::open(*w.store, w.disk, "/cache", w.account, w.agent, workers, w.timers, w.settings));
  w.put({envelope()});
  auto const start = w.timers.now();
  workers.armed = true;
  w.put_later({chunk(1, 3 * limits::kMiB / 2)});
  w.put_later({chunk(2, 3 * limits::kMiB / 2)}, Vault::Haste::soon);
  CHECK(w.has(object(2)));
  CHECK_FALSE(w.has(object(1)));
  workers.let_go();
  w.settle();
  CHECK(w.put_results[1] == Errc{});
  CHECK(w.put_results[2] == Errc{});
  CHECK(w.timers.now() == start);
  w.close();
}

TEST_CASE("vault: what it holds outlasts the program, with and without the cache") {
  World w;
  w.open();
  w.put({envelope(), chunk(1), chunk(2)});
  w.put({node(3, {1, 2})});
  std::uint64_t const bytes = w.vault->stored_bytes();
  for (bool without_cache : {false, true}) {
    w.close();
    if (without_cache) w.disk.remove_tree("/cache");
    w.open();
    CHECK(w.vault->objects() == 4);
    CHECK(w.vault->stored_bytes() == bytes);
    CHECK(w.has(object(2)));
    CHECK_FALSE(w.has(object(9)));
    auto got = w.get({object(3), object(1), object(9)});
    CHECK(got.records == std::vector<Buffer>{chunk(1), node(3, {1, 2})});
    CHECK(got.missing == std::vector<ObjectId>{object(9)});
  }
}

TEST_CASE("vault: have answers for each id, in the order asked") {
  World w;
  w.open();
  w.put({envelope(), chunk(1), chunk(3), chunk(8), chunk(9)});
  std::vector<ObjectId> ids;
  for (std::uint64_t i = 0; i < 10; ++i) ids.push_back(object(i));
  CHECK(w.run(w.vault->have(ids)) == std::vector<bool>{false, true, false, true, false, false, false, false, true, true});
  CHECK(w.run(w.vault->have({})).empty());
  CHECK(w.error_of(w.vault->have(std::vector<ObjectId>(limits::kIdsPerQuestion + 1))) == Errc::too_large);
}

TEST_CASE("vault: a record before its session's envelope is refused, and nothing of its body is kept") {
  World w;
  w.open();
  CHECK(w.error_of(w.vault->put(chunk(1))) == Errc::missing_object);
  CHECK(w.error_of(w.vault->put(join({chunk(1), envelope()}))) == Errc::missing_object);
  CHECK_FALSE(w.has(object(1)));
  CHECK_FALSE(w.has(envelope_id(session())));
  w.put_later({envelope()});
  w.put_later({chunk(1)});  // the envelope was received: that is enough
  w.run(w.vault->flush());
  w.settle();
  CHECK(w.put_results == std::vector<std::optional<Errc>>{Errc{}, Errc{}});
  auto other = record(ObjectType::data, {Made{object(2), {}}}, 10, session(2));
  CHECK(w.error_of(w.vault->put(join({chunk(3), other}))) == Errc::missing_object);
  CHECK_FALSE(w.has(object(3)));
  w.reopen();
  w.put({chunk(3)});
  CHECK(w.put_results.back() == Errc{});
}

TEST_CASE("vault: bytes that are no records are refused") {
  World w;
  w.open();
  CHECK(w.error_of(w.vault->put(Buffer(10, 1))) == Errc::malformed);
  Buffer cut = envelope();
  cut.pop_back();
  CHECK(w.error_of(w.vault->put(cut)) == Errc::malformed);
  w.run(w.vault->put(Buffer{}));
}

TEST_CASE("vault: a record that is here is dropped, one with anything new is kept whole") {
  World w;
  w.open();
  w.put({envelope(), chunk(1), chunk(2)});
  auto const bytes = w.vault->stored_bytes();
  w.run(w.vault->put(join({chunk(1), envelope(), chunk(2)})));  // returns at once: all durable
  CHECK(w.vault->stored_bytes() == bytes);
  auto half = record(ObjectType::data, {Made{object(1), {}}, Made{object(7), {}}});
  w.put({half, chunk(2), chunk(8)});
  CHECK(w.get({object(7)}).records == std::vector<Buffer>{half});
  CHECK(w.get({object(8)}).records == std::vector<Buffer>{chunk(8)});
  CHECK(w.vault->objects() == 5);
}

TEST_CASE("vault: two sessions that send one record get one copy, and both wait for it") {
  World w;
  w.open();
  w.put_later({envelope(), chunk(1)});
  w.put_later({chunk(1)});
  w.put_later({chunk(1), chunk(2)});
  for (auto& r : w.put_results) CHECK_FALSE(r);
  w.run(w.vault->flush());
  w.settle();
  for (auto& r : w.put_results) CHECK(r == Errc{});
  CHECK(w.vault->objects() == 3);
  auto segments = w.run(w.store->list("v/"));
  REQUIRE(segments.size() == 1);
  CHECK(segments[0].size == 96 + 3 * 20 + envelope().size() + chunk(1).size() + chunk(2).size() + 3 * (28 + 32 + 1) + 48);
}

TEST_CASE("vault: a put whose caller went away is durable all the same, and harms nobody") {
  World w;
  w.open();
  asio::cancellation_signal stop;
  bool ended = false;
  Buffer body = join({envelope(), chunk(1)});
  asio::co_spawn(w.io, w.vault->put(std::move(body)), asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr& e) {
                   ended = true;
                   CHECK(e);
                 }));
  w.settle();
  stop.emit(asio::cancellation_type::terminal);
  w.settle();
  CHECK(ended);
  w.put({chunk(2)});
  CHECK(w.get({object(1), object(2)}).records.size() == 2);
}

TEST_CASE("vault: get hands out each record once, in batches of about a MiB") {
  World w;
  w.settings.segment_target = 4 << 20;
  w.open();
  std::vector<Buffer> records{envelope()};
  std::vector<ObjectId> ids;
  for (std::uint64_t i = 0; i < 30; ++i) {
    records.push_back(record(ObjectType::data, {Made{object(2 * i), {}}, Made{object(2 * i + 1), {}}}, 100000));
    ids.push_back(object(2 * i));
    ids.push_back(object(2 * i + 1));
    ids.push_back(object(2 * i));
  }
  w.put(records);
  std::vector<std::size_t> batches;
  std::size_t count = 0;
  auto sink = [&](Buffer b) -> task<void> {
    batches.push_back(b.size());
    count += split_records(b)->size();
    co_return;
  };
  CHECK(w.run(w.vault->get(ids, sink)).empty());
  CHECK(count == 30);
  CHECK(batches.size() == 3);
  for (std::size_t b : batches) CHECK(b <= limits::kMiB);
}

TEST_CASE("vault: a quota refuses new data and nothing else") {
  World w;
  w.open();
  SmallSnapshot s{100, 1, Digest{}};
  w.put({envelope()});
  w.put(s.records);
  w.vault->set_quota(w.vault->stored_bytes() + 1000);
  CHECK(w.error_of(w.vault->put(chunk(999, 1500))) == Errc::quota);
  CHECK_FALSE(w.has(object(999)));
  w.run(w.vault->put(s.records[0]));  // is here already
  CHECK(w.commit(s.manifest).receipt);
  w.vault->set_quota(0);
  w.put({chunk(999, 1500)});
  CHECK(w.has(object(999)));
}

TEST_CASE("vault: key slots are kept, each once, in order") {
  World w;
  w.open();
  w.run(w.vault->add_slot(Buffer(10, 1), SlotFrom::agent, 5));
  w.run(w.vault->add_slot(Buffer(10, 2), SlotFrom::agent, 5));
  w.run(w.vault->add_slot(Buffer(10, 1), SlotFrom::agent, 5));
  CHECK(w.run(w.vault->slots()) == std::vector<Buffer>{Buffer(10, 1), Buffer(10, 2)});
  CHECK(w.error_of(w.vault->add_slot(Buffer(vault_limits::kMaxSlot + 1), SlotFrom::agent, 5)) == Errc::too_large);
  w.reopen();
  w.run(w.vault->add_slot(Buffer(10, 3), SlotFrom::agent, 5));
  CHECK(w.run(w.vault->slots()).size() == 3);
}

namespace {

constexpr std::int64_t kDay = std::int64_t{86'400} * 1'000'000'000;

}  // namespace

TEST_CASE("vault: the partner fills half of the key slots at most, nobody more than sixteen a day, and an operator makes room") {
  World w;
  w.open();
  std::uint8_t next = 0;
  auto const add = [&](SlotFrom from, std::int64_t day) { return w.error_of(w.vault->add_slot(Buffer(10, next++), from, day * kDay)); };
  for (int i = 0; i < 16; ++i) CHECK(add(SlotFrom::partner, 20'000) == Errc{});
  CHECK(add(SlotFrom::partner, 20'000) == Errc::quota);
  w.reopen();
  CHECK(add(SlotFrom::partner, 20'000) == Errc::quota);
  for (int i = 0; i < 16; ++i) CHECK(add(SlotFrom::agent, 20'000) == Errc{});
  CHECK(add(SlotFrom::agent, 20'000) == Errc::quota);
  for (int i = 0; i < 16; ++i) CHECK(add(SlotFrom::partner, 20'001) == Errc{});
  CHECK(add(SlotFrom::partner, 20'002) == Errc::quota);
  for (int i = 0; i < 16; ++i) CHECK(add(SlotFrom::agent, 20'001) == Errc{});
  CHECK(add(SlotFrom::agent, 20'002) == Errc::quota);  // sixty-four
  CHECK(w.run(w.vault->slots()).size() == 64);

  auto const names = w.run(w.store->list("v/" + w.account.hex() + "/" + w.agent.hex() + "/slot/"));
  auto const number = VaultLayout::number_of(names.at(20).name).value();
  auto const junk = w.run(w.vault->slots()).at(20);
  w.run(w.vault->set_slot_aside(number));
  w.run(w.vault->set_slot_aside(number));  // the order once more, after a crash
  CHECK(w.run(w.vault->slots()).size() == 63);
  CHECK(w.error_of(w.vault->set_slot_aside(number + 1000)) == Errc::not_found);
  CHECK(w.error_of(w.vault->add_slot(junk, SlotFrom::agent, 20'002 * kDay)) == Errc::quota);  // it does not come back
  w.reopen();
  CHECK(w.error_of(w.vault->add_slot(junk, SlotFrom::partner, 20'003 * kDay)) == Errc::quota);
  CHECK(add(SlotFrom::agent, 20'002) == Errc{});
}

TEST_CASE("vault: a key slot that was set aside keeps its number and counts to its day, and the next one that is set aside does not take its place") {
  World w;
  w.open();
  auto const folder = "v/" + w.account.hex() + "/" + w.agent.hex();
  for (std::uint8_t i = 0; i < 16; ++i) {
    w.run(w.vault->add_slot(Buffer(50, i), SlotFrom::agent, 20'000 * kDay));
    auto const there = w.run(w.store->list(folder + "/slot/"));
    REQUIRE(there.size() == 1);
    w.run(w.vault->set_slot_aside(VaultLayout::number_of(there.at(0).name).value()));
    CHECK(w.run(w.store->list(folder + "/slot-aside/")).size() == i + 1U);
  }
  CHECK(w.error_of(w.vault->add_slot(Buffer(50, 99), SlotFrom::agent, 20'000 * kDay)) == Errc::quota);
  CHECK(w.error_of(w.vault->add_slot(Buffer(50, 99), SlotFrom::agent, 20'001 * kDay)) == Errc{});
}

TEST_CASE("vault: no more key slots than fit one answer, and what an earlier version took beyond that is passed over") {
  World w;
  w.open();
  w.run(w.store->put("v/" + w.account.hex() + "/" + w.agent.hex() + "/slot/0000000000000001", encode_slot(Buffer(vault_limits::kMaxSlot + 1, 9))));
  w.reopen();
  CHECK(w.run(w.vault->slots()).empty());
  for (std::size_t i = 0; i < vault_limits::kMaxSlots; ++i) {
    Buffer slot(vault_limits::kMaxSlot, static_cast<std::uint8_t>(i));
    w.run(w.vault->add_slot(std::move(slot), SlotFrom::agent, static_cast<std::int64_t>(1 + i / vault_limits::kSlotsADay) * kDay));
  }
  CHECK(w.error_of(w.vault->add_slot(Buffer(1, 200), SlotFrom::agent, 9 * kDay)) == Errc::quota);
  CHECK(w.run(w.vault->slots()).size() == vault_limits::kMaxSlots);
  CHECK(vault_limits::kMaxSlots * (vault_limits::kMaxSlot + 8) < limits::kMaxFrameHead);
}

TEST_CASE("vault: a key slot that may or may not last is not taken for kept when it comes again") {
  World w;
  w.open();
  w.run(w.vault->add_slot(Buffer(10, 1), SlotFrom::agent, 5));
  CHECK(w.run(w.vault->slots()).size() == 1);
  w.disk.fail_after(4, Errc::io, false);  // make, write, sync, rename, and then the folder
  CHECK(w.error_of(w.vault->add_slot(Buffer(10, 2), SlotFrom::agent, 5)) == Errc::io);
  CHECK(w.run(w.vault->slots()).size() == 1);
  w.run(w.vault->add_slot(Buffer(10, 2), SlotFrom::agent, 5));
  std::mt19937 rng{1};
  w.disk.cut_power();
  try {
    w.close();
  } catch (const failure&) {
  }
  w.disk.power_on(sim::Cut::drop_all, rng);
  w.open();
  CHECK(w.run(w.vault->slots()) == std::vector<Buffer>{Buffer(10, 1), Buffer(10, 2)});
}

TEST_CASE("vault: a full disk in the middle of a put: an error, no promise, and all is well when there is space again") {
  // The first round goes undisturbed and counts.
  constexpr std::uint64_t kNever = 1000000;
  std::uint64_t operations = 0;
  int tended = 0;
  for (std::uint64_t at = kNever; at == kNever || at < operations; at = at == kNever ? 0 : at + 1) {
    INFO("operation " << at);
    World w;
    w.open();
    w.put({envelope(), chunk(1)});
    std::uint64_t const before = w.disk.operations();
    w.disk.fail_after(at, Errc::no_space, true);
    w.put_later({chunk(2, 3000)});
    w.put_later({chunk(3, 3000)});
    w.put_later({chunk(4, 100)});
    try {
      w.run(w.vault->flush());
    } catch (const failure& f) {
      CHECK(classify(f.code()) == Errc::no_space);
    }
    w.settle();
    if (at == kNever) operations = w.disk.operations() - before;
    w.disk.heal();
    for (std::uint64_t i = 0; i < 3; ++i) {
      REQUIRE(w.put_results[i + 1]);
      if (*w.put_results[i + 1] == Errc{}) {
        REQUIRE(w.get({object(i + 2)}).records.size() == 1);
      } else {
        REQUIRE_FALSE(w.has(object(i + 2)));
      }
    }
    REQUIRE(w.get({object(1)}).records.size() == 1);
    // Whatever was promised before, something in this is new and has to be written.
    const Buffer all = join({chunk(2, 3000), chunk(3, 3000), chunk(4, 100), chunk(5, 100)});
    if (Errc const again = w.error_of(w.vault->put(all)); again != Errc{}) {
      // A folder could not be synced, nor the name in it taken back: only then does the store want to be looked after.
      REQUIRE(again == Errc::no_space);
      ++tended;
      REQUIRE(w.run(w.store->tend()).takes_writes);
      w.run(w.vault->put(all));
    }
    REQUIRE(w.get({object(1), object(2), object(3), object(4), object(5)}).records.size() == 5);
    w.reopen();
    REQUIRE(w.get({object(1), object(2), object(3), object(4), object(5)}).records.size() == 5);
  }
  CHECK(operations > 8);
  CHECK(tended == 2);  // two segments, each with one sync of their folder
}

TEST_CASE("vault: a segment whose sync fails is not acknowledged, nor what came after it, and is not tried again") {
  // The first round goes undisturbed and counts.
  constexpr std::uint64_t kNever = 1000000;
  std::uint64_t operations = 0;
  for (std::uint64_t at = kNever; at == kNever || at < operations; at = at == kNever ? 0 : at + 1) {
    INFO("operation " << at);
    World w;
    w.open();
    w.put({envelope()});
    std::uint64_t const before = w.disk.operations();
    w.disk.fail_after(at, Errc::io, false);
    // Three segments in one turn: the later ones are filled while the first is made durable.
    for (std::uint64_t i = 0; i < 3; ++i) {
      Buffer body = chunk(10 + i, 5000);
      auto place = w.put_results.size();
      w.put_results.emplace_back();
      asio::co_spawn(w.io, w.vault->put(std::move(body)), [&w, place](const std::exception_ptr& e) { w.put_results[place] = e ? Errc::io : Errc{}; });
    }
    w.settle();
    if (at == kNever) operations = w.disk.operations() - before;
    for (std::uint64_t i = 0; i < 3; ++i) {
      REQUIRE(w.put_results[i + 1]);
      bool const acknowledged = *w.put_results[i + 1] == Errc{};
      REQUIRE(w.has(object(10 + i)) == acknowledged);
    }
    w.reopen();
    for (std::uint64_t i = 0; i < 3; ++i)
      if (*w.put_results[i + 1] == Errc{}) REQUIRE(w.get({object(10 + i)}).records.size() == 1);
    w.put({chunk(10, 5000), chunk(11, 5000), chunk(12, 5000)});
    REQUIRE(w.get({object(10), object(11), object(12)}).records.size() == 3);
  }
  CHECK(operations > 10);
}

/// Does work at once, but has no memory for one piece of it.
struct PoorWorkers final : Workers {
  std::size_t threads() const noexcept override { return 1; }
  task<void> run(Job& job) override {
    if (left && (*left)-- == 0) {
      left.reset();
      throw std::bad_alloc{};
    }
    ++done;
    job.work();
    co_return;
  }
  std::optional<std::uint64_t> left;
  std::uint64_t done = 0;
};

TEST_CASE("vault: without memory for a moment, whatever is under way then, every put is answered and later ones are taken") {
  // The first round goes undisturbed and counts.
  constexpr std::uint64_t kNever = 1000000;
  std::uint64_t pieces = 0;
  for (std::uint64_t at = kNever; at == kNever || at < pieces; at = at == kNever ? 0 : at + 1) {
    INFO("piece " << at);
    PoorWorkers workers;
    World w;
    w.settings.segment_target = 1 << 20;
    w.store = w.run(DirectoryStore::open(w.disk, w.workers, w.random, "/store"));
    w.vault = w.run(Vault::open(*w.store, w.disk, "/cache", w.account, w.agent, workers, w.timers, w.settings));
    w.put({envelope()});
    std::uint64_t const before = workers.done;
    workers.left = at;
    int answered = 0;
    std::uint64_t next = 0;
    for (int i = 0; i < 3; ++i) {
      std::vector<Made> objects;
      for (int n = 0; n < 16000; ++n) objects.push_back(Made{object(next++), {}});
      Buffer body = record(ObjectType::data, objects);
      asio::co_spawn(w.io, w.vault->put(std::move(body)), [&](const std::exception_ptr&) { ++answered; });
      w.settle();
      while (w.timers.advance()) w.settle();
    }
    if (at == kNever) pieces = workers.done - before;
    CHECK(answered == 3);
    workers.left.reset();
    w.run(w.vault->put(chunk(next)));
    REQUIRE(w.get({object(next)}).records.size() == 1);
    w.close();
  }
  CHECK(pieces > 3);
}

TEST_CASE("vault: many ids go to tables, tables are merged, and every id is found") {
  World w;
  w.settings.segment_target = 1 << 20;
  w.open();
  w.put({envelope()});
  std::uint64_t next = 0;
  for (int round = 0; round < 12; ++round) {
    std::vector<Made> objects;
    for (int i = 0; i < 16000; ++i) objects.push_back(Made{object(next++), {}});
    w.put({record(ObjectType::data, objects)});
  }
  auto tables = [&] {
    std::size_t n = 0;
    for (const std::string& f : w.disk.files()) n += f.starts_with("/cache/table-");
    return n;
  };
  CHECK(tables() >= 1);
  CHECK(tables() < 4);
  auto all_there = [&] {
    std::size_t found = 0;
    for (std::uint64_t at = 0; at < next + 16000; at += 16000) {
      std::vector<ObjectId> ids;
      for (std::uint64_t i = at; i < at + 16000; ++i) ids.push_back(object(i));
      auto const here = w.run(w.vault->have(ids));
      found += static_cast<std::size_t>(std::count(here.begin(), here.end(), true));
    }
    return found == next;
  };
  CHECK(all_there());
  CHECK(w.vault->objects() == next + 1);
  w.reopen();
  CHECK(all_there());
  CHECK(w.vault->objects() == next + 1);
}
