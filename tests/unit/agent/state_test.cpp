#include "agent/state.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "crypto/checked_state.hpp"
#include "agent/heads.hpp"
#include "agent/server_choice.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "platform/atomic_file.hpp"
#include "sim/bad_sectors.hpp"
#include "crypto/random.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"

using namespace farkeep;

namespace {

AgentState::Pending pending() { return AgentState::Pending{7, "main", Buffer(50, 9)}; }

Digest id() {
  Digest d;
  d.bytes.fill(3);
  return d;
}

struct Kept {
  sim::SimDisk disk;
  AgentState state{disk, "/state"};

  Kept() {
    agent::pb::Job job;
    job.set_last_good_ns(1234567);
    job.set_snapshot_sequence(6);
    state.set_job("main", job);
    state.set_pending(pending(), id());
  }
  /// Every bit of the file is flipped once; `holds` says what must be true then.
  void flip_each(const std::string& file, const std::function<void()>& holds) {
    const Buffer good = disk.content(file);
    for (std::size_t i = 0; i < good.size() * 8; ++i) {
      INFO(file << " bit " << i);
      if (!disk.exists(file)) disk.open(file, Open::create_new);
      Buffer bad = good;
      bad[i / 8] = static_cast<std::uint8_t>(bad[i / 8] ^ 1u << (i % 8));
      disk.set_content(file, bad);
      holds();
    }
    if (!disk.exists(file)) disk.open(file, Open::create_new);
    disk.set_content(file, good);
  }
};

}  // namespace

TEST_CASE("agent state: a bit that flips in a job's record is noticed, and the job counts as new") {
  Kept k;
  k.flip_each("/state/jobs/main/state", [&] {
    auto const job = k.state.job("main");
    // Where the flip hides that there is a checksum, what it covers is whole.
    bool const whole = job.snapshot_sequence() == 6 && job.last_good_ns() == 1234567;
    bool const empty = job.snapshot_sequence() == 0 && job.last_good_ns() == 0;
    REQUIRE((whole || empty));
  });
  CHECK(k.state.job("main").snapshot_sequence() == 6);
}

TEST_CASE("agent state: a pending manifest that is damaged is put aside, and never sent") {
  Kept k;
  k.flip_each("/state/pending", [&] {
    REQUIRE_THROWS_AS(k.state.pending(), failure);
    k.state.put_pending_aside();
    REQUIRE_FALSE(k.disk.exists("/state/pending"));
  });
  auto const again = k.state.pending();
  REQUIRE(again);
  CHECK(again->manifest == pending().manifest);
  CHECK(again->job == "main");
}

TEST_CASE("agent state: the last number that was given lies in two files, and one of them is enough") {
  Kept k;
  for (const char* file : {"/state/given", "/state/given.copy"})
    k.flip_each(file, [&] {
      REQUIRE(k.state.last_given().sequence == 7);
      REQUIRE(k.state.last_given().id == id());
    });
  k.disk.set_content("/state/given", Buffer(52, 1));
  k.disk.set_content("/state/given.copy", Buffer(52, 1));
  CHECK_THROWS_AS(k.state.last_given(), failure);
}

TEST_CASE("agent state: files of an older version, without a checksum, are read") {
  Kept k;
  for (const char* file : {"/state/given", "/state/pending"}) {
    Buffer old = k.disk.content(file);
    old.erase(old.end() - kStateTrailer, old.end());
    k.disk.set_content(file, old);
  }
  k.disk.remove("/state/given.copy");
  CHECK(k.state.last_given().sequence == 7);
  CHECK(k.state.pending());
  agent::pb::Job job;
  job.set_snapshot_sequence(9);
  k.disk.set_content("/state/jobs/main/state", to_buffer(as_bytes(job.SerializeAsString())));
  CHECK(k.state.job("main").snapshot_sequence() == 9);
}

TEST_CASE("agent state: a record that is read and written again and again does not grow") {
  Kept k;
  auto const size = k.disk.content("/state/jobs/main/state").size();
  for (int i = 0; i < 5; ++i) k.state.set_job("main", k.state.job("main"));
  CHECK(k.disk.content("/state/jobs/main/state").size() == size);
}

TEST_CASE("agent state: a file that is too long, or that the disk does not give, is a damaged one: its copy counts, or it is empty") {
  sim::SimDisk whole;
  sim::BadSectors disk(whole);
  AgentState state(disk, "/state");
  agent::pb::Head head;
  head.set_sequence(5);
  state.set_head(head);
  agent::pb::Pins pins;
  pins.set_bound_from(3);
  state.set_pins(pins);
  state.set_pending(pending(), id());
  agent::pb::Job job;
  job.set_snapshot_sequence(6);
  state.set_job("main", job);
  state.set_protections({});
  const auto look = [&] {
    CHECK(state.head()->sequence() == 5);
    CHECK(state.pins().bound_from() == 3);
    CHECK(state.last_given().sequence == 7);
  };
  SECTION("unreadable") {
    disk.unreadable = {"/state/head", "/state/pins", "/state/given", "/state/jobs/main/state", "/state/protection", "/state/endpoints"};
    look();
    CHECK(state.job("main").snapshot_sequence() == 0);
    CHECK_NOTHROW(state.protections());
    disk.unreadable = {"/state/head.copy", "/state/pins.copy", "/state/given.copy"};
    look();
    disk.unreadable = {"/state/head", "/state/head.copy"};
    CHECK_FALSE(state.head());
  }
  SECTION("too long") {
    for (const std::string name : {"head", "pins", "given", "jobs/main/state", "protection", "pauses", "escrow", "pending"})
      write_file_atomically(disk, "/state/" + name, Buffer(1 * limits::kMiB + 1, 0));
    look();
    CHECK(state.job("main").snapshot_sequence() == 0);
    CHECK_NOTHROW(state.protections());
    CHECK_NOTHROW(state.pauses());
    CHECK_NOTHROW(state.escrow());
    CHECK_THROWS_AS(state.pending(), failure);
    state.put_pending_aside();
    CHECK_FALSE(state.pending());
  }
}

