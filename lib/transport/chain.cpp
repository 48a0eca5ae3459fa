#include "transport/chain.hpp"

#include "transport/direct_dialer.hpp"
#include "transport/http_connect.hpp"
#include "transport/mapped_dialer.hpp"
#include "transport/proxy_dialer.hpp"

namespace farkeep {

Chain::Chain(Executor executor, Timers& timers, Resolver& resolver, const ConnectionConfig& settings, SecretText password, std::optional<int> max_segment) {
  DirectDialerOptions options;
  options.connect_timeout = settings.connect_timeout;
  options.source_ports = settings.source_ports;
  options.max_segment = max_segment;
  links_.push_back(std::make_unique<DirectDialer>(std::move(executor), timers, options));
  Dialer& direct = *links_.back();
  const ProxyLogin& login = login_;
  ProxyPatience patience;
  switch (settings.mode) {
    case ConnectionMode::direct: return;
    case ConnectionMode::mapped:
      links_.push_back(std::make_unique<MappedDialer>(direct, resolver, settings.mapped));
      return;
    case ConnectionMode::socks: {
      const ProxyConfig& socks = settings.socks;
      login_.user = socks.user;
      login_.password = std::move(password);
      patience.reply = socks.reply_timeout;
      ProxyDialer::Handshakes make = [&login, patience, version = settings.socks_version](ProxyPlace place) {
        return version == 4 ? socks4(std::move(place), login, patience) : socks5(std::move(place), login, patience);
      };
      const std::string kind = settings.socks_version == 4 ? "SOCKS4 proxy" : "SOCKS proxy";
      links_.push_back(std::make_unique<ProxyDialer>(direct, resolver, timers, socks.proxy, kind, socks.user, std::move(make)));
      return;
    }
    case ConnectionMode::http: {
      const ProxyConfig& http = settings.http;
      login_.user = http.user;
      login_.password = std::move(password);
      patience.reply = http.reply_timeout;
      ProxyDialer::Handshakes make = [&login, patience](ProxyPlace place) {
        auto authenticator = login.user.empty() ? no_authenticator() : basic_authenticator(login);
        return http_connect(std::move(place), std::move(authenticator), patience);
      };
      links_.push_back(std::make_unique<ProxyDialer>(direct, resolver, timers, http.proxy, "HTTP proxy", http.user, std::move(make)));
      return;
    }
  }
}

}  // namespace farkeep
