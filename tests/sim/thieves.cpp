#include "sim/thieves.hpp"

#include <boost/asio/this_coro.hpp>

#include "archive/envelope_record.hpp"
#include "archive/manifest.hpp"
#include "archive/record.hpp"
#include "async/scope.hpp"
#include "base/codec.hpp"
#include "crypto/digest.hpp"
#include "crypto/envelope.hpp"
#include "vault/registry.pb.h"
#include "wire/message.hpp"

namespace farkeep::sim {
namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 30s;            // thieves leave when nobody answers
constexpr std::size_t kRecordsSeen = 6;    // of one raid
constexpr std::size_t kRecordsFirst = 60;  // of one who would be first: most of a small tree
constexpr auto kAmbush = 60s;              // until a backup has been made
constexpr auto kStrike = 10s;

/// A record whose header names the ids of another one, and one id more (or, with a session, of that session and no more), over bytes that open nothing.
Buffer junk_over(const RecordView& original, ObjectType type, Random& random, std::optional<SessionId> session = std::nullopt) {
  std::vector<ObjectId> ids(original.ids().begin(), original.ids().end());
  if (!session) {
    ids.emplace_back();
    random.fill({reinterpret_cast<std::uint8_t*>(&ids.back()), ObjectId::kSize});
  }
  auto const refs = type == ObjectType::node ? original.refs() : std::span<const ObjectId>{};
  Buffer sealed(original.sealed().size());
  random.fill(sealed);
  std::array<std::uint8_t, 24> nonce{};
  random.fill(nonce);

  Buffer out;
  Writer w{out};
  w.raw(kRecordMagic);
  w.number(kRecordSuite);
  w.number(static_cast<std::uint8_t>(type));
  w.number(static_cast<std::uint16_t>(ids.size()));
  w.number(static_cast<std::uint32_t>(refs.size()));
  w.number(static_cast<std::uint32_t>(sealed.size()));
  w.raw(session.value_or(original.session()).view());
  w.raw(nonce);
  for (auto const& id : ids) w.raw(id.view());
  if (type == ObjectType::node) {
    original.for_each_object([&](const ObjectId&, std::span<const ObjectId> of_one) { w.number(static_cast<std::uint32_t>(of_one.size())); });
    if (!session) w.number(std::uint32_t{0});
    for (auto const& ref : refs) w.raw(ref.view());
  }
  w.raw(sealed);
  return out;
}

}  // namespace

struct Thieves::Loot {
  std::vector<ObjectId> nodes;
  std::vector<Buffer> records;
  std::size_t wanted = kRecordsSeen;
};

Thieves::Thieves(Earth& earth, ServerMachine& east, ServerMachine& west, AgentMachine& agent)
    : earth_(earth),
      east_(east),
      west_(west),
      agent_(agent),
      dice_(earth.next_seed()),
      random_(earth.next_seed()),
      between_(std::chrono::seconds{dice_.between(4, 30)}),
      may_be_first_(dice_.chance(0.5)) {}

task<void> Thieves::run() {
  for (;;) {
    co_await earth_.timers.sleep(dice_.around(between_));
    co_await strike();
  }
}

task<void> Thieves::strike() {
  bool const first = dice_.chance(0.5);
  auto& victim = first ? east_ : west_;
  auto& other = first ? west_ : east_;
  if (dice_.chance(0.25)) {
    set_back(victim, other);
    co_return;
  }
  if (may_be_first_ && dice_.chance(0.8)) {
    co_await ambush();
    co_return;
  }
  PeerIdentity disguise = may_be_first_ || dice_.chance(0.5) ? agent_.shown_identity() : other.shown_identity();
  ++count_;
  earth_.trace.add("a thief comes to {} as {}", victim.name(), disguise.text());
  std::string end = "has done it";
  try {
    co_await raid(victim, std::move(disguise));
  } catch (const boost::system::system_error& e) {
    if (classify(e.code()) == Errc::cancelled) throw;
    end = e.what();
  }
  earth_.trace.add("the thief at {}: {}", victim.name(), end);
}

task<void> Thieves::raid(ServerMachine& victim, PeerIdentity disguise) {
  bool const as_server = disguise.role == PeerIdentity::Role::server;
  Work const work = [this, as_server](Peer& peer) { return rob(peer, as_server); };
  co_await visit(victim, std::move(disguise), work);
}

task<void> Thieves::visit(ServerMachine& victim, PeerIdentity disguise, Work work) {
  SimDialer dialer{earth_.net, asio::ip::make_address("10.9.0.9"), std::move(disguise)};
  ExpectedServer const expected{victim.id()};
  auto stream = co_await dialer.connect(victim.at(), expected);
  Peer peer{earth_.timers, std::move(stream), kPatience};
  Scope scope{co_await asio::this_coro::executor};
  scope.spawn(peer.run(), "a thief's connection");
  scope.spawn(work(peer), "a thief");
  co_await scope.join();
}

