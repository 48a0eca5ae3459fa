#include "join.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/co_spawn.hpp>

#include "async/scope.hpp"
#include "base/software.hpp"
#include "transport/direct_dialer.hpp"
#include "transport/peer.hpp"
#include "transport/secure_dialer.hpp"

namespace farkeep::server {
namespace {

task<std::unique_ptr<SecureStream>> first_that_answers(SecureDialer& dialer, std::vector<Endpoint> addresses, ServerId inviter) {
  std::exception_ptr last = std::make_exception_ptr(failure(Errc::usage, "joining: the invitation names no address"));
  for (auto const& address : addresses) {
    try {
      ExpectedServer const expected{inviter};
      co_return co_await dialer.connect(address, expected);
    } catch (const failure&) {
      last = std::current_exception();
    }
  }
  std::rethrow_exception(last);
}

task<void> ask(Peer& peer, wire::pb::Join question, wire::pb::Joined& answer) {
  wire::pb::Hello hello;
  hello.set_version_min(1);
  hello.set_version_max(1);
  hello.set_software(std::string{kSoftware});
  co_await peer.call<wire::pb::HelloReply>(wire::Verb::hello, hello, limits::kHelloTimeout);
  answer = co_await peer.call<wire::pb::Joined>(wire::Verb::join, question);
  co_await peer.bye();
}

task<void> converse(SecureDialer& dialer, Timers& timers, std::vector<Endpoint> addresses, ServerId inviter, wire::pb::Join question,
                    wire::pb::Joined& answer) {
  auto stream = co_await first_that_answers(dialer, std::move(addresses), inviter);
  Peer peer{timers, std::move(stream)};
  Scope scope{co_await asio::this_coro::executor};
  scope.spawn(peer.run(), "the connection to the inviter");
  scope.spawn(ask(peer, std::move(question), answer), "joining");
  co_await scope.join();
}

}  // namespace

wire::pb::Joined ask_to_join(std::vector<Endpoint> addresses, ServerId inviter, const Certificate& root, wire::pb::Join question, const Clock& clock) {
  asio::io_context io{1};
  AsioTimers timers;
  DirectDialer direct{io.get_executor(), timers};
  TlsCredentials credentials;
  credentials.authority_pem = root.pem();
  TlsDialer dialer{direct, timers, TlsContext{credentials, clock}};
  wire::pb::Joined answer;
  std::exception_ptr error;
  asio::co_spawn(io, converse(dialer, timers, std::move(addresses), inviter, std::move(question), answer),
                 [&](const std::exception_ptr& e) { error = e; });
  io.run();
  if (error) std::rethrow_exception(error);
  return answer;
}

}  // namespace farkeep::server
