// A row of a list that says that a snapshot is missing: nobody takes it for one that is there.
#include <catch2/catch.hpp>

#include "agent/other_jobs.hpp"
#include "agent/protection.hpp"
#include "agent/snapshots.hpp"
#include "base/error.hpp"
#include "sim/sim_disk.hpp"

using namespace farkeep;
using Catch::Contains;

namespace {

enum class Is { there, missing };

SnapshotInfo row(std::uint64_t number, Is is, bool is_protected = false) {
  SnapshotInfo s;
  s.sequence = number;
  s.id.bytes.fill(static_cast<std::uint8_t>(number));
  s.is_protected = is_protected;
  s.ours = is == Is::there;
  s.details.job = "main";
  if (is == Is::missing) {
    s.missing_from = number;
    s.problem = "east does not show it";
  }
  return s;
}

}  // namespace

TEST_CASE("missing: what both servers have acknowledged is not on its way to one of them") {
  for (const bool was_protected : {false, true}) {
    INFO(was_protected);
    std::vector<SnapshotInfo> all{row(1, Is::there, true), row(2, Is::missing), row(3, Is::there)};
    look_elsewhere(all, Elsewhere{"east", "west", std::vector<SnapshotInfo>{row(1, Is::there, true), row(2, Is::there, was_protected)}, 0});
    CHECK(all[1].on_its_way == !was_protected);
    CHECK(all[1].problem.empty() == !was_protected);
    CHECK(all[1].elsewhere == "west");
    CHECK_FALSE(all[1].is_protected);  // it is on one alone now
    CHECK_THROWS_AS(pick_snapshot(all, all[1].id.hex()), failure);
  }
}

TEST_CASE("missing: a job whose newest snapshot a server does not show is not protected, whatever the other one says") {
  sim::SimDisk disk;
  AgentState state{disk, "/state"};
  AgentConfig config;
  config.jobs.emplace_back();
  config.jobs.back().name = "main";
  agent::pb::Job record;
  record.set_snapshot_sequence(2);
  record.set_snapshot_digest(row(2, Is::there).id.raw());
  state.set_job("main", record);
  auto gone = row(2, Is::missing);
  gone.is_protected = true;
  note_protection(state, config, std::vector<SnapshotInfo>{row(1, Is::there, true), gone});
  CHECK(KnownProtection(state).of("main") == false);
  note_protection(state, config, std::vector<SnapshotInfo>{row(1, Is::there, true), row(2, Is::there, true)});
  CHECK(KnownProtection(state).of("main") == true);
}

TEST_CASE("missing: the newest that a server has is one that it shows and that this agent made") {
  CHECK(newest_there({}) == nullptr);
  const std::vector<SnapshotInfo> none{row(3, Is::missing)};
  CHECK(newest_there(none) == nullptr);
  std::vector<SnapshotInfo> all{row(1, Is::there), row(2, Is::there), row(3, Is::missing), row(4, Is::there)};
  CHECK(newest_there(all)->sequence == 4);
  all[3].ours = false;  // a thief's on top
  CHECK(newest_there(all)->sequence == 2);
}

TEST_CASE("other jobs: those whose newest snapshot is of a folder with the path are named, once each") {
  std::vector<SnapshotInfo> all{row(1, Is::there), row(2, Is::there), row(3, Is::there), row(4, Is::there), row(5, Is::missing)};
  all[0].details.paths = {"/srv/one"};
  all[1].details.paths = {"/srv/one", "/etc"};
  all[2].details.job = "other";
  all[2].details.paths = {"/srv/two"};
  all[3].details.job = "root";
  all[3].details.paths = {"/"};
  all[4].details.job = "lost";
  all[4].details.paths = {"/srv/one"};
  CHECK(other_jobs_with(all, all[2], {"/srv/one/f"}) == "; job root backs up /: its newest snapshot is latest:root; job main backs up /srv/one: its newest snapshot is latest:main");
  all[3].problem = "it does not open";
  CHECK(other_jobs_with(all, all[2], {"/srv/one"}) == "; job main backs up /srv/one: its newest snapshot is latest:main");
  CHECK(other_jobs_with(all, all[2], {"/srv/one-and-more", "/srv"}).empty());
  CHECK(other_jobs_with(all, all[1], {"/etc/hosts"}).empty());
  all[2].details.paths = {"//srv//two/"};  // as it was written in the configuration
  CHECK(other_jobs_with(all, all[1], {"/srv/./two/f"}) == "; job other backs up //srv//two/: its newest snapshot is latest:other");
}