// 1. hello  2. (as a server) changes of the registry  3. open  4. what is there  5. junk in its place
task<void> Thieves::rob(Peer& peer, bool as_server) {
  co_await greet(peer);
  if (as_server && dice_.chance(0.3)) co_await bend_registry(peer);
  co_await enter(peer, as_server);
  Loot loot;
  co_await look_around(peer, loot);
  if (dice_.chance(0.4)) co_await speak_ill(peer, loot);
  co_await put_junk(peer, loot);
  if (dice_.chance(0.4)) co_await speak_ill(peer, loot);
  co_await peer.bye();
}

task<void> Thieves::greet(Peer& peer) {
  wire::pb::Hello hello;
  hello.set_version_min(1);
  hello.set_version_max(1);
  co_await peer.call<wire::pb::HelloReply>(wire::Verb::hello, hello);
}

task<void> Thieves::enter(Peer& peer, bool as_server) {
  wire::pb::OpenVault open;
  if (as_server) {
    auto const who = agent_.shown_identity();
    open.set_account(wire::to_field(who.account));
    open.set_agent(wire::to_field(who.agent));
  }
  co_await peer.call<wire::pb::VaultState>(wire::Verb::open, open);
}

// Waits until the line between the servers is cut (here: cuts it), and one of them has got what the other one has not.
task<void> Thieves::ambush() {
  earth_.trace.add("thieves lie in ambush");
  agent_.expect_junk();
  auto const wait = dice_.around(kAmbush);
  earth_.net.partition(east_.address(), west_.address());
  earth_.timers.after(wait + kStrike, [this] { earth_.net.heal(east_.address(), west_.address()); });
  auto const until = earth_.timers.now() + wait;
  bool of_east = false, of_west = false;
  while (!of_east && !of_west && earth_.timers.now() < until) {
    co_await earth_.timers.sleep(2s);
    if (east_.disk().without_power() || west_.disk().without_power()) continue;
    auto const east = east_.kept(), west = west_.kept();
    of_east = !std::includes(west.begin(), west.end(), east.begin(), east.end());
    of_west = !std::includes(east.begin(), east.end(), west.begin(), west.end());
  }
  if (!of_east && !of_west) co_return;
  bool const at_east = of_east && (!of_west || dice_.chance(0.5));
  std::string end = "has done it";
  try {
    co_await be_first(at_east ? east_ : west_, at_east ? west_ : east_);
  } catch (const boost::system::system_error& e) {
    if (classify(e.code()) == Errc::cancelled) throw;
    end = e.what();
  }
  earth_.trace.add("the thief who would be first: {}", end);
}

// 1. look around there  2. put what is not here, as junk
task<void> Thieves::be_first(ServerMachine& there, ServerMachine& here) {
  ++count_;
  Loot loot;
  Work const read = [&](Peer& peer) -> task<void> {
    co_await greet(peer);
    co_await enter(peer, false);
    loot.wanted = kRecordsFirst;
    co_await look_around(peer, loot);
    co_await peer.bye();
  };
  Work const write = [&](Peer& peer) -> task<void> {
    co_await greet(peer);
    co_await enter(peer, false);
    co_await put_first(peer, loot);
    co_await peer.bye();
  };
  co_await visit(there, agent_.shown_identity(), read);
  co_await visit(here, agent_.shown_identity(), write);
}

// Good copies are said to be of no use.
task<void> Thieves::speak_ill(Peer& peer, Loot& loot) {
  for (auto const& record : loot.records) {
    auto const view = RecordView::parse(record);
    if (!view) continue;
    wire::pb::Get get;
    get.set_ids(wire::to_field(std::vector<ObjectId>(view->ids().begin(), view->ids().end())));
    get.set_not_these(wire::to_field(sha256(record)));
    auto answer = co_await peer.send(wire::Verb::get, wire::to_head(get));
    while (auto frame = co_await answer.next()) continue;
  }
}

// From a snapshot's root down: whoever may read the vault sees ids in the clear.
task<void> Thieves::look_around(Peer& peer, Loot& loot) {
  wire::pb::Snapshots const ask;
  auto const page = co_await peer.call<wire::pb::SnapshotPage>(wire::Verb::snapshots, ask);
  if (page.snapshot_size() == 0) co_return;
  bool const newest = loot.wanted > kRecordsSeen;
  auto const which = newest ? page.snapshot_size() - 1 : static_cast<int>(dice_.below(static_cast<std::uint64_t>(page.snapshot_size())));
  auto const manifest = Manifest::parse(as_bytes(page.snapshot(which).manifest()));
  if (!manifest) co_return;
  loot.nodes.push_back(manifest->statement().root);
  while (!loot.nodes.empty() && loot.records.size() < loot.wanted) {
    auto const at = dice_.below(loot.nodes.size());
    std::vector<ObjectId> const one{loot.nodes[at]};
    loot.nodes.erase(loot.nodes.begin() + static_cast<std::ptrdiff_t>(at));
    wire::pb::Get get;
    get.set_ids(wire::to_field(one));
    auto answer = co_await peer.send(wire::Verb::get, wire::to_head(get));
    while (auto frame = co_await answer.next()) {
      auto const views = split_records(frame->body);
      if (!views) continue;
      for (auto const& view : *views) {
        loot.records.push_back(to_buffer(view.bytes()));
        loot.nodes.insert(loot.nodes.end(), view.refs().begin(), view.refs().end());
      }
    }
  }
}

