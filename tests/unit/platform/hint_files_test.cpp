// What an agent remembers keeps nobody from working when the disk does not take it.
#include "platform/hint_files.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "sim/bad_sectors.hpp"
#include "sim/sim_disk.hpp"
#include "unit/errc_of.hpp"

using namespace farkeep;

namespace {

struct Hints {
  sim::SimDisk disk;
  HintFiles files{disk, "it is forgotten"};
  static constexpr const char* kOne = "/state/one";
  static constexpr const char* kTwo = "/state/jobs/a/two";

  Hints() { files.write(kOne, as_bytes("old")); }
  std::string read(const char* path) const {
    const auto bytes = files.read(path, 100);
    return bytes ? to_string(*bytes) : "none";
  }
};

}  // namespace

TEST_CASE("hints: what a full disk does not take counts in memory, and is written with the next one that it takes") {
  Hints h;
  h.disk.set_full(true);
  h.files.write(h.kOne, as_bytes("new"));
  h.files.write(h.kTwo, as_bytes("two"));
  CHECK(h.read(h.kOne) == "new");
  CHECK(h.read(h.kTwo) == "two");
  CHECK(to_string(h.disk.content(h.kOne)) == "old");
  CHECK_FALSE(h.files.write_rest());
  CHECK(test::errc_of([&] { h.files.insist(); }) == Errc::no_space);
  h.disk.set_full(false);
  h.files.write(h.kTwo, as_bytes("two again"));
  CHECK(to_string(h.disk.content(h.kOne)) == "new");
  CHECK(to_string(h.disk.content(h.kTwo)) == "two again");
  CHECK(h.files.write_rest());
}

TEST_CASE("hints: a file that a read-only disk keeps is gone for who removed it") {
  Hints h;
  h.disk.fail_after(0, Errc::io, true);
  h.files.remove(h.kOne);
  CHECK(h.read(h.kOne) == "none");
  h.disk.disarm();
  CHECK(h.files.write_rest());
  CHECK_FALSE(h.disk.exists(h.kOne));
}

TEST_CASE("hints: a process without descriptors goes on with what it could not write") {
  Hints h;
  sim::BadSectors faults(h.disk);
  HintFiles files(faults, "it is forgotten");
  faults.no_descriptors = true;
  files.write(h.kOne, as_bytes("new"));
  CHECK(to_string(*files.read(h.kOne, 100)) == "new");
  faults.no_descriptors = false;
  CHECK(to_string(*files.read(h.kOne, 100)) == "new");
  CHECK(files.write_rest());
  CHECK(h.read(h.kOne) == "new");
}

TEST_CASE("hints: what another process wrote since weighs more than what could not be written") {
  Hints h;
  h.disk.set_full(true);
  h.files.write(h.kOne, as_bytes("new"));
  h.disk.set_content(h.kOne, to_buffer(as_bytes("of another")));
  SECTION("when it is read") { CHECK(h.read(h.kOne) == "of another"); }
  h.disk.set_full(false);
  CHECK(h.files.write_rest());
  CHECK(h.read(h.kOne) == "of another");
}

TEST_CASE("hints: of thousands that wait each write takes a few along, and one that can never be written keeps none of the others") {
  Hints h;
  h.disk.set_full(true);
  for (int i = 0; i < 1000; ++i) h.files.write("/state/n/" + std::to_string(i), as_bytes("x"));
  h.disk.set_full(false);
  const auto before = h.disk.operations();
  h.files.write(h.kOne, as_bytes("new"));
  CHECK(h.disk.operations() - before < 200);
  for (int i = 0; i < 200; ++i) h.files.write(h.kOne, as_bytes("new"));
  CHECK(h.files.write_rest());
  CHECK(h.disk.exists("/state/n/999"));

  h.disk.set_full(true);
  h.files.write("/state/one/never", as_bytes("x"));  // "one" is a file
  h.files.write("/state/zzz", as_bytes("x"));
  h.disk.set_full(false);
  for (int i = 0; i < 4; ++i) h.files.write(h.kTwo, as_bytes("two"));
  CHECK(h.disk.exists("/state/zzz"));
}
