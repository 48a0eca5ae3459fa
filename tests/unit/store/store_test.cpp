#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "contract/store_contract.hpp"
#include "sim/sim_disk.hpp"
#include "store/directory_store.hpp"
#include "store/memory_store.hpp"

using namespace farkeep;

namespace {

struct World {
  asio::io_context io;
  sim::SimTimers timers;
  InlineWorkers workers;
  SystemRandom random;
  sim::SimDisk disk;

  template <class T>
  T run(task<T> work) {
    return sim::run(io, timers, std::move(work));
  }
  std::unique_ptr<DirectoryStore> open() { return run(DirectoryStore::open(disk, workers, random, "/store")); }
  template <class T>
  Errc error_of(task<T> work) {
    try {
      static_cast<void>(run(std::move(work)));
    } catch (const failure& f) {
      return classify(f.code());
    }
    return Errc{};
  }
};

// A real folder that goes with the test.
struct Scratch {
  std::string path;
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "farkeep-store-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Scratch() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("store: memory keeps the contract") {
  contract::StoreContract suite{[] { return std::make_unique<MemoryStore>(); }};
  suite.check();
}

TEST_CASE("store: a directory on the machine's disk keeps the contract") {
  Scratch scratch;
  World w;
  int n = 0;
  contract::StoreContract suite{[&]() -> std::unique_ptr<Store> {
    return w.run(DirectoryStore::open(system_disk(), w.workers, w.random, scratch.path + "/" + std::to_string(n++)));
  }};
  suite.check();
}

TEST_CASE("store: a directory on the simulated disk keeps the contract") {
  std::vector<std::unique_ptr<World>> worlds;
  contract::StoreContract suite{[&]() -> std::unique_ptr<Store> {
    worlds.push_back(std::make_unique<World>());
    return worlds.back()->open();
  }};
  suite.check();
}

TEST_CASE("directory store: a second process is kept out") {
  World w;
  auto first = w.open();
  CHECK(w.error_of(DirectoryStore::open(w.disk, w.workers, w.random, "/store")) == Errc::busy);
  first.reset();
  CHECK(w.open());
}

TEST_CASE("directory store: the id lasts, and a new store has another") {
  World w, other;
  auto store = w.open();
  StoreId id = store->id();
  CHECK_FALSE(id.is_zero());
  store.reset();
  CHECK(w.open()->id() == id);
  CHECK_FALSE(other.open()->id() == id);
}

TEST_CASE("directory store: a damaged id is an error, not a new store") {
  World w;
  w.open().reset();
  w.disk.set_content("/store/store-id", to_buffer(as_bytes("xyz")));
  CHECK(w.error_of(DirectoryStore::open(w.disk, w.workers, w.random, "/store")) == Errc::damaged);
}

TEST_CASE("directory store: a full disk refuses the put, harms nothing, and leaves no temporary file") {
  World w;
  auto store = w.open();
  w.run(store->put("a", Buffer(100, 1)));
  const auto before = w.disk.files();
  for (std::uint64_t at = 0; at < 4; ++at) {
    w.disk.fail_after(at, Errc::no_space, true);
    CHECK(w.error_of(store->put("b/c", Buffer(100, 2))) == Errc::no_space);
    w.disk.heal();
    CHECK_FALSE(w.run(store->get("b/c")));
    CHECK(w.run(store->get("a")) == Buffer(100, 1));
    // What could not be removed while the disk refused everything goes at the next opening.
    store.reset();
    store = w.open();
    CHECK(w.disk.files() == before);
  }
  w.run(store->put("b/c", Buffer(100, 2)));
  CHECK(w.run(store->get("b/c")) == Buffer(100, 2));
}

TEST_CASE("directory store: a failed sync is not repeated, and the object does not exist") {
  World w;
  auto store = w.open();
  w.run(store->put("d/first", Buffer{1}));
  auto upload = w.run(store->begin("d/second"));
  w.run(upload->append(Buffer(10, 7)));
  w.disk.fail_after(0, Errc::io, false);  // the sync of the file
  CHECK(w.error_of(upload->finish()) == Errc::io);
  upload.reset();
  CHECK_FALSE(w.run(store->get("d/second")));
  w.run(store->put("d/third", Buffer{3}));  // another file is another matter
  CHECK(w.run(store->get("d/third")) == Buffer{3});
}

TEST_CASE("directory store: after a failed sync of a folder it writes no more until it is opened anew") {
  World w;
  auto store = w.open();
  w.run(store->put("d/first", Buffer{1}));
  w.disk.fail_after(4, Errc::io, false);  // make, write, sync, rename, and then the folder
  CHECK(w.error_of(store->put("d/second", Buffer{2})) == Errc::io);
  CHECK(w.error_of(store->put("d/third", Buffer{3})) == Errc::io);
  CHECK(w.error_of(store->remove("d/first")) == Errc::io);
  CHECK(w.run(store->get("d/first")) == Buffer{1});
  // The name that may or may not last counts as absent, so that nobody promises anything because of it.
  CHECK_FALSE(w.run(store->get("d/second")));
  CHECK(w.error_of(store->get_range("d/second", 0, 1)) == Errc::not_found);
  CHECK(w.run(store->list("d/")) == std::vector<ObjectInfo>{{"d/first", 1}});
  store.reset();
  store = w.open();
  w.run(store->put("d/third", Buffer{3}));
  CHECK(w.run(store->get("d/third")) == Buffer{3});
}

TEST_CASE("directory store: a name that a killed process left unsynced lasts from when it is listed") {
  for (bool listed : {false, true}) {
    World w;
    std::mt19937 rng{1};
    auto store = w.open();
    w.run(store->put("d/first", Buffer{1}));
    w.disk.fail_after(4, Errc::io, true);  // killed between the name and the folder's sync
    CHECK(w.error_of(store->put("d/second", Buffer{2})) == Errc::io);
    store.reset();
    w.disk.heal();
    store = w.open();
    if (listed) CHECK(w.run(store->list("")).size() == 2);
    store.reset();
    w.disk.cut_power_after(0);
    w.disk.power_on(sim::Cut::drop_all, rng);
    store = w.open();
    CHECK(w.run(store->get("d/second")).has_value() == listed);
    CHECK(w.run(store->get("d/first")) == Buffer{1});
  }
}

TEST_CASE("directory store: an interrupted upload can be read until it is discarded") {
  World w;
  std::mt19937 rng{1};
  auto store = w.open();
  auto upload = w.run(store->begin("v/seg/1"));
  w.run(upload->append(to_buffer(as_bytes("half a segment"))));
  w.disk.sync_folder("/store/tmp");
  w.disk.cut_power_after(0);
  CHECK(w.error_of(store->put("x", Buffer{})) == Errc::io);
  upload.reset();
  store.reset();
  w.disk.power_on(sim::Cut::tear_last, rng);

  store = w.open();
  CHECK(w.run(store->list("")).empty());
  auto left = w.run(store->leftovers("v/"));
  REQUIRE(left.size() == 1);
  CHECK(left[0].name == "v/seg/1");
  CHECK(w.run(store->leftovers("other/")).empty());
  auto body = w.run(store->get_leftover("v/seg/1"));
  REQUIRE(body);
  CHECK(std::string_view{"half a segment"}.starts_with(to_string(*body)));
  w.run(store->discard_leftover("v/seg/1"));
  CHECK(w.run(store->leftovers("")).empty());
  store.reset();
  store = w.open();
  CHECK(w.run(store->leftovers("")).empty());
}
