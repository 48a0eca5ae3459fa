// TLS over loopback TCP, one connection, 1 MiB writes, each end in a thread of its own: MB/s and CPU seconds per GB of
// both.
#include <time.h>

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdio>
#include <thread>

#include "pki.hpp"
#include "sim/sim_timers.hpp"
#include "transport/direct_dialer.hpp"
#include "transport/secure_dialer.hpp"
#include "transport/socket_stream.hpp"

namespace farkeep::test {
namespace {

using asio::ip::tcp;
constexpr std::size_t kTotal = std::size_t{2} << 30U;

double cpu_of_this_thread() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

task<void> sink(TlsContext tls, std::unique_ptr<Stream> raw, bool secure) {
  std::unique_ptr<Stream> stream = std::move(raw);
  if (secure) stream = co_await tls.accept(std::move(stream));
  Buffer space(1U << 20U);
  for (std::size_t got = 0; got < kTotal;) {
    const std::size_t n = co_await stream->read_some(space);
    if (n == 0) break;
    got += n;
  }
  co_await stream->write(as_bytes("k"));
}
task<void> source(TlsContext tls, Dialer& dialer, Endpoint to, bool secure) {
  std::unique_ptr<Stream> stream = co_await dialer.dial(to);
  ExpectedServer expected = id_of<ServerId>(1);
  if (secure) stream = co_await tls.connect(std::move(stream), expected);
  const Buffer data(1U << 20U, 7);
  for (std::size_t sent = 0; sent < kTotal; sent += data.size()) co_await stream->write(data);
  Buffer answer(1);
  static_cast<void>(co_await stream->read_some(answer));
}

void measure(bool secure) {
  SystemClock clock;
  Pki pki{clock.wall()};
  TlsContext server{pki.server(id_of<ServerId>(1)), clock}, client{pki.unregistered(), clock};
  const Endpoint at = *Endpoint::parse("127.77.9.1:16384");
  asio::io_context server_io{1}, client_io{1};
  tcp::acceptor acceptor{server_io, tcp::endpoint{at.address, at.port}};
  double server_cpu = 0;
  const auto rethrow = [](const std::exception_ptr& e) {
    if (e) std::rethrow_exception(e);
  };
  std::thread other{[&] {
    auto socket = std::make_unique<SocketStream>(StreamSocket{acceptor.accept()}, "bench");
    asio::co_spawn(server_io, sink(server, std::move(socket), secure), rethrow);
    server_io.run();
    server_cpu = cpu_of_this_thread();
  }};
  AsioTimers timers;
  DirectDialer dialer{client_io.get_executor(), timers};
  asio::co_spawn(client_io, source(client, dialer, at, secure), rethrow);
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = cpu_of_this_thread();
  client_io.run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const double client_cpu = cpu_of_this_thread() - cpu;
  other.join();
  const double gb = static_cast<double>(kTotal) * 1e-9;
  std::printf("%-6s %6.0f MB/s   sender %.2f s/GB   receiver %.2f s/GB\n", secure ? "TLS" : "TCP",
              gb * 1000 / took.count(), client_cpu / gb, server_cpu / gb);
}

}  // namespace
}  // namespace farkeep::test

int main() {
  for (int i = 0; i < 3; ++i) {
    farkeep::test::measure(false);
    farkeep::test::measure(true);
  }
}
