#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "async/fence.hpp"
#include "async/race.hpp"
#include "async/scope.hpp"
#include "async/signals.hpp"
#include "base/build_time.hpp"
#include "base/log.hpp"
#include "clock_watch.hpp"
#include "command.hpp"
#include "common/take_over.hpp"
#include "platform/disk_size.hpp"
#include "platform/process.hpp"
#include "platform/service_notify.hpp"
#include "renewal_watch.hpp"
#include "settings.hpp"
#include "store/directory_store.hpp"
#include "transport/direct_dialer.hpp"
#include "transport/listener.hpp"
#include "transport/notifier.hpp"
#include "transport/text_endpoint.hpp"
#include "vault/server.hpp"
#include "vault/server_metrics.hpp"
#include "wire/root_word.hpp"

// The service: build the parts by hand in order, run, join.
namespace farkeep::server {
namespace {

constexpr auto kRenewalCheck = std::chrono::minutes{1};  // of certificate and clock: a clock that is right again counts at once
constexpr auto kForTheDoubt = std::chrono::seconds{3};    // two servers that start together have met by then
constexpr auto kRenewalAgain = std::chrono::hours{1};    // after one that could not be written
constexpr auto kMetricsAgain = std::chrono::minutes{1};  // when they cannot be listened for
constexpr auto kLook = std::chrono::minutes{1};          // for agents that are overdue
constexpr auto kTrim = std::chrono::seconds{30};         // a millisecond of work for each 100 MiB of heap
constexpr auto kChildGrace = std::chrono::seconds{2};    // for a notifying command, when the server ends

Revocations revocations_of(const std::string& root_word, const Identity& identity) {
  auto const word = wire::stored_root_word(root_word, identity.roots());
  return word ? word->revoked : Revocations{};
}

TlsContext tls_of(const Identity& identity, Revocations revoked, const Clock& clock, TlsContext::AnotherTime servers_by) {
  TlsCredentials credentials;
  credentials.revoked = std::move(revoked);
  credentials.certificate_pem = to_pem(identity.chain()) + to_pem(identity.links());
  credentials.key_pem = identity.key().to_pem();
  credentials.authority_pem = identity.roots().pem();
  return TlsContext{credentials, clock, std::move(servers_by)};
}

// As a service reads it: mistakes go to the log, what the command line says has the last word, and without a file the server listens where it said that it would be.
ServerConfig read_config(App& app) {
  MergedIni files = app.read_files();
  bool const found = !files.files.empty();
  auto config = config_for_service<ServerConfig>(std::move(files));
  if (app.options().data) config.data = app.data();
  if (!found) config.listen = app.identity().addresses();
  return config;
}

void start_logging(App& app, const ServerConfig& config) {
  auto const level = app.options().verbose > 0 ? LogLevel::debug : app.options().quiet ? LogLevel::warning : config.log_level;
  farkeep::start_logging(level, app.options().json ? LogFormat::json : config.log_format);
}

// One line for `systemctl status`.
std::string listening_at(const std::vector<Endpoint>& endpoints) {
  std::string out;
  for (auto const& endpoint : endpoints) out += (out.empty() ? "listens on " : ", ") + endpoint.text();
  return out.empty() ? "waits for the addresses where it should listen" : out;
}

std::unique_ptr<DiskLock> lock_of(App& app, const std::string& data) {
  auto held = app.disk().lock(run_lock(data));
  if (!held) throw failure(Errc::busy, "serving " + data + ": another farkeep-server runs in this folder");
  return held;
}

/// The process while it serves.
class Service {
 public:
  Service(App& app, ServerConfig config)
      : app_(app), started_(config), lock_(lock_of(app, started_.data)), config_(std::move(config)), workers_(std::max(2u, std::thread::hardware_concurrency())), signals_(io_.get_executor()),
        outbox_(app.disk(), started_.data + "/notices", app.clock()), notifier_(config_.notify, app.identity().name(), children_, web_, timers_, app.clock(), outbox_) {}

  void run() {
    std::exception_ptr error;
    asio::co_spawn(io_, serve_until_stopped(), [&](const std::exception_ptr& e) {
      error = e;
      patience_.cancel();  // what remains is commands that were asked to end
    });
    io_.run();
    if (error) std::rethrow_exception(error);
    if (ended_) return;
    // Taking the parts down in this state would wait for what does not come.
    log_warning("not everything came to its end within {} s of the signal; what was acknowledged is durable", limits::kGoodbye.count());
    std::fflush(nullptr);
    std::_Exit(static_cast<int>(Exit::failed));
  }