task<void> Thieves::put_junk(Peer& peer, Loot& loot) {
  for (auto const& record : loot.records) {
    auto const original = RecordView::parse(record);
    if (!original || original->type() == ObjectType::envelope) continue;
    auto const type = dice_.chance(0.2) ? ObjectType::data : original->type();
    Buffer junk = junk_over(*original, type, random_);
    wire::pb::Put put;
    put.set_records(1);
    co_await peer.ask(wire::Verb::put, wire::to_head(put), std::move(junk));
  }
}

// Envelopes too: junk under the session's own id; or else junk of a session of the thief's.  Now and then a node is left as it is, over junk.
task<void> Thieves::put_first(Peer& peer, Loot& loot) {
  bool const bad_envelopes = dice_.chance(0.5);
  SessionId own;
  random_.fill(own.bytes);
  bool own_is_there = false;
  for (auto const& record : loot.records) {
    auto const original = RecordView::parse(record);
    if (!original || original->type() == ObjectType::envelope) continue;
    std::vector<ObjectId> ids(original->ids().begin(), original->ids().end());
    ids.push_back(envelope_id(original->session()));
    wire::pb::Have have;
    have.set_ids(wire::to_field(ids));
    auto const answer = co_await peer.call<wire::pb::HaveReply>(wire::Verb::have, have);
    auto const here = value_or_throw(wire::parse_bitmap(answer.bitmap(), ids.size()), "asking what is there");
    Buffer body;
    std::uint32_t records = 1;
    auto const session = here.back() || bad_envelopes ? original->session() : own;
    if (!here.back() && (bad_envelopes || !std::exchange(own_is_there, true))) {
      Buffer rubbish(60);
      random_.fill(rubbish);
      append(body, make_envelope_record(session, rubbish));
      ++records;
    }
    auto const lacking = static_cast<unsigned>(std::count(here.begin(), here.end(), false));
    if (lacking == 0) continue;
    auto const type = dice_.chance(0.2) ? ObjectType::data : original->type();
    bool const as_it_is = original->type() == ObjectType::node && session == original->session() && dice_.chance(0.3);
    append(body, as_it_is ? record : junk_over(*original, type, random_, session));
    wire::pb::Put put;
    put.set_records(records);
    co_await peer.ask(wire::Verb::put, wire::to_head(put), std::move(body));
    junk_first_ += lacking;
    earth_.trace.add("the thief was first with {} objects", lacking);
  }
}

// The agent's entry with another key, newer than anything.
task<void> Thieves::bend_registry(Peer& peer) {
  auto const who = agent_.shown_identity();
  vault::pb::Agent bent;
  bent.set_id(wire::to_field(who.agent));
  bent.set_account(wire::to_field(who.account));
  bent.set_name("laptop");
  bent.add_key(to_string(SigningKey::generate(random_).public_key().view()));
  bent.set_version(1000 + dice_.below(1000));
  wire::pb::SyncRegistry sync;
  auto* entry = sync.add_entry();
  entry->set_kind(2);
  entry->set_key(wire::to_field(who.agent));
  entry->set_value(bent.SerializeAsString());
  entry->set_version(bent.version());
  try {
    co_await peer.call<wire::pb::SyncRegistry>(wire::Verb::registry, sync);
  } catch (const wire::Refusal& refused) {
    earth_.trace.add("bending the registry: {}", refused.what());
  }
}

// Once an image is taken, and a later time it comes back.  Only when all that the disk holds by then lies on the other one, durably: what a single
// copy loses is lost.
void Thieves::set_back(ServerMachine& victim, ServerMachine& other) {
  auto& image = images_[&victim == &west_ ? 1 : 0];
  if (victim.disk().without_power() || other.disk().without_power()) return;
  if (!image) {
    image = victim.disk().image();
    return;
  }
  auto const here = victim.kept(), there = other.kept();
  if (!std::includes(there.begin(), there.end(), here.begin(), here.end())) return;
  ++count_;
  earth_.trace.add("{}: the disk is set back to an earlier time", victim.name());
  agent_.excuse_alarms();
  victim.set_back(std::exchange(image, nullptr), dice_.around(15s));
}

}  // namespace farkeep::sim
