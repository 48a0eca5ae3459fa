// People hear that the partner is away, or the mirror does not get on, and that it is over.
#include "vault/mirror_watch.hpp"

#include <catch2/catch.hpp>

#include "sim/sim_disk.hpp"
#include "unit/vault/fake_clock.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

struct Watched {
  Watched() {
    vault::pb::Partner partner;
    partner.set_name("west");
    partner.set_server_id(std::string(16, 'w'));
    registry.set_partner(partner);
    start();
  }
  void start() {
    watch.emplace(registry, clock, [this] { return talks; });
    clock.pass(1min);
  }
  // As the mirror notes it: contact while it talks.
  void mirror(std::string problem, std::uint64_t behind = 0) {
    state.set_problem(std::move(problem));
    state.set_behind(behind);
    if (talks) state.set_contact_ns(now());
    if (talks && state.problem().empty()) state.set_equal_ns(now());
    registry.set_mirror_state(state);
  }
  std::int64_t now() const { return clock.wall().time_since_epoch().count(); }
  std::string look(bool anybody = true) {
    auto const notice = watch->look(anybody);
    return notice ? std::string(name_of(notice->event)) + ": " + notice->text : "";
  }
  // Every minute for so long: what was told.
  std::string pass(std::chrono::nanoseconds time) {
    std::string out;
    for (; time > 0s; time -= 1min) {
      clock.pass(1min);
      mirror(state.problem(), state.behind());
      out += look();
    }
    return out;
  }

  FakeClock clock;
  sim::SimDisk disk;
  SystemRandom random;
  Registry registry{disk, clock, random, "/registry"};
  vault::pb::MirrorState state;
  bool talks = true;
  std::optional<MirrorWatch> watch;
};

}  // namespace

TEST_CASE("mirror watch: a partner that is away is told of once, after half an hour, and once when it is back") {
  Watched w;
  w.mirror("");
  CHECK(w.pass(1h).empty());
  w.talks = false;
  w.mirror("refused");
  CHECK(w.pass(29min).empty());
  CHECK_THAT(w.pass(1min), Contains("failed: the partner west has not been reached since 20") && Contains("refused"));
  CHECK(w.pass(48h).empty());
  w.start();  // a restart repeats nothing
  CHECK(w.pass(1h).empty());
  w.talks = true;
  CHECK(w.pass(1h).empty());  // it is not well yet
  w.mirror("");
  CHECK_THAT(w.look(), Contains("recovered: the partner west"));
  CHECK(w.pass(1h).empty());
}

TEST_CASE("mirror watch: a server that starts tries first; with nobody to tell nothing counts as told") {
  Watched w;
  w.mirror("");
  w.talks = false;
  w.clock.pass(48h);
  w.mirror("refused");
  w.watch.emplace(w.registry, w.clock, [&] { return w.talks; });
  CHECK(w.look().empty());
  w.clock.pass(MirrorWatch::kTries);
  CHECK(w.look(false).empty());
  CHECK_THAT(w.look(), Contains("has not been reached"));
}

TEST_CASE("mirror watch: a mirror that does not get on is told of after half a day, one that does is not, nor is a long first push") {
  Watched w;
  w.mirror("");
  w.mirror("some vaults could not be mirrored", 3);
  CHECK(w.pass(MirrorWatch::kBehind - 2min).empty());
  w.mirror("some vaults could not be mirrored", 2);
  CHECK(w.pass(MirrorWatch::kBehind - 2min).empty());
  CHECK_THAT(w.pass(4min), Contains("failed: the mirror to the partner west does not get on: 2 vaults differ"));
  CHECK(w.pass(24h).empty());
  w.mirror("");
  CHECK_THAT(w.look(), Contains("recovered"));
  w.clock.pass(240h);  // a push of days notes nothing
  CHECK(w.look().empty());
}

TEST_CASE("mirror watch: that the partner has another snapshot under a number is told at once, for each agent, at most once an hour, and when it is over") {
  Watched w;
  w.mirror("");
  auto const forks = [&](std::vector<std::string> agents) {
    w.state.clear_forked();
    for (auto& agent : agents) w.state.add_forked(agent);
    w.state.set_fork(agents.empty() ? "" : "number 2 of agent " + agents.back());
    w.mirror(w.state.fork(), agents.size());
  };
  forks({"a"});
  CHECK_THAT(w.look(), Contains("failed: ") && Contains("the partner west") && Contains("agent 61:") && Contains("set-aside"));
  CHECK(w.pass(2h).empty());
  forks({"a", "b"});  // one that is known hides no other
  CHECK_THAT(w.look(), Contains("agent 62:"));
  forks({"a", "b", "c"});
  CHECK(w.pass(50min).empty());
  CHECK_THAT(w.pass(20min), Contains("agent 63:"));
  w.start();  // a restart
  CHECK(w.pass(2h).empty());
  forks({"a"});
  CHECK(w.pass(1h).empty());
  forks({});
  CHECK(w.look() == "recovered: the partner west has no other snapshots under the same numbers any more");
  CHECK(w.pass(1h).empty());
}

TEST_CASE("mirror watch: a line that breaks now and then is no progress of a mirror that does not get on") {
  Watched w;
  w.mirror("");
  for (int i = 0; i < 5; ++i) {
    w.mirror("some vaults could not be mirrored", 3);
    CHECK(w.pass(2h + 20min).empty());
    w.mirror("the connection was lost");
    CHECK(w.pass(2min).empty());
  }
  w.mirror("some vaults could not be mirrored", 3);
  CHECK_THAT(w.pass(30min), Contains("does not get on: 3 vaults differ"));
  Watched ended;
  ended.mirror("");
  ended.mirror("it closed the connection");
  CHECK_THAT(ended.pass(13h), Contains("does not get on: both were not equal since 20"));
}

TEST_CASE("mirror watch: on a full disk it is told once all the same") {
  Watched w;
  w.mirror("");
  w.talks = false;
  w.mirror("refused");
  w.clock.pass(1h);
  w.disk.set_full(true);
  CHECK_THAT(w.look(), Contains("has not been reached"));
  CHECK(w.look().empty());
}