 private:
  /// What connections are judged by from one beginning to the next.
  struct Keys {
    Identity identity;
    TlsContext tls;
    RenewalWatch::Began began;
    bool renewed = false;                             // a certificate was, or another one is shown now
    std::chrono::nanoseconds renewal = kRenewalCheck;  // how often that is looked at
  };

  // Another certificate needs new parts: it happens twice a year, and when a clock was wrong.
  task<void> serve_until_stopped() {
    auto store = co_await DirectoryStore::open(app_.disk(), workers_, app_.random(), store_folder(started_.data), disk_size(started_.data));
    std::optional<Keys> keys = keys_on_disk(guard_);
    for (auto unavailable = Unavailable::fails; keys; unavailable = Unavailable::is_tried_again) {
      Keys now = std::move(*keys);
      keys = co_await serve_with(std::move(now), unavailable, *store);
    }
    ended_ = true;
  }

  // Blocks.
  Keys keys_on_disk(ClockGuard& guard) {
    auto state = Identity::state_on_disk(app_.disk(), started_.data);
    auto identity = Identity::load(app_.disk(), started_.data);
    std::chrono::nanoseconds renewal = kRenewalCheck;
    bool const renewed = renew(identity, guard, renewal);
    if (renewed) state = Identity::state_on_disk(app_.disk(), started_.data);
    Registry registry{app_.disk(), app_.clock(), app_.random(), started_.data + "/registry"};
    auto const word = registry.root_word();
    identity.hear(word);
    auto tls = tls_of(identity, revocations_of(word, identity), app_.clock(), [this] { return clock_watch_.instead_of_now(); });
    RenewalWatch::Began began{state, trust_in(word, identity)};
    return Keys{std::move(identity), std::move(tls), std::move(began), renewed, renewal};
  }

  // True when another certificate was saved.  A disk that is full must not end the server for that.
  bool renew(Identity& identity, ClockGuard& guard, std::chrono::nanoseconds& look) {
    try {
      guard.note();
      auto const now = app_.clock().wall();
      auto const verdict = guard.judge();
      auto const what = identity.renewal(now, verdict);
      if (!identity.renew_if_due(app_.disk(), started_.data, now, verdict, app_.random())) return false;
      if (what == Identity::Renewal::issue) log_info("the server's certificate was renewed");
      else log_info("the newest certificate of the server is not valid now, by this machine's clock; an earlier one is shown");
      return true;
    } catch (const failure& e) {
      look = kRenewalAgain;
      log_error("renewing the server's certificate: {}; it is tried again in an hour", e.what());
    }
    return false;
  }

  // The keys to go on with; nothing: it was stopped.
  task<std::optional<Keys>> serve_with(Keys keys, Unavailable unavailable, DirectoryStore& store) {
    auto const executor = co_await asio::this_coro::executor;
    auto const& identity = keys.identity;
    DirectDialer direct{executor, timers_};
    TlsDialer dialer{direct, timers_, keys.tls};
    Server server{executor, app_.disk(), store, identity, app_.clock(), timers_, workers_, app_.random(), dialer, settings_of(config_)};
    server.look_after(store);
    ListenerOptions options;
    options.endpoints = endpoints_of(started_.listen);
    options.max_connections = config_.max_connections + limits::kPlacesBeside;
    options.silent = Silent::stay_in_kernel;
    options.unavailable = unavailable;
    Listener listener{executor, timers_, keys.tls, options, [&server](std::unique_ptr<SecureStream> stream) { return server.serve(std::move(stream)); }};
    auto const listens_at = listener.endpoints();
    for (auto const& endpoint : listens_at) log_info("server {} ({}) listens on {}", identity.name(), identity.id().brief(), endpoint.text());
    auto metrics = started_.metrics_listen && unavailable == Unavailable::fails ? metrics_endpoint(executor, server, listener, identity.name()) : nullptr;
    service_status(listening_at(listens_at));  // first: who waited for "ready" may look at once
    service_ready();

    co_await clock_watch_.look_for_doubt();
    std::optional<Keys> next;
    std::exception_ptr error;
    std::string why;
    {
      Scope scope{executor};
      scope.spawn(server.run(), "mirror and vaults");
      scope.spawn(listen(listener), "the listener");
      if (started_.metrics_listen) scope.spawn(serve_metrics(std::move(metrics), server, listener, identity.name()), "metrics");
      scope.spawn(obey_signals(scope, server, listener), "signals");
      scope.spawn(watch_agents(server), "watching for overdue agents");
      scope.spawn(note_turned_away(server, listener), "noting who was turned away");
      scope.spawn(notifier_.run(), "notifying");
      scope.spawn(feed_watchdog(), "the watchdog");
      scope.spawn(give_memory_back(), "giving memory back");
      scope.spawn(clock_watch_.run(server), "watching the clock");
      scope.spawn(begin_anew(scope, server, keys, next), "the certificate");
      try {
        co_await scope.join();
      } catch (const std::exception& e) {
        error = std::current_exception();
        why = e.what();
      }
    }
    auto const unclosed = co_await problem_of(server.close());
    if (!unclosed.empty()) log_error("closing the vaults: {}; what was acknowledged is durable", unclosed);
    if (stopping_) next.reset();  // both came in one turn
    if (error && next) log_error("while the server began anew: {}", why);  // of what ended meanwhile
    else if (error) std::rethrow_exception(error);
    if (!next && !unclosed.empty()) throw failure(Errc::io, "stopping: " + unclosed);
    co_return next;
  }

