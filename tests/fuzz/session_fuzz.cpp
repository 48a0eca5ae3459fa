#include <array>
#include <cstdlib>

#include "archive/archive.pb.h"
#include "archive/envelope_record.hpp"
#include "archive/record_layout.hpp"
#include "async/race.hpp"
#include "base/codec.hpp"
#include "base/log.hpp"
#include "crypto/digest.hpp"
#include "fuzz/server_world.hpp"
#include "wire/frame.hpp"
#include "wire/message.hpp"
#include "wire/quiet_parser.hpp"

// Whole sessions: the input is a list of moves of up to four connections (stranger, agents, partner) against a server in one process.
//
//   move := op 1   slot 1   arguments, as `Moves` reads them below
//
// Promises: nothing ends the server but the one who stops it; it stops when asked to; and an agent that had nothing to do with it all is served afterwards, also when
// the disk was full or failed meanwhile.  Memory errors are the sanitizers' to find.
namespace farkeep::fuzz {
namespace {

using namespace std::chrono_literals;
using wire::Verb;
namespace msg = wire::pb;

constexpr std::size_t kMostMoves = 64;
constexpr std::size_t kLargest = 1024 * 1024;  // of what one move makes of two bytes: a frame's head is no larger

ObjectId object(std::uint8_t n) { return *ObjectId::from(sha256(Buffer(4, n)).view()); }
SessionId session(std::uint8_t n) {
  SessionId s;
  s.bytes.fill(n);
  return s;
}

Buffer record(ObjectType type, const std::vector<ObjectId>& ids, const std::vector<ObjectId>& refs, std::size_t sealed, std::uint8_t of) {
  Buffer out;
  Writer w{out};
  w.raw(kRecordMagic);
  w.number(kRecordSuite);
  w.number(static_cast<std::uint8_t>(type));
  w.number(static_cast<std::uint16_t>(ids.size()));
  w.number(static_cast<std::uint32_t>(refs.size()));
  w.number(static_cast<std::uint32_t>(sealed));
  w.raw(session(of).view());
  w.raw(Buffer(24, 0xee));
  for (auto const& id : ids) w.raw(id.view());
  if (type == ObjectType::node) {
    for (std::size_t i = 0; i < ids.size(); ++i) w.number(static_cast<std::uint32_t>(i == 0 ? refs.size() : 0));
    for (auto const& r : refs) w.raw(r.view());
  }
  out.resize(out.size() + sealed, of);
  return out;
}

/// What is left of an input; zeros behind its end.
class Moves {
 public:
  Moves(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  bool more() const { return !rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    auto const b = rest_[0];
    rest_ = rest_.subspan(1);
    return b;
  }
  std::uint16_t two() { return static_cast<std::uint16_t>(byte() | byte() << 8); }
  std::uint64_t eight() {
    std::uint64_t n = 0;
    for (int i = 0; i < 64; i += 8) n |= std::uint64_t{byte()} << i;
    return n;
  }
  Buffer bytes(std::size_t size) {
    auto const n = std::min(size, rest_.size());
    Buffer out = to_buffer(rest_.first(n));
    rest_ = rest_.subspan(n);
    return out;
  }
  std::vector<ObjectId> ids() {
    std::vector<ObjectId> out;
    for (std::size_t n = byte() % 9; n > 0; --n) out.push_back(object(byte()));
    return out;
  }

 private:
  ByteView rest_;
};

class Player {
 public:
  Player(ServerWorld& world, Moves moves) : w_(world), moves_(std::move(moves)) {}

  task<void> play() {
    for (std::size_t n = 0; n < kMostMoves && moves_.more(); ++n) {
      auto const op = moves_.byte();
      at_ = moves_.byte() % slots_.size();
      co_await move(op);
    }
    for (auto& slot : slots_) slot.stream.reset();
  }

 private:
  struct Slot {
    std::unique_ptr<SecureStream> stream;
    const KnownAgent* agent = nullptr;
    std::uint32_t request = 0;
    Digest previous;
  };

  Slot& slot() { return slots_[at_]; }

