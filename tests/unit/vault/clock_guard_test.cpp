// When a server's clock is believed.
#include "vault/clock_guard.hpp"

#include <catch2/catch.hpp>

#include "sim/sim_disk.hpp"
#include "unit/vault/fake_clock.hpp"
#include "wire/refusal.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using Judged = ClockGuard::Verdict;

namespace {

// Wall time may be set; the steady clock goes on.
struct SetClock final : Clock {
  WallTime now = from_unix_seconds(1'790'000'000);
  std::chrono::nanoseconds passed{0};
  WallTime wall() const override { return now; }
  SteadyTime steady() const override { return SteadyTime{} + 1000h + passed; }
  void pass(std::chrono::nanoseconds d) {
    now += d;
    passed += d;
  }
};

struct ClockWorld {
  sim::SimDisk disk;
  SetClock clock;
  WallTime built = from_unix_seconds(1'780'000'000);
  ClockWorld() { disk.make_folders("/data"); }
  ClockGuard guard() { return ClockGuard{disk, "/data", clock, built}; }
};

}  // namespace

TEST_CASE("clock guard: a fresh server believes its clock, unless it is older than the program") {
  ClockWorld w;
  auto guard = w.guard();
  CHECK(guard.judge() == Judged::plausible);
  CHECK(guard.trouble() == "");
  w.clock.now = w.built - 1s;
  CHECK(guard.judge() == Judged::before_build);
  CHECK(guard.trouble().find("before the program was built") != std::string::npos);
  CHECK_THROWS_AS(guard.require("registering"), wire::Refusal);
  CHECK_THROWS_AS(guard.accept(), failure);
}

TEST_CASE("clock guard: far from the newest believed time, in either direction and over a restart, it is not believed") {
  ClockWorld w;
  w.guard().note();
  auto const right = w.clock.now;
  w.clock.now = right + 24h * 401;
  CHECK(w.guard().judge() == Judged::ahead);
  w.guard().note();  // does not make itself believed
  CHECK(w.guard().judge() == Judged::ahead);
  w.clock.now = right - 25h;
  CHECK(w.guard().judge() == Judged::behind);
  w.clock.now = right - 23h;
  CHECK(w.guard().judge() == Judged::plausible);
  w.clock.now = right + 24h * 399;  // switched off for more than a year
  CHECK(w.guard().judge() == Judged::plausible);
}

TEST_CASE("clock guard: the administrator's word makes a time believed") {
  ClockWorld w;
  w.guard().note();
  w.clock.now += 24h * 1000;
  CHECK(w.guard().judge() == Judged::ahead);
  w.guard().accept();
  CHECK(w.guard().judge() == Judged::plausible);
}

TEST_CASE("clock guard: a partner that agrees ends the doubt; one that does not makes a month's gap a doubt") {
  ClockWorld w;
  w.guard().note();
  w.clock.now += 24h * 1000;
  auto guard = w.guard();
  guard.heard(w.clock.now + 59min);
  CHECK(guard.judge() == Judged::plausible);
  CHECK(w.guard().judge() == Judged::plausible);  // and it is written down

  w.clock.now += 24h * 40;
  auto other = w.guard();
  CHECK(other.judge() == Judged::plausible);
  other.heard(w.clock.now - 24h * 40);
  CHECK(other.judge() == Judged::disputed);
  CHECK(other.difference() == -std::chrono::seconds{24h * 40});
  CHECK(other.trouble().find("partner") != std::string::npos);
}

TEST_CASE("clock guard: a partner that lies stops nothing while the clock is near what it was") {
  ClockWorld w;
  w.guard().note();
  auto guard = w.guard();
  for (auto const lie : {WallTime::min(), WallTime{}, from_unix_seconds(4'000'000'000), WallTime::max()}) {
    guard.heard(lie);
    CHECK(guard.judge() == Judged::plausible);
    CHECK_NOTHROW(guard.require("registering"));
  }
}

TEST_CASE("clock guard: a jump while it runs shows against what the partner said") {
  ClockWorld w;
  w.guard().note();
  auto guard = w.guard();
  guard.heard(w.clock.now);
  w.clock.pass(48h);
  CHECK_FALSE(guard.difference());
  w.clock.now += 24h * 60;
  CHECK(guard.difference());
  CHECK(guard.judge() == Judged::disputed);
}

TEST_CASE("clock guard: a damaged file is none") {
  ClockWorld w;
  w.guard().note();
  w.clock.now += 24h * 1000;
  auto const file = w.disk.open("/data/clock", Open::read_write);
  std::uint8_t const wrong[] = {0xff};
  file->write_at(3, wrong);
  CHECK(w.guard().judge() == Judged::plausible);
}

TEST_CASE("clock guard: certificates are judged by the newest believed time while the clock is far ahead of it, and by the clock again once both agree") {
  ClockWorld w;
  w.guard().note();
  auto const right = w.clock.now;
  auto guard = w.guard();
  CHECK_FALSE(guard.instead_of_now());
  w.clock.now = right + 24h * 401;
  w.clock.passed += 2s;
  CHECK(guard.instead_of_now() == right);
  guard.heard(w.clock.now + 1min);
  w.clock.passed += 2s;
  CHECK_FALSE(guard.instead_of_now());
  // One that went back may be right again.
  w.clock.now = right;
  w.clock.passed += 2s;
  CHECK(guard.judge() == Judged::behind);
  CHECK_FALSE(guard.instead_of_now());
}

TEST_CASE("clock guard: a partner that does not say what its clock says disputes nothing") {
  ClockWorld w;
  auto guard = w.guard();
  guard.note();
  guard.heard(WallTime{});
  CHECK_FALSE(guard.difference());
}