  // While the clock is far ahead the partner may be about to end the doubt, and the server begins anew then: who comes meanwhile waits, instead of being shown a certificate
  // that has expired.
  task<void> listen(Listener& listener) {
    if (clock_watch_.instead_of_now()) co_await timers_.sleep(kForTheDoubt);
    co_await listener.run();
  }

  std::unique_ptr<TextEndpoint> metrics_endpoint(const Executor& executor, Server& server, Listener& listener, std::string server_name) {
    auto const endpoint = endpoints_of({*started_.metrics_listen}).front();
    log_info("metrics are at http://{}/metrics", endpoint.text());
    return std::make_unique<TextEndpoint>(executor, timers_, endpoint, "/metrics", [this, &server, &listener, name = std::move(server_name)] { return metrics_now(server, listener, name); });
  }

  // An endpoint that cannot be had any more is tried again, like those of the listener.
  task<void> serve_metrics(std::unique_ptr<TextEndpoint> endpoint, Server& server, Listener& listener, std::string server_name) {
    auto const executor = co_await asio::this_coro::executor;
    const auto listen = [&]() -> task<void> {
      endpoint = metrics_endpoint(executor, server, listener, server_name);
      co_return;
    };
    while (!endpoint) {
      auto const problem = co_await problem_of(listen());
      if (problem.empty()) break;
      log_error("{}; it is tried again in a minute", problem);
      co_await timers_.sleep(kMetricsAgain);
    }
    co_await endpoint->run();
  }

  vault::pb::TurnedAway turned_away(const Server& server, const Listener& listener) const {
    auto const early = listener.turned_away();
    auto const late = server.turned_away();
    vault::pb::TurnedAway out;
    out.set_since_ns(since_.time_since_epoch().count());
    out.set_silent(early.silent);
    out.set_handshakes(early.handshakes);
    out.set_failed(early.failed);
    out.set_strangers(late.strangers);
    out.set_late(late.late);
    out.set_full(late.full + early.full);
    out.set_surplus(late.surplus);
    out.set_breaches(late.breaches);
    return out;
  }

  // For `status`, which is another process.  Written when something changed, once a minute.
  task<void> note_turned_away(Server& server, Listener& listener) {
    std::string written;
    for (;;) {
      auto counts = turned_away(server, listener);
      auto bytes = counts.SerializeAsString();
      if (bytes != written) {
        written = std::move(bytes);
        auto note = workers_.offload([](Registry* registry, vault::pb::TurnedAway c) { registry->set_turned_away(c); }, &server.registry(), std::move(counts));
        auto const problem = co_await problem_of(std::move(note));
        if (!problem.empty()) log_warning("noting who was turned away: {}", problem);
      }
      co_await timers_.sleep(kLook);
    }
  }

  task<std::string> metrics_now(Server& server, Listener& listener, std::string name) {
    ServerFacts facts;
    facts.name = std::move(name);
    facts.sessions = server.sessions();
    facts.unusable_copies = server.unusable_copies();
    facts.turned_away = turned_away(server, listener);
    facts.store = server.disk().health();
    facts.takes_data = server.disk().level() < DiskWatch::Level::full;
    auto const text = [](Disk* disk, std::string data, Registry* registry, ServerFacts f, WallTime now) {
      f.free_bytes = disk->free_bytes(data);
      return server_metrics(*registry, f, now);
    };
    co_return co_await workers_.offload(text, &app_.disk(), std::string{started_.data}, &server.registry(), std::move(facts), app_.clock().wall());
  }

  task<void> obey_signals(Scope& scope, Server& server, Listener& listener) {
    for (;;) {
      auto const signal = co_await signals_.next();
      if (signal == Signal::stop) break;
      reload(server, listener);
    }
    log_info("stopping");
    stopping_ = true;
    service_stopping();
    patience_.expires_after(limits::kGoodbye);
    patience_.async_wait([this](const boost::system::error_code& e) {
      if (!e) io_.stop();
    });
    web_.stop();
    scope.cancel();
  }

