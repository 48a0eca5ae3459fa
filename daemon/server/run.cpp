#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "async/race.hpp"
#include "async/scope.hpp"
#include "async/signals.hpp"
#include "base/log.hpp"
#include "base/software.hpp"
#include "command.hpp"
#include "platform/service_notify.hpp"
#include "store/directory_store.hpp"
#include "transport/direct_dialer.hpp"
#include "transport/listener.hpp"
#include "transport/text_endpoint.hpp"
#include "vault/server.hpp"
#include "vault/server_metrics.hpp"

// The service: build the parts by hand in order, run, join.
namespace farkeep::server {
namespace {

constexpr auto kRenewalCheck = std::chrono::hours{24};

TlsContext tls_of(const Identity& identity, const Clock& clock) {
  TlsCredentials credentials;
  credentials.certificate_pem = to_pem(identity.chain());
  credentials.key_pem = identity.key().to_pem();
  credentials.authority_pem = identity.root().pem();
  return TlsContext{credentials, clock};
}

ServerSettings settings_of(App& app) {
  auto const& config = app.config();
  ServerSettings settings;
  settings.data = app.data();
  settings.software = std::string{kSoftware};
  settings.agent_quota = config.agent_quota.value_or(0);
  settings.vaults.vault.segment_target = config.segment_size;
  settings.mirror.interval = config.mirror_interval;
  settings.mirror.backoff = config.mirror_backoff;
  if (config.partner) settings.mirror.addresses.push_back(value_or_throw(Endpoint::parse(config.partner->to_string()), "reading the partner's address"));
  return settings;
}

// Where the configuration says; without a configuration file, where the server said that it would be.
std::vector<Endpoint> endpoints_of(App& app, const Identity& identity) {
  std::vector<Endpoint> out;
  for (auto const& address : app.has_config() ? app.config().listen : identity.addresses())
    out.push_back(value_or_throw(Endpoint::parse(address.to_string()), "reading the address " + address.to_string()));
  return out;
}

// One line for `systemctl status`.
std::string listening_at(const std::vector<Endpoint>& endpoints) {
  std::string out;
  for (auto const& endpoint : endpoints) out += (out.empty() ? "listens on " : ", ") + endpoint.text();
  return out;
}

/// The process while it serves.
class Service {
 public:
  explicit Service(App& app) : app_(app), workers_(std::max(2u, std::thread::hardware_concurrency())), signals_(io_.get_executor()) {}

