// Commands around and inside a run: hooks, and output that is backed up as a file.
#include "agent/command_output.hpp"
#include "async/scope.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

// Real commands and real time.
struct Host : Machine {
  Host() {
    passing = &real;
    write("file", "content");
  }
  fs::path out() const { return base / "out"; }
  std::string text(const fs::path& file) const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // A hook that adds a line to a log of what ran, with what it knows.
  std::string tells(const std::string& words) const { return "echo \"" + words + "\" >> " + (base / "told").string(); }
  std::string told() const { return text(base / "told"); }
  AsioTimers real;
};

}  // namespace

TEST_CASE("command output: it stands in the snapshot as a file, with the paths of the job beside it") {
  Host m;
  m.job.commands = {{"dump.sql", "printf 'line %s\\n' 1 2 3"}, {"a-b", "true"}};
  m.backup();
  m.restore();
  CHECK(m.text(m.out() / "command-output/dump.sql") == "line 1\nline 2\nline 3\n");
  CHECK(fs::exists(m.out() / "command-output/a-b"));
  CHECK(fs::file_size(m.out() / "command-output/a-b") == 0);
  CHECK(m.text(m.out() / (m.base / "source/file").relative_path()) == "content");
}

TEST_CASE("command output: a job of commands alone, larger than what is read at once") {
  Host m;
  m.job.sources.clear();
  const std::string content = m.noise(9'000'001, 7);
  std::ofstream(m.base / "dump", std::ios::binary) << content;
  m.job.commands = {{"dump", "cat " + (m.base / "dump").string()}};
  const BackupResult r = m.backup();
  CHECK(r.progress.bytes == content.size());
  CHECK(r.complete());
  m.restore();
  CHECK(m.text(m.out() / "command-output/dump") == content);
}

TEST_CASE("command output: the same output is sent once, and each run prints anew") {
  Host m;
  m.job.commands = {{"n", "echo x >> " + (m.base / "count").string() + "; head -c 500000 /bin/bash"}};
  m.backup();
  const BackupResult second = m.backup();
  CHECK(second.progress.new_chunks == 0);
  CHECK(m.text(m.base / "count") == "x\nx\n");
}

TEST_CASE("command output: a command that fails makes no snapshot, and its last words say why") {
  Host m;
  m.job.commands = {{"dump", "echo half; echo connection refused >&2; exit 3"}};
  CHECK_THROWS_WITH(m.backup(), Contains("ended with status 3 (connection refused)") && Contains("echo half"));
  CHECK(m.stores[0].snapshots.empty());
  CHECK(m.stores[1].snapshots.empty());
  m.job.commands = {{"dump", "kill -9 $$"}};
  CHECK_THROWS_WITH(m.backup(), Contains("signal 9"));
  m.job.commands = {{"dump", "no-such-program"}};
  CHECK_THROWS_WITH(m.backup(), Contains("status 127") && Contains("does not find"));
  m.job.commands = {{"dump", "echo whole"}};
  m.backup();
  CHECK(m.stores[0].snapshots.size() == 1);
}

TEST_CASE("command output: what a command leaves running with its errors does not hold up the run") {
  Host m;
  m.job.commands = {{"dump", "echo done; sleep 1000 >/dev/null & echo $! > " + (m.base / "pid").string()}};
  m.backup();
  m.restore();
  CHECK(m.text(m.out() / "command-output/dump") == "done\n");
  std::system(("kill " + m.text(m.base / "pid")).c_str());
}

TEST_CASE("command output: a folder on disk of that name is refused, not mixed up") {
  std::vector<CommandSource> commands{{"x", "true"}};
  CommandItems items(commands, WallTime{});
  std::vector<ScanItem> found(2);
  found[0].path = "bin";
  found[1].path = "command-output";
  CHECK_THROWS_WITH(items.merge(found), Contains("/command-output exists"));
}

TEST_CASE("command output: its place is the catalog's order") {
  std::vector<CommandSource> commands{{"b", "true"}, {"a", "true"}};
  CommandItems items(commands, WallTime{});
  std::vector<ScanItem> first(2);
  first[0].path = "bin";
  first[1].path = "etc";
  items.merge(first);
  std::string order;
  for (auto& i : first) order += i.path + " ";
  CHECK(order == "bin command-output command-output/a command-output/b etc ");
  CHECK(items.rest().empty());
}

TEST_CASE("hooks: each runs at its place and knows the run") {
  Host m;
  m.job.hooks.before = {m.tells("before $FARKEEP_JOB"), m.tells("before 2")};
  m.job.hooks.after = {m.tells("$FARKEEP_HOOK $FARKEEP_OUTCOME $FARKEEP_FILES $FARKEEP_BYTES")};
  m.job.hooks.after_failure = {m.tells("not this")};
  m.job.hooks.finally = {m.tells("finally $FARKEEP_OUTCOME")};
  m.backup();
  CHECK(m.told() == "before main\nbefore 2\nafter done 1 7\nfinally done\n");
}

TEST_CASE("hooks: a before that fails is the run's failure, what stands behind it does not run") {
  Host m;
  m.job.hooks.before = {"echo no space >&2; exit 1", m.tells("not this")};
  m.job.hooks.after = {m.tells("not this")};
  m.job.hooks.after_failure = {m.tells("$FARKEEP_HOOK $FARKEEP_OUTCOME: $FARKEEP_ERROR")};
  m.job.hooks.finally = {m.tells("finally")};
  CHECK_THROWS_WITH(m.backup(), Contains("status 1 (no space)"));
  CHECK_THAT(m.told(), Contains("after_failure failed: the command") && Contains("(no space)") && Contains("\nfinally\n") && !Contains("not this"));
  CHECK(m.stores[0].snapshots.empty());
  CHECK(m.state->job("main").failures() == 1);
  CHECK_FALSE(m.state->job("main").running());
}

