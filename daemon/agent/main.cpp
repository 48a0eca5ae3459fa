// farkeepd: the agent daemon.  Runs the jobs of the configuration when they are due; listens on nothing.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/program_options.hpp>
#include <memory>

#include "agent.hpp"
#include "agent/control.hpp"
#include "agent/jobs.hpp"
#include "async/race.hpp"
#include "async/signals.hpp"
#include "async/waiters.hpp"
#include "base/software.hpp"
#include "common/command_line.hpp"
#include "common/take_over.hpp"
#include "platform/process.hpp"
#include "common/say.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;

// Until cancelled.
task<void> watchdog(Timers& timers) {
  const auto interval = service_watchdog_interval();
  const std::chrono::nanoseconds pause = interval ? *interval / 2 : std::chrono::microseconds(1h);
  for (;;) {
    if (interval) service_watchdog();
    co_await timers.sleep(pause);
  }
}

// How attempts to take a configuration over ended, for whoever asked for one; and the agent that lives now.
struct Reloads {
  struct Lives {
    Lives(Reloads& r, Agent& agent) : reloads(r) { r.agent = &agent; }
    ~Lives() { reloads.agent = nullptr; }
    Lives(const Lives&) = delete;
    Lives& operator=(const Lives&) = delete;
    Reloads& reloads;
  };
  Agent* agent = nullptr;
  std::size_t count = 0;
  std::string last;
  Waiters done;

  void ended(std::string text) {
    ++count;
    last = std::move(text);
    done.wake_all();
  }
};

// Runs until a signal.  The next agent is made while the old one lives: where that fails, the configuration that was good stays, and where it would do the same as the
// old one, that one goes on undisturbed.
task<void> live(const std::string& file, AgentConfig config, Signals& signals, Reloads& reloads, Lasting& lasting) {
  const Executor executor = co_await asio::this_coro::executor;
  stand_back(config);
  auto agent = std::make_unique<Agent>(executor, config, lasting);
  service_ready();  // not before: whoever starts the service hears what is wrong
  for (;;) {
    std::unique_ptr<Agent> next;
    auto until_signal = [&]() -> task<void> {
      while (!next) {
        const Signal signal = co_await signals.next();
        if (signal == Signal::stop) co_return;
        const std::string problem = take_over([&] {
          AgentConfig read = read_config(file);
          if (read.state != config.state) throw failure(Errc::configuration, "taking over the configuration " + file + ": another state folder needs a restart");
          stand_back(read);  // before its threads begin
          try {
            next = std::make_unique<Agent>(executor, read, lasting);
          } catch (...) {
            stand_back(config);
            throw;
          }
          config = std::move(read);
          lasting.use(config);
        });
        if (next && next->is_as(*agent)) {
          next.reset();
          log_info("the configuration {} is taken over; nothing in it has changed", file);
        }
        reloads.ended(problem.empty() ? "ok" : "failed: " + problem);
      }
    };
    {
      const Reloads::Lives lives(reloads, *agent);
      co_await race(agent->run(), until_signal());
    }
    agent = std::move(next);
    if (!agent) break;
    start_logging(config.log_level, config.log_format);
    log_info("the configuration {} is taken over", file);
  }
  service_stopping();
  lasting.stop();
}

// The command's questions.
task<std::string> answer(std::string question, Signals& signals, Reloads& reloads) {
  constexpr std::string_view kCancel = "cancel ";
  if (question.starts_with(kCancel)) {
    if (!reloads.agent || !reloads.agent->cancel(question.substr(kCancel.size()))) co_return "failed: it does not run in the daemon";
    co_return "ok";
  }
  if (question == "look") {
    if (reloads.agent) reloads.agent->look();
    co_return "ok";
  }
  if (question == "progress") co_return reloads.agent ? reloads.agent->progress() : "";
  if (question != "reload") co_return "failed: this daemon does not know the question " + question;
  const std::size_t before = reloads.count;
  signals.ask_reload();
  while (reloads.count == before) co_await reloads.done.wait();
  co_return reloads.last;
}

task<void> serve(std::string file, AgentConfig config) {
  const Executor executor = co_await asio::this_coro::executor;
  Signals signals(executor);
  Reloads reloads;
  Lasting lasting(config);
  AsioTimers timers;
  std::optional<ControlServer> control;
  try {
    ControlServer::Answer reply = [&](std::string question) { return answer(std::move(question), signals, reloads); };
    control.emplace(executor, timers, config.state, std::move(reply));
  } catch (const failure& f) {
    log_warning("the farkeep command cannot talk to this daemon: {}", f.what());
  }
  auto tell_and_live = [&]() -> task<void> { co_await race(live(file, std::move(config), signals, reloads, lasting), lasting.run()); };
  if (control) co_await race(tell_and_live(), control->run());
  else co_await tell_and_live();
}

Exit run(std::vector<std::string> args) {
  po::options_description options("Options");
  options.add_options()("config", po::value<std::string>()->default_value("/etc/farkeep/agent.ini")->value_name("FILE"), "configuration file")(
      "version", "prints the version")("help,h", "this text");
  po::variables_map values;
  try {
    po::store(po::command_line_parser(args).options(options).run(), values);
    po::notify(values);
  } catch (const po::error& e) {
    throw failure(Errc::usage, e.what());
  }
  if (values.count("help")) {
    std::ostringstream text;
    text << options;
    say_text("Usage: farkeepd [--config FILE]\nRuns the configuration's jobs when they are due.  SIGHUP reads it again, SIGTERM ends.\n\n" + text.str());
    return Exit::done;
  }
  if (values.count("version")) {
    say_text(kSoftware);
    return Exit::done;
  }
  const std::string file = values["config"].as<std::string>();
  start_logging(LogLevel::warning, LogFormat::text);
  AgentConfig config = read_config(file);
  start_logging(config.log_level, config.log_format);

  asio::io_context context{1};
  std::exception_ptr error;
  AsioTimers timers;
  auto all = [](Timers& t, std::string f, AgentConfig c) -> task<void> { co_await race(serve(std::move(f), std::move(c)), watchdog(t)); };
  asio::co_spawn(context, all(timers, file, std::move(config)), [&](std::exception_ptr e) { error = e; });
  context.run();
  if (error) std::rethrow_exception(error);
  return Exit::done;
}

}  // namespace
}  // namespace farkeep

int main(int argc, char** argv) {
  farkeep::harden_process();
  farkeep::raise_descriptor_limit();
  farkeep::keep_freed_memory();
  return farkeep::run_program("farkeepd", argc, argv, farkeep::run);
}
