#include "transport/chain.hpp"

#include "transport/http_connect.hpp"
#include "transport/mapped_dialer.hpp"
#include "transport/proxy_dialer.hpp"

namespace farkeep {

Chain::Chain(Executor executor, Timers& timers, Resolver& resolver, const ConnectionConfig& settings, SecretText password)
    : direct_(std::move(executor), timers, direct_options(settings)) {
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
}

}  // namespace farkeep
