#include "transport/proxy_dialer.hpp"

#include "transport/named_stream.hpp"
#include "transport/shake_hands.hpp"

namespace farkeep {

ProxyDialer::ProxyDialer(Dialer& direct, Resolver& resolver, Timers& timers, HostAddress proxy, ProxyKind kind, std::string user, Handshakes handshakes)
    : route_(direct, resolver), timers_(timers), proxy_(std::move(proxy)), kind_(kind), user_(std::move(user)), handshakes_(std::move(handshakes)) {}

task<std::unique_ptr<Stream>> ProxyDialer::dial(Endpoint destination) {
  ProxyPlace place;
  place.kind = kind_;
  place.proxy = proxy_.to_string();
  place.destination = destination;
  place.user = user_;
  std::unique_ptr<Stream> stream = co_await route_.dial(proxy_, place);
  std::string name = destination.text() + " through " + name_of(kind_) + " " + place.proxy;
  const std::unique_ptr<Handshake> handshake = handshakes_(std::move(place));
  co_await shake_hands(*stream, *handshake, timers_);
  co_return std::make_unique<NamedStream>(std::move(stream), std::move(name));
}

}  // namespace farkeep
