#include "transport/chain.hpp"

#include "transport/direct_dialer.hpp"
#include "transport/http_connect.hpp"
#include "transport/mapped_dialer.hpp"
#include "transport/proxy_dialer.hpp"

namespace farkeep {

Chain::Chain(Executor executor, Timers& timers, Resolver& resolver, const ConnectionConfig& settings, SecretText password, std::optional<int> max_segment) {
  DirectDialerOptions options = direct_options(settings);
  options.max_segment = max_segment;
  links_.push_back(std::make_unique<DirectDialer>(std::move(executor), timers, options));
  Dialer& direct = *links_.back();
  if (settings.mode == ConnectionMode::mapped) links_.push_back(std::make_unique<MappedDialer>(direct, resolver, settings.mapped));
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
  links_.push_back(std::make_unique<ProxyDialer>(direct, resolver, timers, proxy->proxy, kind, proxy->user, std::move(make)));
}

}  // namespace farkeep
