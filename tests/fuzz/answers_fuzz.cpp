#include <array>
#include <cstdlib>

#include "agent/vault_client.hpp"
#include "async/race.hpp"
#include "async/scope.hpp"
#include "base/log.hpp"
#include "crypto/authority.hpp"
#include "crypto/digest.hpp"
#include "sim/dice.hpp"
#include "sim/sim_net.hpp"
#include "wire/message.hpp"
#include "wire/quiet_parser.hpp"

// A hostile server's answers, against what an agent asks of a vault.  For each question the input says what comes back:
//
//   answer := how 1   arguments, as below; a valid answer to what was asked, behind the end of the input
//
// Promises: each question ends, with an answer or a failure; nothing that was not asked for comes out of `get`.  Memory errors are the sanitizers' to find.
namespace farkeep::fuzz {
namespace {

using namespace std::chrono_literals;
using wire::Verb;
namespace msg = wire::pb;

constexpr std::size_t kMostFrames = 200;  // of one answer: a server that never ends is a matter of bounds, which unit tests hold

struct Input {
  ByteView rest;
  std::uint8_t byte() {
    if (rest.empty()) return 0;
    auto const b = rest[0];
    rest = rest.subspan(1);
    return b;
  }
  std::uint64_t eight() {
    std::uint64_t n = 0;
    for (int i = 0; i < 64; i += 8) n |= std::uint64_t{byte()} << i;
    return n;
  }
  std::string bytes(std::size_t size) {
    auto const n = std::min(size, rest.size());
    auto out = to_string(rest.first(n));
    rest = rest.subspan(n);
    return out;
  }
};

struct Trust {
  Trust() : root(Authority::make_root(SigningKey::generate(random), WallTime{std::chrono::hours{24 * 365 * 20}}, random)) { server = random.id<ServerId>(); }
  sim::SimRandom random{5};
  Authority root;
  ServerId server;
};

/// The hostile side of one connection.
class Liar {
 public:
  Liar(std::unique_ptr<SecureStream> stream, Input input, ServerId id) : stream_(std::move(stream)), input_(input), id_(id) {}

  task<void> run() {
    try {
      for (;;) {
        Buffer head(wire::FrameHeader::kSize);
        bool const more = co_await read_exactly(*stream_, head);
        if (!more) co_return;
        auto const asked = wire::FrameHeader::parse(head);
        if (!asked) co_return;
        Buffer rest(asked->head_size + asked->body_size);
        if (!rest.empty()) co_await read_exactly(*stream_, rest);
        if (asked->reply) continue;
        co_await answer(*asked);
      }
    } catch (const boost::system::system_error&) {
      // the agent has heard enough
    }
  }

 private:
  task<void> send(wire::FrameHeader header, std::string head, std::string body) {
    header.head_size = static_cast<std::uint32_t>(head.size());
    header.body_size = static_cast<std::uint32_t>(body.size());
    auto const encoded = header.encode();
    Buffer out(encoded.begin(), encoded.end());
    append(out, as_bytes(head));
    append(out, as_bytes(body));
    return write(std::move(out));
  }
  task<void> write(Buffer bytes) { co_await stream_->write(ByteView{bytes}); }

  task<void> answer(const wire::FrameHeader& asked) {
    wire::FrameHeader header;
    header.request = asked.request;
    header.verb = asked.verb;
    header.reply = true;
    // The first words are mostly the right ones, or nothing comes after them.
    auto const how = asked.verb == Verb::hello && !input_.rest.empty() && input_.rest[0] < 0xf0 ? std::uint8_t{0} : input_.byte();
    switch (how % 8) {
      case 0:
      case 1: return send(header, valid(asked.verb), body_for(asked.verb));
      case 2: {
        auto head = input_.bytes(input_.byte());
        auto body = input_.bytes(input_.byte());
        return send(header, std::move(head), std::move(body));
      }
      case 3: return refuse(header);
      case 4: return frames(header);
      case 5: return write(to_buffer(as_bytes(input_.bytes(input_.byte()))));
      case 6: stream_->close(); return write({});
      default: {
        header.verb = static_cast<Verb>(input_.byte());
        header.request += input_.byte() % 3;
        auto head = valid(asked.verb);
        return send(header, std::move(head), {});
      }
    }
  }
  task<void> refuse(wire::FrameHeader header) {
    msg::Failure m;
    m.set_code(input_.byte());
    m.set_text(input_.bytes(input_.byte() % 64));
    m.set_retry_after_s(static_cast<std::uint32_t>(input_.eight()));
    header.verb = Verb::failure;
    return send(header, m.SerializeAsString(), {});
  }
  task<void> frames(wire::FrameHeader header) {
    header.more = true;
    auto const n = std::min<std::size_t>(input_.byte(), kMostFrames);
    auto const head = valid(header.verb);
    auto const body = body_for(header.verb);
    for (std::size_t i = 0; i < n; ++i) co_await send(header, head, body);
    header.more = false;
    co_await send(header, head, {});
  }