  void run() {
    lock_ = app_.disk().lock(run_lock(app_.data()));
    if (!lock_) throw failure(Errc::busy, "serving " + app_.data() + ": another farkeep-server runs in this folder");
    std::exception_ptr error;
    asio::co_spawn(io_, serve_until_stopped(), [&](const std::exception_ptr& e) {
      error = e;
      io_.stop();
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
  // A new certificate needs new parts: it happens twice a year.
  task<void> serve_until_stopped() {
    auto store = co_await DirectoryStore::open(app_.disk(), workers_, app_.random(), store_folder(app_.data()));
    for (bool again = true; again;) {
      auto identity = Identity::load(app_.disk(), app_.data());
      if (identity.renew_if_due(app_.disk(), app_.data(), app_.clock().wall(), app_.random())) log_info("the server's certificate was renewed");
      again = co_await serve_as(std::move(identity), *store);
    }
    ended_ = true;
  }

  task<bool> serve_as(Identity identity, Store& store) {
    auto const executor = co_await asio::this_coro::executor;
    DirectDialer direct{executor, timers_};
    auto const tls = tls_of(identity, app_.clock());
    TlsDialer dialer{direct, timers_, tls};
    Server server{executor, app_.disk(), store, identity, app_.clock(), timers_, workers_, app_.random(), dialer, settings_of(app_)};
    ListenerOptions options;
    options.endpoints = endpoints_of(app_, identity);
    options.max_connections = app_.config().max_connections;
    Listener listener{executor, timers_, tls, options, [&server](std::unique_ptr<SecureStream> stream) { return server.serve(std::move(stream)); }};
    for (auto const& endpoint : options.endpoints) log_info("server {} ({}) listens on {}", identity.name(), identity.id().brief(), endpoint.text());
    auto const metrics = metrics_endpoint(executor, server, identity);
    service_ready();
    service_status(listening_at(options.endpoints));

    bool again = false;
    std::exception_ptr error;
    {
      Scope scope{executor};
      scope.spawn(server.run(), "mirror and vaults");
      scope.spawn(listener.run(), "the listener");
      if (metrics) scope.spawn(metrics->run(), "metrics");
      scope.spawn(obey_signals(scope), "signals");
      scope.spawn(feed_watchdog(), "the watchdog");
      scope.spawn(wait_for_renewal(scope, identity.chain()[0], again), "the certificate");
      try {
        co_await scope.join();
      } catch (...) {
        error = std::current_exception();
      }
    }
    co_await server.close();
    if (error) std::rethrow_exception(error);
    co_return again;
  }

  std::unique_ptr<TextEndpoint> metrics_endpoint(const Executor& executor, Server& server, const Identity& identity) {
    auto const& at = app_.config().metrics_listen;
    if (!at) return nullptr;
    auto const endpoint = value_or_throw(Endpoint::parse(at->to_string()), "reading the address " + at->to_string());
    log_info("metrics are at http://{}/metrics", endpoint.text());
    return std::make_unique<TextEndpoint>(executor, timers_, endpoint, "/metrics", [this, &server, name = identity.name()] { return metrics_now(server, name); });
  }

  task<std::string> metrics_now(Server& server, std::string name) {
    ServerFacts facts;
    facts.name = std::move(name);
    facts.sessions = server.sessions();
    facts.free_bytes = app_.disk().free_bytes(app_.data());
    auto text = co_await workers_.offload([](Registry* registry, ServerFacts f, WallTime now) { return server_metrics(*registry, f, now); }, &server.registry(),
                                          std::move(facts), app_.clock().wall());
    co_return text;
  }

  task<void> obey_signals(Scope& scope) {
    for (;;) {
      auto const signal = co_await signals_.next();
      if (signal == Signal::stop) break;
      log_info("reload: settings take effect at the next start; the registry is read anew on every request");
    }
    log_info("stopping");
    service_stopping();
    patience_.expires_after(limits::kGoodbye);
    patience_.async_wait([this](const boost::system::error_code& e) {
      if (!e) io_.stop();
    });
    scope.cancel();
  }

  task<void> feed_watchdog() {
    auto const interval = service_watchdog_interval();
    while (interval) {
      service_watchdog();
      co_await timers_.sleep(*interval / 2);
    }
  }

  task<void> wait_for_renewal(Scope& scope, Certificate certificate, bool& again) {
    auto const due = certificate.not_after() - (certificate.not_after() - certificate.not_before()) / 2;
    while (app_.clock().wall() <= due) co_await timers_.sleep(kRenewalCheck);
    again = true;
    scope.cancel();
  }

  App& app_;
  asio::io_context io_{1};
  AsioTimers timers_;
  ThreadWorkers workers_;
  Signals signals_;
  asio::steady_timer patience_{io_};
  std::unique_ptr<DiskLock> lock_;
  bool ended_ = false;
};

}  // namespace

void run_options(po::options_description&) {}

Exit run(App& app, const po::variables_map&, const Operands& operands) {
  no_operands(operands);
  auto const& config = app.config();
  auto const level = app.options().verbose > 0 ? LogLevel::debug : app.options().quiet ? LogLevel::warning : config.log_level;
  start_logging(level, app.options().json ? LogFormat::json : config.log_format);
  app.identity();
  Service service{app};
  service.run();
  return Exit::done;
}

}  // namespace farkeep::server