  task<void> move(std::uint8_t op) {
    switch (op % 20) {
      case 0: return connect(PeerIdentity{}, nullptr);
      case 1: return connect_agent(0);
      case 2: return connect_agent(1);
      case 3: return connect(partner(), nullptr);
      case 4: return hello();
      case 5: return open();
      case 6: return put();
      case 7: return commit();
      case 8: return question();
      case 9: return have_or_get();
      case 10: return bent_frame();
      case 11: return raw();
      case 12: return read();
      case 13: return close();
      case 14: return pass();
      case 15: return enrol();
      case 16: return administer();
      case 17: return large();
      case 18: return repeat();
      default: return disk();
    }
  }

  PeerIdentity partner() const { return PeerIdentity::of_server(w_.installed().partner); }

  task<void> connect_agent(std::size_t n) {
    auto const& agent = w_.installed().agents[n];
    return connect(agent.shown(), &agent);
  }
  task<void> connect(PeerIdentity who, const KnownAgent* agent) {
    slot() = Slot{};
    sim::SimDialer dialer{w_.net, asio::ip::make_address("10.1.0." + std::to_string(at_ + 1)), std::move(who)};
    ExpectedServer const server{w_.installed().identity->id()};
    try {
      auto stream = co_await dialer.connect(w_.at(), server);
      slot().stream = std::move(stream);
      slot().agent = agent;
    } catch (const boost::system::system_error&) {
      // it takes no more
    }
  }

  // Waits a second at most: whoever does not read is not written to for ever.
  task<void> send(Buffer bytes) {
    last_ = bytes;
    if (!slot().stream) co_return;
    bool broken = false;
    try {
      co_await with_timeout(w_.timers, 1s, slot().stream->write(ByteView{bytes}), "writing");
    } catch (const boost::system::system_error&) {
      broken = true;
    }
    if (broken) slot().stream.reset();
  }
  task<void> send(Verb verb, std::string head, Buffer body = {}) {
    wire::FrameHeader header;
    header.head_size = static_cast<std::uint32_t>(head.size());
    header.body_size = static_cast<std::uint32_t>(body.size());
    header.request = ++slot().request;
    header.verb = verb;
    auto const encoded = header.encode();
    Buffer out(encoded.begin(), encoded.end());
    append(out, as_bytes(head));
    append(out, body);
    return send(std::move(out));
  }

  task<void> hello() {
    msg::Hello m;
    m.set_version_min(1);
    m.set_version_max(1 + moves_.byte() % 2);
    m.set_software("fuzz");
    return send(Verb::hello, m.SerializeAsString());
  }
  task<void> open() {
    msg::OpenVault m;
    auto const whose = moves_.byte();
    if (!slot().agent || whose % 4 == 3) {
      auto const& agent = w_.installed().agents[whose % 3];
      m.set_account(wire::to_field(agent.account));
      m.set_agent(wire::to_field(agent.agent));
    }
    return send(Verb::open, m.SerializeAsString());
  }
  task<void> put() {
    auto const of = static_cast<std::uint8_t>(moves_.byte() % 4);
    auto const what = moves_.byte();
    msg::Put m;
    m.set_records(1);
    m.set_soon((what & 0x40) != 0);
    Buffer body;
    if (what % 4 == 0) {
      body = make_envelope_record(session(of), Buffer(60, of));
    } else {
      auto ids = moves_.ids();
      if (ids.empty()) ids.push_back(object(what));
      auto const type = what % 4 == 1 ? ObjectType::data : ObjectType::node;
      auto const refs = type == ObjectType::node ? moves_.ids() : std::vector<ObjectId>{};
      body = record(type, ids, refs, std::size_t{moves_.byte()} * (what & 0x80 ? 1024 : 1), of);
    }
    if (what & 0x20) m.set_records(moves_.byte());
    return send(Verb::put, m.SerializeAsString(), std::move(body));
  }