  void reload(Server& server, Listener& listener) {
    auto const problem = take_over([&] {
      auto next = read_config(app_);
      auto settings = settings_of(next);
      config_ = std::move(next);
      start_logging(app_, config_);
      server.use(settings);
      listener.limit(config_.max_connections + limits::kPlacesBeside);
    });
    if (!problem.empty()) return;
    log_info("the configuration {} is taken over", app_.options().config.value_or(kDefaultConfig));
    std::string kept;
    for (auto const& key : kept_until_restart(started_, config_)) kept += (kept.empty() ? "" : ", ") + key;
    if (!kept.empty()) log_warning("{} changed; takes effect at the next start", kept);
    notifier_.look();
    look_again_ = true;
    look_.wake_all();
  }

  task<void> watch_agents(Server& server) {
    const auto look = [&]() -> task<void> {
      for (auto& notice : server.take_disk_notices()) notifier_.tell(std::move(notice));
      auto notices = co_await server.look_for_overdue(config_.notify.anybody());
      for (auto& notice : notices) {
        log_info("{}", notice.text);
        notifier_.tell(std::move(notice));
      }
    };
    for (;;) {
      look_again_ = false;
      auto const problem = co_await problem_of(look());
      if (!problem.empty()) log_warning("looking for what is overdue: {}", problem);
      if (!look_again_) co_await race(look_.wait(), timers_.sleep(kLook));
    }
  }

  task<void> feed_watchdog() {
    auto const interval = service_watchdog_interval();
    while (interval) {
      service_watchdog();
      co_await timers_.sleep(*interval / 2);
    }
  }

  // What a flood or a busy night has left behind does not stay with us.
  task<void> give_memory_back() {
    for (;;) {
      co_await timers_.sleep(kTrim);
      auto const problem = co_await problem_of(workers_.offload(&return_free_memory));
      if (!problem.empty()) log_warning("giving memory back: {}", problem);
    }
  }

  // What comes next is there before what is now ends: while there are keys with which nothing can be done, the server goes on with those that it has.
  task<void> begin_anew(Scope& scope, Server& server, const Keys& now, std::optional<Keys>& next) {
    RenewalWatch watch{app_.disk(), app_.clock(), timers_, workers_, started_.data, now.began};
    auto look = now.renewal;
    std::optional<Keys> found;
    const auto read = [&]() -> task<void> { found = co_await workers_.offload([](Service* s, ClockGuard* guard) { return s->keys_on_disk(*guard); }, this, &server.clock_guard()); };
    for (std::string told; !found;) {
      co_await watch.wait(server, now.identity, look);
      auto problem = co_await problem_of(read());
      if (!problem.empty() && problem != told) log_error("taking changed keys over: {}; the server goes on with those that it has, and tries again", problem);
      told = std::move(problem);
      if (!found) continue;
      look = found->renewal;
      if (!found->renewed && found->began == now.began) found.reset();  // the renewal failed
    }
    if (!found->renewed) log_info("keys or the root's word changed: connections begin anew");
    next = std::move(found);
    scope.cancel();
  }

  App& app_;
  const ServerConfig started_;  // what counts at the start only is taken from here
  const std::unique_ptr<DiskLock> lock_;  // before anything else in there is touched
  ServerConfig config_;
  ClockGuard guard_{app_.disk(), started_.data, app_.clock(), build_time()};
  asio::io_context io_{1};
  AsioTimers timers_;
  const WallTime since_{app_.clock().wall()};
  ThreadWorkers workers_;
  ThreadWorkers web_workers_{4};  // a call to a dead address may hang for 20 s
  CurlWeb web_{web_workers_};
  SystemChildren children_{kChildGrace};
  Signals signals_;
  Outbox outbox_;
  Notifier notifier_;
  ClockWatch clock_watch_{guard_, timers_, workers_, notifier_};
  Waiters look_;
  bool look_again_ = false;
  bool stopping_ = false;                   // asked to: nothing begins anew
  asio::steady_timer patience_{io_};
  bool ended_ = false;
};

}  // namespace

void run_options(po::options_description&) {}

Exit run(App& app, const po::variables_map&, const Operands& operands) {
  no_operands(operands);
  farkeep::start_logging(LogLevel::warning, LogFormat::text);
  auto config = read_config(app);
  start_logging(app, config);
  app.identity();
  Service service{app, std::move(config)};
  service.run();
  return Exit::done;
}

}  // namespace farkeep::server