TEST_CASE("hooks: status 75 skips the run quietly, which is no failure and no snapshot") {
  Host m;
  m.job.hooks.before = {"exit 75", m.tells("not this")};
  m.job.hooks.after = {m.tells("not this")};
  m.job.hooks.after_failure = {m.tells("not this")};
  m.job.hooks.finally = {m.tells("finally $FARKEEP_OUTCOME")};
  CHECK_FALSE(m.run_job().has_value());
  CHECK(m.told() == "finally skipped\n");
  CHECK(m.stores[0].snapshots.empty());
  CHECK(m.state->job("main").failures() == 0);
  CHECK(m.state->job("main").last_good_ns() == 0);
  CHECK(m.state->job("main").skipped_ns() > 0);
  CHECK_FALSE(m.state->job("main").running());
}

TEST_CASE("hooks: a skipped run leaves what is known of the run before it: its end, its failure, its snapshot") {
  Host m;
  m.backup();
  m.job.hooks.before = {"exit 1"};
  CHECK_THROWS(m.backup());
  auto before = m.state->job("main");
  m.job.hooks.before = {"exit 75"};
  CHECK_FALSE(m.run_job().has_value());
  auto after = m.state->job("main");
  CHECK(after.failures() == 1);
  CHECK(after.last_exit() == before.last_exit());
  CHECK(after.last_text() == before.last_text());
  CHECK(after.last_end_ns() == before.last_end_ns());
  CHECK(after.last_good_ns() == before.last_good_ns());
  CHECK(after.skipped_ns() > after.last_end_ns());
}

TEST_CASE("hooks: a run is told to begin when its before hooks let it, not when they skip it or fail") {
  Host m;
  int begun = 0;
  const auto run = [&] {
    JobRunner runner(m.parts(), m, *m.choice, {}, [&] { ++begun; });
    (void)m.run(runner.run(m.job, Patience::one_round));
  };
  m.job.hooks.before = {"exit 75"};
  run();
  m.job.hooks.before = {"exit 1"};
  CHECK_THROWS(run());
  CHECK(begun == 0);
  m.job.hooks.before = {m.tells("before")};
  m.job.hooks.after = {m.tells("after")};
  run();
  CHECK(begun == 1);
}

TEST_CASE("hooks: an after that fails does not undo the snapshot; all of them run, and the result says it") {
  Host m;
  m.job.hooks.after = {"exit 4", m.tells("second")};
  m.job.hooks.finally = {m.tells("finally $FARKEEP_OUTCOME")};
  const BackupResult r = m.backup();
  CHECK_THAT(r.hook_problem, Contains("status 4"));
  CHECK_FALSE(r.complete());
  CHECK(m.told() == "second\nfinally incomplete\n");
  CHECK(m.stores[0].snapshots.size() == 1);
  CHECK(m.state->job("main").failures() == 0);
  CHECK_THAT(m.state->job("main").last_text(), Contains("status 4"));
}

TEST_CASE("hooks: a run that fails tells after_failure why") {
  Host m;
  m.down[0] = m.down[1] = true;
  m.job.hooks.after = {m.tells("not this")};
  m.job.hooks.after_failure = {m.tells("$FARKEEP_ERROR")};
  CHECK_THROWS(m.backup());
  CHECK_THAT(m.told(), Contains("neither server serves") && !Contains("not this"));
}

TEST_CASE("hooks: one that leaves a service running behind it, with its streams, does not hold up the run") {
  Host m;
  m.job.hooks.before = {"sleep 1000 & echo $! > " + (m.base / "pid").string()};
  m.backup();
  CHECK(m.stores[0].snapshots.size() == 1);
  std::system(("kill " + m.text(m.base / "pid")).c_str());
}

TEST_CASE("hooks: a run that is stopped runs finally to its end, and stays stopped") {
  Host m;
  m.job.hooks.before = {"echo $$ > " + (m.base / "pid").string() + "; exec sleep 1000"};
  m.job.hooks.after_failure = {m.tells("not this")};
  m.job.hooks.finally = {"sleep 0.2", m.tells("finally $FARKEEP_OUTCOME")};
  asio::io_context io{1};
  JobRunner runner(m.parts(), m, *m.choice);
  std::exception_ptr error;
  auto stop_soon = [](Host& host, Scope& scope) -> task<void> {
    while (!fs::exists(host.base / "pid")) co_await host.real.sleep(5ms);
    scope.cancel();
  };
  auto run_it = [](JobRunner& r, const BackupJob& job) -> task<void> { co_await r.run(job, Patience::until_done); };
  auto both = [&]() -> task<void> {
    Scope scope(co_await asio::this_coro::executor);
    scope.spawn(run_it(runner, m.job), "run");
    scope.spawn(stop_soon(m, scope), "stop");
    co_await scope.join();
  };
  asio::co_spawn(io, both(), [&](std::exception_ptr e) { error = e; });
  io.run();
  CHECK(m.told() == "finally stopped\n");
  CHECK(m.state->job("main").running());  // it is continued
  // The command was asked to end: the loop is over only when it has.
  CHECK(std::system(("kill -0 " + m.text(m.base / "pid").substr(0, m.text(m.base / "pid").find('\n')) + " 2>/dev/null").c_str()) != 0);
}