  // A manifest that is signed, and may say anything.
  task<void> commit() {
    auto const& by = slot().agent ? *slot().agent : w_.installed().agents[0];
    auto const how = moves_.byte();
    archive::pb::Statement s;
    s.set_format(how & 0x10 ? moves_.byte() : 1);
    s.set_account(wire::to_field(by.account));
    s.set_agent(wire::to_field(by.agent));
    s.set_sequence(how & 0x01 ? moves_.eight() : moves_.byte());
    if (!slot().previous.is_zero() && !(how & 0x02)) s.set_previous(wire::to_field(slot().previous));
    s.set_root(wire::to_field(object(moves_.byte())));
    s.set_session(wire::to_field(session(static_cast<std::uint8_t>(moves_.byte() % 4))));
    s.set_time_ns(w_.clock().wall().time_since_epoch().count());
    s.set_nonce(std::string(24, 'n'));
    s.set_details(std::string(how & 0x04 ? 261'000 - moves_.two() : 40, 'd'));
    auto const statement = s.SerializeAsString();
    Buffer to_sign = to_buffer(as_bytes("farkeep/1/manifest"));
    append(to_sign, as_bytes(statement));
    archive::pb::SignedManifest manifest;
    manifest.set_statement(statement);
    manifest.set_signature(to_string(by.key.sign(to_sign)));
    for (auto const& c : by.chain) manifest.add_signer_chain(to_string(c.der()));
    slot().previous = sha256(as_bytes(statement));
    msg::Commit m;
    m.set_manifest(manifest.SerializeAsString());
    if (how & 0x08) {
      msg::Receipt receipt;
      receipt.set_sequence(s.sequence());
      receipt.set_manifest_digest(wire::to_field(slot().previous));
      receipt.set_account(s.account());
      receipt.set_agent(s.agent());
      receipt.set_time_ns(static_cast<std::int64_t>(moves_.eight()));
      m.mutable_first_receipt()->set_receipt(receipt.SerializeAsString());
      m.mutable_first_receipt()->set_signature(std::string(64, 's'));
    }
    return send(Verb::commit, m.SerializeAsString());
  }

  task<void> question() {
    static constexpr std::array kVerbs{Verb::snapshots, Verb::slots, Verb::directory, Verb::vaults, Verb::registry, Verb::report, Verb::add_slot, Verb::renew, Verb::join, Verb::ping};
    auto const verb = kVerbs[moves_.byte() % kVerbs.size()];
    auto const size = moves_.byte();
    auto head = to_string(moves_.bytes(size));
    if (size == 0 && verb == Verb::add_slot) {
      msg::AddSlot m;
      m.set_slot(std::string(moves_.byte() * 16u, 's'));
      head = m.SerializeAsString();
    }
    return send(verb, std::move(head));
  }
  task<void> have_or_get() {
    auto const verb = moves_.byte() % 2 == 0 ? Verb::have : Verb::get;
    msg::Have m;  // a Get has its ids in the same field
    m.set_ids(wire::to_field(moves_.ids()));
    return send(verb, m.SerializeAsString());
  }
  task<void> bent_frame() {
    wire::FrameHeader header;
    header.head_size = moves_.byte();
    header.body_size = moves_.byte();
    header.request = moves_.byte() % 2 == 0 ? ++slot().request : moves_.byte();
    header.verb = static_cast<Verb>(moves_.byte());
    auto const encoded = header.encode();
    Buffer out(encoded.begin(), encoded.end());
    out[13] = moves_.byte();
    auto const zero = moves_.byte();
    if (zero > 0xf0) out[14] = zero;
    append(out, moves_.bytes(header.head_size + header.body_size));
    return send(std::move(out));
  }
  task<void> raw() {
    auto const size = moves_.byte();
    return send(moves_.bytes(size));
  }
  // A head or body of up to the largest size, of one byte's value.
  task<void> large() {
    auto const verb = static_cast<Verb>(moves_.byte());
    auto const how = moves_.byte();
    auto const size = std::min<std::size_t>(moves_.two() * 64u, kLargest);
    auto const filler = moves_.byte();
    return how % 2 == 0 ? send(verb, std::string(size, static_cast<char>(filler))) : send(verb, {}, Buffer(size, filler));
  }
  task<void> repeat() {
    auto const times = moves_.byte() % 80;
    auto const bytes = last_;
    for (int i = 0; i < times && slot().stream; ++i) co_await send(bytes);
  }

  task<void> read() {
    if (!slot().stream) co_return;
    Buffer into(1 + std::size_t{moves_.byte()} * 1024);
    bool ended = false;
    try {
      ended = co_await with_timeout(w_.timers, 100ms, slot().stream->read_some(into), "reading") == 0;
    } catch (const boost::system::system_error& e) {
      ended = classify(e.code()) != Errc::timed_out;
    }
    if (ended) slot().stream.reset();
  }
  task<void> close() {
    slot().stream.reset();
    co_await w_.timers.sleep(1ms);
  }
  task<void> pass() {
    static constexpr std::array<std::chrono::milliseconds, 6> kTimes{1ms, 100ms, 2s, 15s, 61s, 301s};
    co_await w_.timers.sleep(kTimes[moves_.byte() % kTimes.size()]);
  }

  task<void> enrol() {
    auto const how = moves_.byte();
    msg::Register m;
    m.set_token(how & 1 ? w_.installed().token : std::string(32, 't'));
    auto const csr = CertificateRequest::make(w_.installed().agents[how % 3].key).der();
    m.set_csr(how & 2 ? to_string(csr) : to_string(moves_.bytes(moves_.byte())));
    m.set_name(to_string(moves_.bytes(moves_.byte() % 40)));
    if (how & 4) m.set_recover_agent(wire::to_field(w_.installed().agents[0].agent));
    if (how & 8) m.set_recovery_signature(std::string(64, 'r'));
    return send(Verb::register_agent, m.SerializeAsString());
  }
  task<void> administer() {
    auto const what = moves_.byte();
    auto const& agent = w_.installed().agents[what % 2];
    try {
      w_.server().registry().set_revoked(agent.agent, (what & 2) != 0);
    } catch (const failure&) {
      // the disk
    }
    co_await w_.timers.sleep(1ms);
  }
  task<void> disk() {
    auto const what = moves_.byte();
    switch (what % 4) {
      case 0: w_.disk.set_full(true); break;
      case 1: w_.disk.fail_after(what / 4, Errc::io, (what & 0x80) != 0); break;
      case 2: w_.disk.fail_after(what / 4, Errc::no_space, (what & 0x80) != 0); break;
      default: w_.disk.disarm(); break;
    }
    co_await w_.timers.sleep(1ms);
  }

  ServerWorld& w_;
  Moves moves_;
  std::array<Slot, 4> slots_;
  std::size_t at_ = 0;
  Buffer last_;
};

// Hello of an agent that did nothing: within a minute, and not refused.
task<void> greet(ServerWorld& w, bool& served) {
  sim::SimDialer dialer{w.net, asio::ip::make_address("10.2.0.1"), w.installed().agents[2].shown()};
  ExpectedServer const server{w.installed().identity->id()};
  auto stream = co_await dialer.connect(w.at(), server);
  msg::Hello m;
  m.set_version_min(1);
  m.set_version_max(1);
  auto const head = m.SerializeAsString();
  wire::FrameHeader header;
  header.head_size = static_cast<std::uint32_t>(head.size());
  header.request = 1;
  header.verb = Verb::hello;
  auto const encoded = header.encode();
  Buffer out(encoded.begin(), encoded.end());
  append(out, as_bytes(head));
  co_await stream->write(ByteView{out});
  Buffer answer(wire::FrameHeader::kSize);
  bool const whole = co_await with_timeout(w.timers, 1min, read_exactly(*stream, answer), "waiting for the greeting");
  served = whole && answer[12] == static_cast<std::uint8_t>(Verb::hello);
}

void play(const std::uint8_t* data, std::size_t size) {
  static const Installed installed;
  ServerWorld world{installed};
  world.start();
  Player player{world, Moves{data, size}};
  sim::run(world.io, world.timers, player.play());
  world.disk.disarm();
  world.pass(31s);  // the store looks after itself every 15 s
  bool served = false;
  sim::run(world.io, world.timers, greet(world, served));
  if (!served) std::abort();
  world.stop();
}

}  // namespace
}  // namespace farkeep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  farkeep::wire::quiet_parser();
  static bool const quiet = (farkeep::start_logging(farkeep::LogLevel::error, farkeep::LogFormat::text), true);
  static_cast<void>(quiet);
  farkeep::fuzz::play(data, size);
  return 0;
}
