#include "transport/chain.hpp"

#include <utility>

#include "async/race.hpp"
#include "transport/http_connect.hpp"
#include "transport/mapped_dialer.hpp"
#include "transport/proxy_dialer.hpp"

namespace farkeep {
namespace {

constexpr auto kLately = std::chrono::minutes{15};  // a password that was right a moment ago most likely is
constexpr auto kTurn = std::chrono::seconds{3};       // most proxies have judged a password by then

}  // namespace

Chain::Chain(Executor executor, Timers& timers, Resolver& resolver, const ConnectionConfig& settings, SecretText password, LoginMemory* logins)
    : timers_(timers), logins_(logins), direct_(std::move(executor), timers, direct_options(settings)) {
  if (settings.mode == ConnectionMode::mapped) proxy_ = std::make_unique<MappedDialer>(direct_, resolver, settings.mapped);
  const ProxyConfig* proxy = settings.proxy();
  if (!proxy) return;

  login_.user = proxy->user;
  login_.password = std::move(password);
  ProxyPatience patience;
  patience.reply = proxy->reply_timeout;
  const ProxyLogin& login = login_;
  ProxyDialer::Handshakes make;
  ProxyKind kind{};
  if (settings.mode == ConnectionMode::http) {
    kind = ProxyKind::http;
    make = [&login, patience](ProxyPlace place) {
      auto authenticator = login.user.empty() ? no_authenticator() : basic_authenticator(login);
      return http_connect(std::move(place), std::move(authenticator), patience);
    };
  } else if (settings.socks_version == 4) {
    kind = ProxyKind::socks4;
    make = [&login, patience](ProxyPlace place) { return socks4(std::move(place), login, patience); };
  } else {
    kind = ProxyKind::socks5;
    make = [&login, patience](ProxyPlace place) { return socks5(std::move(place), login, patience); };
  }
  proxy_ = std::make_unique<ProxyDialer>(direct_, resolver, timers, proxy->proxy, kind, proxy->user, std::move(make));
  place_.kind = kind;
  place_.proxy = proxy->proxy.to_string();
  place_.user = proxy->user;
}

task<std::unique_ptr<Stream>> Chain::dial(Endpoint destination) {
  if (!proxy_) return direct_.dial(std::move(destination));
  return logins_ && !login_.password.empty() ? dial_with_login(std::move(destination)) : proxy_->dial(std::move(destination));
}

// A proxy that speaks of what lies behind it has let us in.
task<std::unique_ptr<Stream>> Chain::dial_with_login(Endpoint destination) {
  Budget::Lease turn;
  if (!is_good()) turn = co_await take_turn();
  if (is_good()) turn = {};
  const std::optional<std::string> objection = logins_->objection(place_.proxy, login_);
  if (objection) {
    ProxyPlace place = place_;
    place.destination = destination;
    throw proxy_error(ProxyTrouble::login_refused, place, *objection);
  }
  std::unique_ptr<Stream> stream;
  try {
    stream = co_await proxy_->dial(std::move(destination));
  } catch (const proxy_error& e) {
    const bool again = std::exchange(closed_, e.trouble() == ProxyTrouble::login_closed) && closed_;  // once: it may just have been restarted
    if (e.trouble() == ProxyTrouble::login_refused || again) {
      let_through_.reset();
      logins_->refused(place_.proxy, login_);
    } else if (e.blame() == ProxyBlame::destination) {
      let_through_ = timers_.now();
      logins_->accepted(place_.proxy, login_);
    }
    throw;
  }
  closed_ = false;
  let_through_ = timers_.now();
  logins_->accepted(place_.proxy, login_);
  co_return stream;
}

bool Chain::is_good() const noexcept { return let_through_ && timers_.now() - *let_through_ < kLately; }

// A proxy that is silent about one destination keeps nobody from the others for long.
task<Budget::Lease> Chain::take_turn() {
  Budget::Lease turn;
  try {
    turn = co_await with_timeout(timers_, kTurn, alone_.take(1), "waiting for another connection through the proxy");
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::timed_out) throw;
  }
  co_return turn;
}

}  // namespace farkeep