TEST_CASE("agent state: what could not be read again is not written, and texts of others are bounded between two characters") {
  Kept k;
  agent::pb::Head head;
  head.set_sequence(8);
  head.set_receipt(std::string(1 * limits::kMiB, 'x'));
  CHECK_THROWS_WITH(k.state.set_head(head), Catch::Contains("could not be read again"));
  auto job = k.state.job("main");
  std::string text = "x";
  while (text.size() < 1 * limits::kMiB) text += "\xc3\xa9";
  job.set_last_text(text);
  k.state.set_job("main", job);
  CHECK(k.state.job("main").snapshot_sequence() == 6);
  CHECK(k.state.job("main").last_text() == text.substr(0, 4095));
}

TEST_CASE("agent state: words that are no UTF-8 are kept written out, and what stands beside them is read again") {
  sim::SimDisk disk;
  AgentState state(disk, "/state");
  agent::pb::Job job;
  job.set_failures(3);
  job.set_last_text("the command '/opt/pr\xfc" "fen' ended with status 1");
  job.set_own_alarm("cut within a character: \xe2\x82");
  job.set_lacks("'/srv': l\xe4nder");
  state.set_job("main", job);
  const auto read = AgentState(disk, "/state").job("main");
  CHECK(read.failures() == 3);
  CHECK(read.last_text() == "the command '/opt/pr\\xfcfen' ended with status 1");
  CHECK(read.own_alarm() == "cut within a character: \\xe2\\x82");
  CHECK(read.lacks() == "'/srv': l\\xe4nder");

  SystemRandom random;
  sim::SimTimers timers;
  const sim::SimClock clock(timers);
  ServerChoice choice(state, clock, random);
  choice.failed("192.0.2.1:16384", "reading /srv/l\xe4nder");
  REQUIRE(AgentState(disk, "/state").endpoints().endpoint_size() == 1);
  CHECK(AgentState(disk, "/state").endpoints().endpoint(0).last_error() == "reading /srv/l\\xe4nder");

  ServerTarget server;
  server.id.bytes.fill(1);
  server.name = "ea\xdft";
  CHECK(Heads(state).alarm(server, "it shows \xff", clock.wall()));
  REQUIRE(AgentState(disk, "/state").pins().pin_size() == 1);
  CHECK(AgentState(disk, "/state").pins().pin(0).name() == "ea\\xdft");
  CHECK(AgentState(disk, "/state").pins().pin(0).alarm() == "it shows \\xff");
}

TEST_CASE("agent state: an identity that cannot be read ends nobody who only asks for the agent's id") {
  Kept k;
  k.state.set_key_pem("key");
  k.state.set_identity({});
  k.disk.set_content("/state/identity", Buffer(20, 0xff));
  CHECK(k.state.agent_id() == AgentId{});
  CHECK_THROWS_AS(k.state.identity(), failure);
}

TEST_CASE("agent state: pins and head that are lost are known to be, and what is written meanwhile does not hide it") {
  Kept k;
  agent::pb::Head head;
  head.set_sequence(5);
  agent::pb::Pins pins;
  pins.set_bound_from(3);
  CHECK_FALSE(k.state.pins().lost());  // none were there yet
  k.state.set_head(head);
  k.state.set_pins(pins);
  for (const char* file : {"pins", "pins.copy"}) k.disk.set_content(std::string("/state/") + file, Buffer(60, 0));
  CHECK_FALSE(k.state.pins().lost());
  for (const char* file : {"head", "head.copy"}) k.disk.set_content(std::string("/state/") + file, Buffer(60, 0));
  CHECK(k.state.pins().lost());
  k.state.lock();
  Heads heads(k.state);
  ServerId server;
  server.bytes.fill(1);
  heads.pin(server, Head{5, id(), {}}, "east");
  CHECK(heads.pinned(server).sequence == 5);
  CHECK(heads.are_lost());
  heads.told_of_loss();
  CHECK_FALSE(heads.are_lost());
  CHECK(heads.pinned(server).sequence == 5);
}

TEST_CASE("agent state: of two copies the whole one is written in the place of a damaged one, by whoever has the lock") {
  Kept k;
  agent::pb::Head head;
  head.set_sequence(5);
  k.state.set_head(head);
  agent::pb::Pins pins;
  pins.set_bound_from(3);
  k.state.set_pins(pins);
  const auto look = [&] {
    CHECK(k.state.head()->sequence() == 5);
    CHECK(k.state.pins().bound_from() == 3);
    CHECK(k.state.last_given().sequence == 7);
  };
  for (const std::string name : {"head", "pins", "given"}) {
    for (const std::string suffix : {"", ".copy"}) {
      INFO(name + suffix);
      const Buffer good = k.disk.content("/state/" + name + suffix);
      Buffer bad = good;
      bad[5] ^= 1;
      k.disk.set_content("/state/" + name + suffix, bad);
      look();
      CHECK(k.disk.content("/state/" + name + suffix) == bad);  // another process may be about to write a newer one
      auto held = k.state.lock();
      CHECK_FALSE(k.state.lock());
      CHECK(k.disk.content("/state/" + name + suffix) == good);
      look();
    }
  }
}
