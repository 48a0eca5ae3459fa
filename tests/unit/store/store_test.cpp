#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "contract/store_contract.hpp"
#include "sim/sim_disk.hpp"
#include "store/directory_store.hpp"
#include "store/memory_store.hpp"

using namespace farkeep;
using sim::Cut;

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

TEST_CASE("directory store: one damaged id is written anew from the other, two are an error and not a new store") {
  World w;
  auto store = w.open();
  auto const id = store->id();
  auto const good = w.disk.content("/store/store-id");
  store.reset();
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char* file : {"/store/store-id", "/store/store-id.copy"}) {
      auto bad = good;
      bad[at] ^= 0x01;  // a digit that becomes another one too
      w.disk.set_content(file, bad);
      CHECK(w.open()->id() == id);
      CHECK(w.disk.content(file) == good);
    }
  }
  w.disk.set_content("/store/store-id", to_buffer(as_bytes("xyz")));
  w.disk.set_content("/store/store-id.copy", Buffer{});
  CHECK(w.error_of(DirectoryStore::open(w.disk, w.workers, w.random, "/store")) == Errc::damaged);
}

TEST_CASE("directory store: an id of version 1, without a checksum, is read and gets one") {
  World w;
  w.open().reset();
  const std::string id = "00112233445566778899aabbccddeeff";
  w.disk.remove("/store/store-id.copy");
  w.disk.set_content("/store/store-id", to_buffer(as_bytes(id + "\n")));
  CHECK(w.open()->id().hex() == id);
  CHECK(w.disk.content("/store/store-id") == w.disk.content("/store/store-id.copy"));
  CHECK(to_string(w.disk.content("/store/store-id")).starts_with(id + " "));
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

// The simulated disk drops what a failed sync should have written, and says yes to the next one.
TEST_CASE("directory store: a name whose sync failed is taken back, and what is promised later lasts") {
  World w;
  std::mt19937 rng{1};
  auto store = w.open();
  w.run(store->put("d/first", Buffer{1}));
  w.disk.fail_after(4, Errc::io, false);  // make, write, sync, rename, and then the folder
  CHECK(w.error_of(store->put("d/second", Buffer{2})) == Errc::io);
  CHECK(w.run(store->list("d/")) == std::vector<ObjectInfo>{{"d/first", 1}});
  w.run(store->put("d/second", Buffer{22}));
  w.run(store->put("d/third", Buffer{3}));
  store.reset();
  w.disk.cut_power();
  w.disk.power_on(Cut::drop_all, rng);
  store = w.open();
  CHECK(w.run(store->get("d/first")) == Buffer{1});
  CHECK(w.run(store->get("d/second")) == Buffer{22});
  CHECK(w.run(store->get("d/third")) == Buffer{3});
}

TEST_CASE("directory store: a name that could not be taken back counts as absent, and nothing is written until tend() has ended it") {
  World w;
  std::mt19937 rng{1};
  auto store = w.open();
  w.run(store->put("d/first", Buffer{1}));
  w.disk.fail_after(4, Errc::io, true);
  CHECK(w.error_of(store->put("d/second", Buffer{2})) == Errc::io);
  CHECK_FALSE(w.run(store->tend()).takes_writes);
  w.disk.heal();
  CHECK(w.error_of(store->put("d/third", Buffer{3})) == Errc::io);
  CHECK(w.error_of(store->remove("d/first")) == Errc::io);
  CHECK(w.run(store->get("d/first")) == Buffer{1});
  CHECK_FALSE(w.run(store->get("d/second")));
  CHECK(w.error_of(store->get_range("d/second", 0, 1)) == Errc::not_found);
  CHECK(w.run(store->list("d/")) == std::vector<ObjectInfo>{{"d/first", 1}});

  auto const health = w.run(store->tend());
  CHECK(health.takes_writes);
  CHECK(health.problem.empty());
  CHECK(w.disk.exists("/store/d/first.obj"));
  CHECK_FALSE(w.disk.exists("/store/d/second.obj"));
  CHECK(w.run(store->put_new("d/second", Buffer{4})));
  w.disk.cut_power();
  store.reset();
  w.disk.power_on(Cut::drop_all, rng);
  store = w.open();
  CHECK(w.run(store->get("d/second")) == Buffer{4});
}

TEST_CASE("directory store: whatever operation fails, and fails on, what is promised after tend() outlives the power") {
  std::mt19937 rng{7};
  for (bool stays : {false, true}) {
    for (std::uint64_t at = 0; at < 14; ++at) {
      INFO("operation " << at << (stays ? " and all after it" : ""));
      World w;
      auto store = w.open();
      w.run(store->put("a/b/first", Buffer{1}));
      w.disk.fail_after(at, Errc::io, stays);
      bool const second = w.error_of(store->put("a/c/second", Buffer{2})) == Errc{};  // a new folder
      bool const removed = w.error_of(store->remove("a/b/first")) == Errc{};
      w.disk.heal();
      CHECK(w.run(store->tend()).takes_writes);
      if (removed) CHECK_FALSE(w.run(store->get("a/b/first")));
      w.run(store->put("a/c/third", Buffer{3}));
      CHECK(w.run(store->put_new("a/c/second", Buffer{4})) == !second);
      w.run(store->remove("a/b/first"));
      store.reset();
      w.disk.cut_power();
      w.disk.power_on(Cut::drop_all, rng);
      store = w.open();
      CHECK(w.run(store->get("a/c/second")) == Buffer{static_cast<std::uint8_t>(second ? 2 : 4)});
      CHECK(w.run(store->get("a/c/third")) == Buffer{3});
      CHECK_FALSE(w.run(store->get("a/b/first")));
    }
  }
}

namespace {

// As a process leaves it that was killed between a name and the sync of its folder.
void name_without_sync(sim::SimDisk& disk, const std::string& path, std::uint8_t content) {
  auto file = disk.open("/store/tmp/p-0000000000000000-x", Open::create_new);
  file->append(Buffer{content});
  file->sync();
  REQUIRE(disk.rename_new("/store/tmp/p-0000000000000000-x", path));
}

}  // namespace

TEST_CASE("directory store: a name that a killed process left unsynced lasts from when it is listed") {
  for (bool listed : {false, true}) {
    World w;
    std::mt19937 rng{1};
    auto store = w.open();
    w.run(store->put("d/first", Buffer{1}));
    store.reset();
    name_without_sync(w.disk, "/store/d/second.obj", 2);
    store = w.open();
    if (listed) CHECK(w.run(store->list("")).size() == 2);
    store.reset();
    w.disk.cut_power();
    w.disk.power_on(sim::Cut::drop_all, rng);
    store = w.open();
    CHECK(w.run(store->get("d/second")).has_value() == listed);
    CHECK(w.run(store->get("d/first")) == Buffer{1});
  }
}

TEST_CASE("directory store: where the names of a folder cannot be synced the newest is written anew, now or when that works") {
  for (bool stays : {false, true}) {
    World w;
    std::mt19937 rng{1};
    auto store = w.open();
    w.run(store->put("d/first", Buffer{1}));
    store.reset();
    name_without_sync(w.disk, "/store/d/second.obj", 2);
    store = w.open();
    w.disk.fail_after(0, Errc::io, stays);
    CHECK(w.run(store->list("d/")).size() == 2);
    CHECK(w.run(store->get("d/second")) == Buffer{2});
    if (stays) {
      w.disk.heal();
      CHECK(w.error_of(store->put_new("d/second", Buffer{9})) == Errc::io);  // it exists; whether it lasts nobody knows
      CHECK(w.run(store->tend()).takes_writes);
    }
    CHECK_FALSE(w.run(store->put_new("d/second", Buffer{9})));
    store.reset();
    w.disk.cut_power();
    w.disk.power_on(sim::Cut::drop_all, rng);
    CHECK(w.run(w.open()->get("d/second")) == Buffer{2});
  }
}

TEST_CASE("directory store: on a disk that takes nothing an old store opens and reads, and writes again when tend() finds room") {
  for (Errc trouble : {Errc::no_space, Errc::io}) {
    World w;
    auto store = w.open();
    w.run(store->put("a", Buffer{1}));
    store.reset();
    w.disk.fail_after(0, trouble, true);
    store = w.open();
    CHECK(w.run(store->get("a")) == Buffer{1});
    CHECK(w.run(store->list("")).size() == 1);
    CHECK(w.error_of(store->put("b", Buffer{2})) == trouble);
    auto health = w.run(store->tend());
    CHECK_FALSE(health.takes_writes);
    CHECK_FALSE(health.problem.empty());
    w.disk.heal();
    CHECK(w.run(store->tend()).takes_writes);
    w.run(store->put("b", Buffer{2}));

    World empty;
    empty.disk.make_folders("/store/tmp");
    empty.disk.fail_after(0, trouble, true);
    CHECK(empty.error_of(DirectoryStore::open(empty.disk, empty.workers, empty.random, "/store")) == trouble);
  }
}

TEST_CASE("directory store: new data stops at the reserve, small objects at a quarter of it, removing never") {
  World w;
  const std::uint64_t reserve = std::uint64_t{64} << 20;
  auto store = w.open();
  auto upload = w.run(store->begin("seg/1"));
  w.disk.set_space(reserve - 1);
  CHECK(w.run(store->tend()).reserve == reserve);
  CHECK(w.error_of(upload->append(Buffer(10, 1))) == Errc::no_space);
  upload.reset();
  CHECK(w.error_of(store->begin("seg/2")) == Errc::no_space);
  w.run(store->put("snap/1", Buffer{1}));
  w.disk.set_space(reserve / 4 - 1);
  CHECK(w.error_of(store->put("snap/2", Buffer{1})) == Errc::no_space);
  w.run(store->remove("snap/1"));
  CHECK_FALSE(w.run(store->get("snap/1")));
  w.disk.set_space(reserve);
  upload = w.run(store->begin("seg/2"));
  w.run(upload->append(Buffer(10, 1)));
  w.run(upload->finish());
}

TEST_CASE("directory store: a small disk keeps a sixteenth of itself") {
  CHECK(disk_reserve(24 << 20) == 1536 << 10);
  CHECK(disk_reserve(std::uint64_t{1} << 30) == std::uint64_t{64} << 20);
  CHECK(disk_reserve(std::uint64_t{1} << 50) == std::uint64_t{64} << 20);
}

TEST_CASE("directory store: what other programs left between the objects is passed over, and what is no file holds nothing") {
  namespace fs = std::filesystem;
  Scratch scratch;
  World w;
  const std::string root = scratch.path + "/store";
  auto store = w.run(DirectoryStore::open(system_disk(), w.workers, w.random, root));
  w.run(store->put("v/seg/1", Buffer{1, 2}));
  for (const char* stray : {"/.nfs00", "/v/.nfs00", "/v/seg/.1.obj.ab12", "/v/seg/1.obj~", "/v/seg/Upper.obj", "/v/seg/.obj"}) std::ofstream(root + stray) << "x";
  for (const char* stray : {"/lost+found", "/v/lost+found", "/v/seg/lost+found"}) fs::create_directory(root + stray);
  fs::create_directory(root + "/v/seg/2.obj");
  REQUIRE(::mkfifo((root + "/v/seg/3.obj").c_str(), 0600) == 0);
  fs::create_symlink("nowhere", root + "/v/seg/4.obj");
  fs::create_symlink("/dev/zero", root + "/v/seg/5.obj");

  auto objects = w.run(store->list("v/"));
  REQUIRE(objects.size() == 5);
  CHECK(objects[0].name == "v/seg/1");
  CHECK(objects[0].size == 2);
  CHECK(w.run(store->list_folders("")) == std::vector<std::string>{"v"});
  CHECK(w.run(store->list_folders("v/")) == std::vector<std::string>{"seg"});
  for (std::size_t i = 1; i < objects.size(); ++i) {
    CAPTURE(objects[i].name);
    CHECK(objects[i].size == 0);
    CHECK(w.run(store->get(objects[i].name)) == Buffer{});
    CHECK(w.run(store->get_range(objects[i].name, 0, 10)).empty());
  }
}

TEST_CASE("directory store: a file system that the kernel made read only is noticed without an upload, and named") {
  World w;
  auto store = w.open();
  w.run(store->put("snap/1", Buffer{1}));
  CHECK(w.run(store->tend()).takes_writes);
  w.disk.set_space(0);
  w.disk.fail_after(0, Errc::io, true);
  CHECK_FALSE(w.run(store->tend()).takes_writes);
  CHECK(w.run(store->get("snap/1")) == Buffer{1});
  w.disk.heal();
  w.disk.set_space(std::uint64_t{1} << 30);
  CHECK(w.run(store->tend()).takes_writes);
}

TEST_CASE("directory store: a disk without any room takes data again as soon as there is some") {
  World w;
  auto store = w.open();
  w.disk.set_space(0);
  (void)w.run(store->tend());
  CHECK(w.error_of(store->put("snap/1", Buffer{1})) == Errc::no_space);
  w.disk.set_space(std::uint64_t{1} << 30);
  w.run(store->put("snap/1", Buffer{1}));
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
