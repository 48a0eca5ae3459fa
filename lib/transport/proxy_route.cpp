#include "transport/proxy_route.hpp"

#include <optional>

namespace farkeep {
namespace {

ProxyTrouble trouble_of(const boost::system::error_code& code) {
  if (code == boost::system::errc::connection_refused) return ProxyTrouble::refused;
  return classify(code) == Errc::timed_out ? ProxyTrouble::no_answer : ProxyTrouble::no_way;
}

}  // namespace

task<std::vector<asio::ip::address>> ProxyRoute::addresses(std::string host, ProxyPlace place) {
  boost::system::error_code not_literal;
  const asio::ip::address literal = asio::ip::make_address(host, not_literal);
  std::vector<asio::ip::address> found;
  if (!not_literal) {
    found.push_back(literal);
    co_return found;
  }
  try {
    found = co_await resolver_.resolve(host);
  } catch (const failure& f) {
    throw proxy_error(ProxyTrouble::name_unknown, place, f.what());
  }
  co_return found;
}

task<std::unique_ptr<Stream>> ProxyRoute::dial(HostAddress proxy, ProxyPlace place) {
  const std::vector<asio::ip::address> all = co_await addresses(proxy.host, place);
  std::optional<ProxyTrouble> trouble;
  std::string seen;
  for (const asio::ip::address& address : all) {
    const Endpoint at{address, proxy.port};
    try {
      co_return co_await direct_.dial(at);
    } catch (const failure& f) {
      const ProxyTrouble now = trouble_of(f.code());
      // An address that refuses says more than one that has no route.
      if (!trouble || *trouble == ProxyTrouble::no_way) trouble = now;
      seen += (seen.empty() ? "" : "; ") + std::string{f.what()};
    }
  }
  throw proxy_error(trouble.value_or(ProxyTrouble::no_way), place, seen);
}

}  // namespace farkeep
