#include <catch2/catch.hpp>

#include "vault/disk_watch.hpp"

using namespace farkeep;
using Level = DiskWatch::Level;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

StoreHealth with(std::uint64_t free_mib, std::uint64_t total_mib = 2000) {
  StoreHealth h;
  h.free = free_mib * kMiB;
  h.total = total_mib * kMiB;
  h.reserve = disk_reserve(h.total);
  return h;
}

}  // namespace

TEST_CASE("disk watch: each level is told once, when it is reached") {
  DiskWatch watch;
  CHECK_FALSE(watch.see(with(1000)));
  auto told = watch.see(with(255));
  REQUIRE(told);
  CHECK(told->to_people);
  CHECK(std::string{name_of(told->event)} == "disk");
  CHECK(told->text.find("255 MiB of 2000 MiB free") != std::string::npos);
  CHECK(watch.level() == Level::low);
  CHECK_FALSE(watch.see(with(200)));
  CHECK(watch.see(with(63)));
  CHECK(watch.level() == Level::full);
  CHECK_FALSE(watch.see(with(3)));
}

TEST_CASE("disk watch: at the edge of a level nothing is told again and again") {
  DiskWatch watch;
  CHECK(watch.see(with(63)));
  CHECK_FALSE(watch.see(with(64)));
  CHECK_FALSE(watch.see(with(63)));
  CHECK(watch.see(with(75)));
  CHECK(watch.level() == Level::low);
  CHECK_FALSE(watch.see(with(257)));
  CHECK(watch.see(with(300)));
  CHECK(watch.level() == Level::ok);
}

TEST_CASE("disk watch: a disk that takes nothing is told with its reason, and that it is well again") {
  DiskWatch watch;
  auto bad = with(1000);
  bad.takes_writes = false;
  bad.problem = "syncing a folder: input/output error";
  auto told = watch.see(bad);
  REQUIRE(told);
  CHECK(told->text.find(bad.problem) != std::string::npos);
  CHECK(watch.see(with(1000)));
  CHECK(watch.level() == Level::ok);
}

TEST_CASE("disk watch: a store without a disk of its own is well, and of a large disk a twentieth is little") {
  DiskWatch watch;
  CHECK_FALSE(watch.see(StoreHealth{}));
  CHECK(watch.see(with(49'000, 1'000'000)));
  CHECK(watch.level() == Level::low);
}

TEST_CASE("disk watch: what found no room is told as a full disk, however much is free for smaller things, until there is more") {
  DiskWatch watch;
  CHECK_FALSE(watch.see(with(7, 24)));
  watch.refused();
  auto told = watch.see(with(7, 24));
  REQUIRE(told);
  CHECK(told->text.find("the disk is full: 7 MiB of 24 MiB free") != std::string::npos);
  CHECK(watch.level() == Level::full);
  CHECK_FALSE(watch.see(with(7, 24)));
  watch.refused();
  CHECK_FALSE(watch.see(with(7, 24)));
  CHECK(watch.see(with(16, 24)));
  CHECK(watch.level() == Level::ok);
}

TEST_CASE("disk watch: a refusal while another program had filled the disk is forgotten after an hour, and told as what it was") {
  DiskWatch watch;
  CHECK_FALSE(watch.see(with(900, 1000)));
  watch.refused();
  auto const told = watch.see(with(900, 1000));
  REQUIRE(told);
  CHECK(told->text.find("the disk is full: 900 MiB of 1000 MiB free, and something that was brought did not fit") != std::string::npos);
  CHECK(told->text.find("no new data is taken") == std::string::npos);
  int looks = 0;
  while (watch.level() == Level::full && looks < 1000) {
    (void)watch.see(with(900, 1000));
    ++looks;
  }
  CHECK(looks <= 241);
  CHECK(looks >= 240);
}

TEST_CASE("disk watch: that a disk which an earlier run called full has room is told") {
  DiskWatch watch;
  watch.was_told(Level::full);
  auto const told = watch.see(with(1000));
  REQUIRE(told);
  CHECK(told->text.find("has room again") != std::string::npos);
}