  std::string valid(Verb verb) {
    switch (verb) {
      case Verb::hello: {
        msg::HelloReply m;
        m.set_version(1);
        m.set_server_id(wire::to_field(id_));
        return m.SerializeAsString();
      }
      case Verb::open: {
        msg::VaultState m;
        m.set_head(input_.eight());
        if (m.head() > 0) m.set_head_digest(std::string(32, 'd'));
        m.set_objects(input_.eight());
        m.set_quota_bytes(input_.eight());
        return m.SerializeAsString();
      }
      case Verb::have: {
        msg::HaveReply m;
        m.set_bitmap(std::string(1, static_cast<char>(input_.byte())));
        return m.SerializeAsString();
      }
      case Verb::commit: {
        msg::Committed m;
        if (input_.byte() % 2 == 0) m.set_missing(std::string(32u * (input_.byte() % 4), 'm'));
        m.mutable_receipt()->set_receipt(input_.bytes(input_.byte()));
        return m.SerializeAsString();
      }
      case Verb::snapshots: {
        msg::SnapshotPage m;
        for (auto n = input_.byte() % 5; n > 0; --n) m.add_snapshot()->set_manifest(input_.bytes(input_.byte()));
        m.set_more(input_.byte() % 2 == 0);
        return m.SerializeAsString();
      }
      case Verb::get: {
        msg::Got m;
        m.set_missing(std::string(32u * (input_.byte() % 4), 'i'));
        return m.SerializeAsString();
      }
      case Verb::slots: {
        msg::Slots m;
        for (auto n = input_.byte() % 5; n > 0; --n) m.add_slot(input_.bytes(input_.byte()));
        return m.SerializeAsString();
      }
      default: return {};
    }
  }
  std::string body_for(Verb verb) { return verb == Verb::get ? input_.bytes(input_.byte()) : std::string{}; }

  std::unique_ptr<SecureStream> stream_;
  Input input_;
  const ServerId id_;
};

template <class T>
task<void> attempt(task<T> question) {
  try {
    co_await std::move(question);
  } catch (const boost::system::system_error&) {
    // a refusal, or the end of the connection
  }
}

task<void> took(Buffer) { co_return; }

task<void> ask_everything(VaultClient& vault, Peer& peer, const Clock& clock) {
  co_await attempt(VaultClient::hello(peer, clock));
  co_await attempt(vault.open());
  std::vector<ObjectId> ids(3);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i].bytes.fill(static_cast<std::uint8_t>('i' + i));
  for (int round = 0; round < 2; ++round) {
    co_await attempt(vault.have(std::vector<ObjectId>{ids}));
    co_await attempt(vault.get(std::vector<ObjectId>{ids}, &took));
    co_await attempt(vault.snapshots(0));
    co_await attempt(vault.slots());
    co_await attempt(vault.commit(Buffer(100, 7)));
    co_await attempt(vault.add_slot(Buffer(100, 7)));
    co_await attempt(vault.report(Buffer(10, 7)));
  }
}

task<void> lie(sim::SimListener& listener, Input input, ServerId id) {
  auto stream = co_await listener.accept();
  Liar liar{std::move(stream), input, id};
  co_await liar.run();
}

task<void> run_quietly(Peer& peer) {
  try {
    co_await peer.run();
  } catch (const failure&) {
  }
}

task<void> meet(sim::SimTimers& timers, sim::SimNet& net, const Clock& clock, Input input) {
  static const Trust trust;
  Endpoint const at{asio::ip::make_address("10.0.0.1")};
  sim::SimListener listener{net, at, PeerIdentity::of_server(trust.server)};
  Scope scope{co_await asio::this_coro::executor};
  scope.spawn(lie(listener, input, trust.server), "the server");
  sim::SimDialer dialer{net, asio::ip::make_address("10.0.0.2"), PeerIdentity{}};
  ExpectedServer const expected{trust.server};
  auto stream = co_await dialer.connect(at, expected);
  {
    Peer peer{timers, std::move(stream)};
    Scope inner{co_await asio::this_coro::executor};
    inner.spawn(run_quietly(peer), "the connection");
    VaultClient vault{peer, trust.root.certificate(), "server"};
    // A question may wait for a minute, and sixteen of them for so many.
    co_await attempt(with_timeout(timers, 60min, ask_everything(vault, peer, clock), "asking"));
    inner.cancel();
    co_await attempt(inner.join());
  }
  scope.cancel();
  co_await attempt(scope.join());
}

}  // namespace
}  // namespace farkeep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  farkeep::wire::quiet_parser();
  using namespace farkeep;
  static bool const quiet = (start_logging(LogLevel::error, LogFormat::text), true);
  static_cast<void>(quiet);
  asio::io_context io;
  sim::SimTimers timers;
  sim::SimNet net{timers, 3};
  sim::SimClock const clock{timers, std::chrono::hours{24 * 365 * 20}};
  sim::run(io, timers, fuzz::meet(timers, net, clock, fuzz::Input{ByteView{data, size}}));
  return 0;
}
