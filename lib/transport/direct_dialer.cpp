#include "transport/direct_dialer.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ip/unicast.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/race.hpp"
#include "base/check.hpp"
#include "base/error.hpp"
#include "transport/socket_options.hpp"
#include "transport/socket_stream.hpp"

namespace farkeep {
namespace {

using asio::ip::tcp;

task<boost::system::error_code> try_connect(tcp::socket& socket, tcp::endpoint to, std::uint16_t source_port, const DirectDialerOptions& options) {
  boost::system::error_code code;
  socket.open(to.protocol(), code);
  if (code) co_return code;
  set_tcp_options(socket.native_handle());
  if (options.max_segment) set_max_segment(socket.native_handle(), *options.max_segment);
  if (options.receive_buffer) socket.set_option(tcp::socket::receive_buffer_size{*options.receive_buffer}, code);
  if (options.hops) socket.set_option(asio::ip::unicast::hops{*options.hops}, code);
  if (source_port != 0) {
    // A port in TIME_WAIT towards another destination is usable; towards this one connect() says so.
    socket.set_option(tcp::socket::reuse_address{true}, code);
    socket.bind(tcp::endpoint{to.protocol(), source_port}, code);
    if (code) co_return code;
  }
  co_await socket.async_connect(to, asio::redirect_error(asio::use_awaitable, code));
  co_return code;
}

bool port_is_taken(const boost::system::error_code& code) {
  return code == asio::error::address_in_use || code == boost::system::errc::address_not_available ||
         code == asio::error::access_denied;
}

}  // namespace

DirectDialerOptions direct_options(const ConnectionConfig& settings) {
  DirectDialerOptions out;
  out.connect_timeout = settings.connect_timeout;
  out.source_ports = settings.source_ports;
  return out;
}

DirectDialer::DirectDialer(Executor executor, Timers& timers, DirectDialerOptions options)
    : executor_(std::move(executor)), timers_(timers), options_(options) {
  if (options_.source_ports)
    FARKEEP_CHECK(options_.source_ports->low > 0 && options_.source_ports->low <= options_.source_ports->high);
}

task<std::unique_ptr<Stream>> DirectDialer::dial(Endpoint destination) {
  return with_timeout(timers_, options_.connect_timeout, connect(destination), "connecting to " + destination.text());
}

task<std::unique_ptr<Stream>> DirectDialer::connect(Endpoint destination) {
  const tcp::endpoint to{destination.address, destination.port};
  const std::uint32_t first = options_.source_ports ? options_.source_ports->low : 0U;
  const std::uint32_t ports = options_.source_ports ? options_.source_ports->high - first + 1U : 1U;
  const std::uint32_t begin = next_port_++;
  *symptom_ = LineSymptom::none;
  boost::system::error_code code;
  for (std::uint32_t i = 0; i < ports; ++i) {
    tcp::socket socket{executor_};
    const auto port = static_cast<std::uint16_t>(options_.source_ports ? first + (begin + i) % ports : 0U);
    code = co_await try_connect(socket, to, port, options_);
    if (!code) co_return std::make_unique<SocketStream>(StreamSocket{std::move(socket)}, destination.text(), symptom_);
    if (!options_.source_ports || !port_is_taken(code)) break;
  }
  if (code == asio::error::operation_aborted)
    throw boost::system::system_error(code, "connecting to " + destination.text());
  throw failure(code, "connecting to " + destination.text());
}

// Connecting a datagram socket sends nothing: it only looks the way up.
std::string DirectDialer::network(const Endpoint& destination) const {
  using asio::ip::udp;
  const udp::endpoint to{destination.address, destination.port};
  udp::socket socket{executor_};
  boost::system::error_code code;
  socket.open(to.protocol(), code);
  if (!code) socket.connect(to, code);
  const udp::endpoint own = code ? udp::endpoint{} : socket.local_endpoint(code);
  return code ? std::string{} : own.address().to_string();
}

}  // namespace farkeep
