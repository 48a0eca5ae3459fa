// The simulated network keeps TCP's promises, no more and no fewer.
#include "sim/sim_net.hpp"

#include "base/limits.hpp"
#include "tls_world.hpp"

namespace farkeep::test {
namespace {

using sim::Address;
const Address kHere = asio::ip::make_address("10.0.0.9"), kThere = asio::ip::make_address("10.0.0.1");

struct NetWorld : World {
  explicit NetWorld(std::uint64_t seed = 1) : net(timers, seed) {}
  std::pair<std::unique_ptr<SecureStream>, std::unique_ptr<SecureStream>> line() {
    auto client = run(dialer.connect(place, kServerA));
    auto server = run(listener.accept());
    return {std::move(client), std::move(server)};
  }
  sim::SimNet net;
  Endpoint place{kThere};
  sim::SimListener listener{net, place, PeerIdentity::of_server(kServerA)};
  sim::SimDialer dialer{net, kHere, PeerIdentity::of_agent(kAccount, kAgent)};
};

TEST_CASE("sim: identities are told, bytes take their time") {
  NetWorld w;
  sim::Lines lines;
  lines.latency = 40ms;
  w.net.set_lines(lines);
  auto [a, b] = w.line();
  CHECK(a->peer().server == kServerA);
  CHECK(b->peer().agent == kAgent);
  const SteadyTime start = w.timers.now();
  w.run(a->write(as_bytes("hello")));
  CHECK(w.since(start) == 0s);
  CHECK(to_string(w.run(read_all(*b, 5))) == "hello");
  CHECK(w.since(start) == 40ms);
}

TEST_CASE("sim: refused, wrong server, taken endpoint") {
  NetWorld w;
  CHECK(classify(w.error_of(w.dialer.dial(Endpoint{kHere}))) == Errc::unreachable);
  CHECK(w.error_of(w.dialer.connect(w.place, kServerB)) == Errc::identity);
  CHECK_THROWS_AS((sim::SimListener{w.net, w.place, PeerIdentity{}}), failure);
}

TEST_CASE("sim: a clean close delivers what was sent, then the end") {
  NetWorld w;
  auto [a, b] = w.line();
  w.run(a->write(Buffer(100'000, 7)));
  a->close();
  CHECK(w.run(read_all(*b, 200'000)).size() == 100'000);
  CHECK(w.run(read_all(*b, 1)).empty());
  CHECK(w.error_of(read_all(*a, 1)) == Errc::disconnected);
}

task<void> write_all(Stream& stream, std::size_t size) {
  const Buffer data(size, 1);
  co_await stream.write(data);
}

TEST_CASE("sim: writing to somebody who has gone is a reset in the end") {
  NetWorld w;
  auto [a, b] = w.line();
  b.reset();
  CHECK(classify(w.error_of(write_all(*a, 10'000'000))) == Errc::disconnected);
}

TEST_CASE("sim: closing with unread bytes resets") {
  NetWorld w;
  auto [a, b] = w.line();
  w.run(a->write(as_bytes("unread")));
  w.run(w.timers.sleep(1s));
  b->close();
  CHECK(classify(w.error_of(read_all(*a, 1))) == Errc::disconnected);
}

TEST_CASE("sim: a writer waits for its reader") {
  NetWorld w;
  auto [a, b] = w.line();
  CHECK(w.run_cancelled(write_all(*a, 1'000'000), 1h) == aborted());
  const std::size_t got = w.run(read_all(*b, 256 * 1024)).size();
  CHECK(got == 256 * 1024);
}

TEST_CASE("sim: behind a partition nothing arrives until it heals, and new connections time out") {
  NetWorld w;
  auto [a, b] = w.line();
  w.net.partition(kThere, kHere);
  w.run(a->write(as_bytes("later")));
  const SteadyTime start = w.timers.now();
  CHECK(w.error_of(w.dialer.dial(w.place)) == Errc::timed_out);
  CHECK(w.since(start) >= limits::kConnectTimeout);
  w.timers.after(1h, [&] { w.net.heal(kHere, kThere); });
  CHECK(to_string(w.run(read_all(*b, 5))) == "later");
  CHECK(w.since(start) >= 1h);
}

task<void> accept_only(sim::SimListener& listener) { static_cast<void>(co_await listener.accept()); }

TEST_CASE("sim: a crash resets the machine's connections and takes its listeners") {
  NetWorld w;
  auto [a, b] = w.line();
  CHECK(w.net.connections() == 1);
  w.timers.after(1s, [&] { w.net.crash(kThere); });
  CHECK(classify(w.error_of(read_all(*a, 1))) == Errc::disconnected);
  CHECK(w.net.connections() == 0);
  CHECK(classify(w.error_of(w.dialer.dial(w.place))) == Errc::unreachable);
  CHECK(w.error_of(accept_only(w.listener)) == Errc::disconnected);
}

// How far each of several connections gets, by the seed.
std::vector<std::size_t> reach(std::uint64_t seed) {
  NetWorld w{seed};
  sim::Lines lines;
  lines.bytes_to_reset = 50'000;
  w.net.set_lines(lines);
  std::vector<std::size_t> got;
  for (int i = 0; i < 20; ++i) {
    auto [a, b] = w.line();
    const auto code = w.error_of(write_all(*a, 200'000));
    CHECK((!code || classify(code) == Errc::disconnected));
    a->close();
    std::size_t n = 0;
    boost::system::error_code end;
    while (!end) {
      const auto before = n;
      end = w.error_of([](Stream& s, std::size_t& count) -> task<void> {
        Buffer space(1000);
        count += co_await s.read_some(space);
      }(*b, n));
      if (n == before) break;
    }
    got.push_back(n);
  }
  return got;
}

TEST_CASE("sim: resets strike at bytes drawn from the seed, the same ones each time") {
  const auto first = reach(1);
  CHECK(first == reach(1));
  CHECK(first != reach(2));
  std::size_t odd = 0, cut = 0;
  for (std::size_t n : first) {
    odd += n % 2;
    cut += n < 200'000 ? 1 : 0;
  }
  CHECK(odd > 0);
  CHECK(cut > 0);
}

TEST_CASE("sim: a line that falls silent tells nobody") {
  NetWorld w;
  sim::Lines lines;
  lines.bytes_to_silence = 100;
  w.net.set_lines(lines);
  auto [a, b] = w.line();
  w.run(a->write(Buffer(100'000, 1)));
  const auto all = [](Stream& s) -> task<void> { static_cast<void>(co_await read_all(s, 100'000)); };
  CHECK(w.run_cancelled(all(*b), 24h) == aborted());
}

}  // namespace
}  // namespace farkeep::test
