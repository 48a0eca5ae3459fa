#include "app.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <thread>

#include "agent/agent_line.hpp"
#include "agent/jobs.hpp"
#include "agent/reading.hpp"
#include "agent/root_trust.hpp"
#include "agent/secrets.hpp"
#include "base/log.hpp"
#include "common/config_files.hpp"
#include "platform/file_access.hpp"
#include "platform/process.hpp"
#include "common/say.hpp"

namespace farkeep::cli {
namespace {

ProgressLine::Show how_to_show(const App::Options& o) {
  if (o.json) return ProgressLine::Show::json;
  return stderr_is_terminal() && !o.quiet ? ProgressLine::Show::line : ProgressLine::Show::nothing;
}

// For each server, before anything is read: who is slower is asked by the work itself, which waits longer.
constexpr std::chrono::nanoseconds kLookPatience = std::chrono::seconds{5};

}  // namespace

App::App(Options options) : options_(std::move(options)), progress_(clock_, how_to_show(options_), options_.quiet) {}

const AgentConfig& App::config() {
  if (config_) return *config_;
  config_ = config_of<AgentConfig>(read_config_files(AgentConfig::schema(), options_.config), tell_on_stderr);
  return *config_;
}

// What was built from the old one goes, the last first.
void App::replace_config(AgentConfig config) {
  servers_.reset();
  line_.reset();
  config_ = std::move(config);
}

AgentState& App::state() {
  if (!state_) {
    refuse_if_others_share(config().state, "the state folder");
    state_ = std::make_unique<AgentState>(system_disk(), config().state);
  }
  return *state_;
}

const Certificate& App::authority() {
  if (!authority_) authority_ = read_authority(config().ca_file);
  return *authority_;
}

RootTrust& App::trusted() {
  if (!trusted_) trusted_.emplace(state(), authority());
  return *trusted_;
}

const AgentCredentials& App::credentials() {
  if (!credentials_) credentials_ = std::make_unique<AgentCredentials>(AgentCredentials::load(state(), clock().wall()));
  return *credentials_;
}

const AgentKeys& App::keys() {
  if (!keys_) keys_ = std::make_unique<AgentKeys>(AgentKeys::load(state(), clock().wall()));
  return *keys_;
}

Workers& App::workers() {
  if (!workers_) {
    save_memory(config());
    const unsigned wanted = config().upload_threads;
    workers_ = std::make_unique<ThreadWorkers>(wanted ? wanted : std::max(2u, std::thread::hardware_concurrency()));
  }
  return *workers_;
}

Timers& App::timers() {
  if (!timers_) timers_ = std::make_unique<AsioTimers>();
  return *timers_;
}

Line& App::line() {
  if (!line_) {
    resolver_ = std::make_unique<SystemResolver>(context_.get_executor(), timers());
    line_ = std::make_unique<AgentLine>(context_.get_executor(), timers(), clock_, *resolver_, config(), proxy_password(config().connection), logins());
  }
  return *line_;
}

RefusedLogins& App::logins() {
  if (!logins_) logins_ = std::make_unique<RefusedLogins>(state(), clock_, random_);
  return *logins_;
}

Servers& App::servers() {
  if (!servers_) servers_ = std::make_unique<TlsServers>(state(), credentials(), authority(), line(), timers(), clock_, servers_options(config()));
  return *servers_;
}

ServerChoice& App::choice() {
  if (!choice_) choice_ = std::make_unique<ServerChoice>(state(), clock_, random_);
  return *choice_;
}

BackupParts App::backup_parts() {
  BackupParts parts{state(), keys(), workers(), timers(), clock_, random_, progress_};
  parts.memory = MemoryPlan::of(config().memory);
  return parts;
}

std::unique_ptr<DiskLock> App::lock() {
  auto held = state().lock();
  if (!held) throw failure(Errc::busy, "using " + state().folder() + ": another farkeep works with it (wait for it, or see: farkeep status)");
  return held;
}

EnrolParts App::enrol_parts() { return EnrolParts{state(), authority(), line(), timers(), clock_, random_, progress_}; }

EscrowParts App::escrow_parts() { return EscrowParts{state(), servers(), choice(), clock_, random_, progress_}; }

task<void> App::with_vault(Servers::Work work) { return use_any(servers(), choice(), progress_, std::move(work)); }

HeadParts App::head_parts() { return HeadParts{servers(), state(), keys(), workers(), timers(), clock_}; }

SnapshotTrust App::trust() { return SnapshotTrust{keys(), trusted().roots(), ids_of(servers().pair()), Heads(state()).bound_from()}; }

void App::tell_alarm(const std::string& text) {
  alarmed_ = true;
  progress_.clear();
  tell_text("farkeep: ALARM: " + text);
}

task<void> App::read_vault(Servers::Work work, Older older) {
  ReadParts parts{head_parts(), choice(), progress_, [this](const std::string& text) { tell_alarm(text); }, older, &reads_older_};
  return farkeep::read_vault(std::move(parts), kLookPatience, std::move(work));
}

void App::run(task<void> work) {
  std::exception_ptr error;
  boost::asio::cancellation_signal cancel;
  boost::asio::signal_set signals(context_, SIGINT, SIGTERM);
  bool interrupted = false;
  signals.async_wait([&](const boost::system::error_code& ec, int) {
    if (ec) return;
    interrupted = true;
    cancel.emit(boost::asio::cancellation_type::terminal);
  });
  boost::asio::co_spawn(context_, std::move(work), boost::asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) {
                          error = e;
                          signals.cancel();
                        }));
  context_.restart();
  context_.run();
  progress_.clear();
  if (interrupted) throw failure(Errc::cancelled, "interrupted");
  if (error) std::rethrow_exception(error);
}

void App::say(const std::string& line) {
  progress_.clear();
  if (options_.json) say_json(line);
  else say_text(line);
}

}  // namespace farkeep::cli
