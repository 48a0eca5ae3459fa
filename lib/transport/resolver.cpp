#include "transport/resolver.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/race.hpp"
#include "base/error.hpp"

namespace farkeep {
namespace {

using asio::ip::tcp;
constexpr auto kLimit = std::chrono::seconds{10};

struct Lookup {
  boost::system::error_code code;
  std::vector<asio::ip::address> found;
};

task<void> look_up(tcp::resolver& resolver, const std::string& name, Lookup& out) {
  const auto results = co_await resolver.async_resolve(name, "", asio::redirect_error(asio::use_awaitable, out.code));
  for (const auto& r : results) {
    const asio::ip::address a = r.endpoint().address();
    if (std::find(out.found.begin(), out.found.end(), a) == out.found.end()) out.found.push_back(a);
  }
}

// A lookup hears no cancellation; its resolver does.
task<void> end_after(Timers& timers, tcp::resolver& resolver, bool& late) {
  std::exception_ptr cancelled;
  try {
    co_await timers.sleep(kLimit);
    late = true;
  } catch (const boost::system::system_error&) {
    cancelled = std::current_exception();
  }
  resolver.cancel();
  if (cancelled) std::rethrow_exception(cancelled);
}

}  // namespace

task<std::vector<asio::ip::address>> SystemResolver::resolve(std::string name) {
  tcp::resolver resolver{executor_};
  Lookup lookup;
  bool late = false;
  co_await race(look_up(resolver, name, lookup), end_after(timers_, resolver, late));
  const std::string doing = "looking up the name " + name;
  if (late) throw failure(Errc::timed_out, doing);
  if (lookup.code == asio::error::host_not_found || lookup.code == asio::error::no_data) throw failure(Errc::not_found, doing);
  if (lookup.code == asio::error::operation_aborted) throw boost::system::system_error(lookup.code, doing);
  if (lookup.code) throw failure(Errc::unreachable, doing + ": " + lookup.code.message());
  if (lookup.found.empty()) throw failure(Errc::not_found, doing);
  co_return std::move(lookup.found);
}

}  // namespace farkeep
