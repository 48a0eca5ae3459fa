#include <catch2/catch.hpp>

#include "unit/vault/pair_of_servers.hpp"
#include "unit/vault/store_in_memory.hpp"
#include "vault/snapshot_push.hpp"
#include "wire/frame.hpp"

// Who has an agent's key reads at one server, and puts junk under these ids at the other one before the mirror comes there.
using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

namespace {

/// What went out over a connection, by verb; it can be cut after so many puts.
struct Counts {
  std::map<Verb, std::size_t> frames;
  std::size_t put_bytes = 0;
  std::size_t most_puts = 1'000'000;
  std::function<task<void>(Verb)> before;
};

class CountingStream final : public SecureStream {
 public:
  CountingStream(std::unique_ptr<SecureStream> stream, Counts& counts, Timers& timers) : stream_(std::move(stream)), counts_(counts), timers_(timers) {}
  task<std::size_t> read_some(MutableByteView into) override { return stream_->read_some(into); }
  task<void> write(std::span<const ByteView> parts) override {
    for (ByteView part : parts) append(out_, part);
    constexpr std::size_t kHeader = 16;
    for (;;) {
      if (out_.size() < kHeader) break;
      auto const number = [&](std::size_t at) { return std::size_t{out_[at]} | std::size_t{out_[at + 1]} << 8 | std::size_t{out_[at + 2]} << 16; };
      std::size_t const size = kHeader + number(0) + number(4);
      if (out_.size() < size) break;
      auto const verb = static_cast<Verb>(out_[12]);
      if (verb == Verb::put && counts_.frames[verb] == counts_.most_puts) {
        co_await timers_.sleep(10s);  // what went before is durable by then
        throw failure(Errc::disconnected, "writing");
      }
      if (counts_.before) co_await counts_.before(verb);
      ++counts_.frames[verb];
      if (verb == Verb::put) counts_.put_bytes += number(4);
      out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(size));
    }
    co_await stream_->write(parts);
  }
  void close() noexcept override { stream_->close(); }
  std::string describe() const override { return stream_->describe(); }
  const PeerIdentity& peer() const override { return stream_->peer(); }

 private:
  std::unique_ptr<SecureStream> stream_;
  Counts& counts_;
  Timers& timers_;
  Buffer out_;
};

/// Begins nothing while it is full.
class FullStore final : public StoreInMemory {
 public:
  using StoreInMemory::StoreInMemory;
  bool full = false;
  task<std::unique_ptr<Upload>> begin(std::string name) override {
    if (full) throw failure(Errc::no_space, "beginning " + name);
    return StoreInMemory::begin(std::move(name));
  }
};

PeerIdentity shown_by(const DataCentre& centre) {
  auto who = PeerIdentity::of_server(centre.identity().id());
  who.certificate = centre.identity().chain()[0].der();
  return who;
}

/// A pair with one agent whom both know, and which are parted then.
struct Parted : PairOfServers {
  TestAgent agent{planet};
  PushLimits most;               // of push()
  std::size_t most_waiting = 0, looked_at = 0, most_sessions = 0;  // in the last push()

  Parted() {
    REQUIRE(agent.enrol(*east, east->token("acme")) == Errc{});
    planet.pass(5s);
    part();
  }

  /// As the thief of the agent's key does it.
  void put(DataCentre& at, std::vector<Buffer> records) {
    auto const work = [&](Peer& peer) -> task<void> {
      co_await TestAgent::open(peer);
      auto answer = co_await TestAgent::put(peer, std::move(records));
      co_await answer.only();
    };
    REQUIRE(agent.client.with(at, work) == Errc{});
  }
  void bring(DataCentre& to, std::vector<Buffer> records, const std::string& manifest) {
    auto const work = [&](Peer& peer) -> task<void> {
      co_await TestAgent::open(peer);
      auto put = co_await TestAgent::put(peer, std::move(records));
      auto const committed = co_await TestAgent::commit(peer, manifest);
      CHECK(committed.has_receipt());
      co_await put.only();
    };
    REQUIRE(agent.client.with(to, work) == Errc{});
  }
  void join_again() {
    heal();
    planet.pass(3min);
  }
  /// Which copy that he is given is this record, for somebody who needs its object of this number; 0: none.
  std::size_t finds(DataCentre& at, const Buffer& good, std::size_t ordinal = 0) {
    std::size_t found = 0;
    auto const work = [&](Peer& peer) -> task<void> {
      co_await TestAgent::open(peer);
      std::vector<Digest> tried;
      for (std::size_t copy = 1; found == 0; ++copy) {
        msg::Get question;
        const std::vector<ObjectId> ids{RecordView::parse(good)->id(ordinal)};
        question.set_ids(wire::to_field(ids));
        for (auto const& digest : tried) question.mutable_not_these()->append(as_text(digest.view()));
        auto answer = co_await peer.send(Verb::get, wire::to_head(question));
        Buffer given;
        while (auto frame = co_await answer.next()) append(given, frame->body);
        if (given.empty()) break;
        if (given == good) found = copy;
        tried.push_back(sha256(given));
      }
    };
    REQUIRE(agent.client.with(at, work) == Errc{});
    return found;
  }
  bool finds_all(DataCentre& at, const std::vector<Buffer>& records) {
    return std::all_of(records.begin(), records.end(), [&](const Buffer& r) { return finds(at, r) > 0; });
  }
  std::uint64_t stored(DataCentre& at) {
    auto const read = [](DataCentre& centre, AccountId account, AgentId id) -> task<std::uint64_t> {
      auto const lease = co_await centre.server().vaults().open(account, id);
      co_return lease->stored_bytes();
    };
    return planet.run(read(at, agent.account, agent.agent));
  }
  /// What the mirror of `from` does for the vault, over a line that counts.
  Errc push(DataCentre& from, DataCentre& to, Counts& counts, bool compares = true, bool trusted = true) {
    try {
      planet.run(push_over(from, to, counts, compares, trusted));
    } catch (const boost::system::system_error& e) {
      return classify(e.code());
    }
    return Errc{};
  }

 private:
  task<void> push_over(DataCentre& from, DataCentre& to, Counts& counts, bool compares, bool trusted) {
    sim::SimDialer dialer{planet.net, ip("10.0.0.9"), shown_by(from)};
    ExpectedServer const expected{to.identity().id()};
    auto stream = co_await dialer.connect(to.at(), expected);
    Peer peer{planet.timers, std::make_unique<CountingStream>(std::move(stream), counts, planet.timers)};
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(peer.run(), "peer");
    scope.spawn(push_all(peer, from, to, compares, trusted), "push");
    co_await scope.join();
  }
  task<void> push_all(Peer& peer, DataCentre& from, DataCentre& to, bool compares, bool trusted) {
    co_await Client::hello(peer);
    msg::OpenVault question;
    question.set_account(wire::to_field(agent.account));
    question.set_agent(wire::to_field(agent.agent));
    co_await peer.call<msg::VaultState>(Verb::open, question);
    {
      auto const lease = co_await from.server().vaults().open(agent.account, agent.agent);
      PartnerKnowledge known;
      known.compares = compares;
      known.trusted = trusted;
      SnapshotPush push{peer, *lease, from.identity().root(), to.identity().id(), known, most};
      auto rows = co_await lease->snapshots(0, 100);
      for (auto& row : rows)
        if (!lease->is_pushed(row.sequence, to.identity().id())) co_await push.push(std::move(row));
      most_waiting = push.most_waiting();
      looked_at = push.looked_at();
      most_sessions = push.most_sessions();
    }
    co_await peer.bye();
  }
};

ObjectId id_of(const Buffer& record) { return RecordView::parse(record)->id(0); }

/// Another record under the same id.
Buffer junk_for(const Buffer& good, std::size_t salt, std::vector<ObjectId> refs = {}) {
  auto junk = record(RecordView::parse(good)->type(), {Made{id_of(good), std::move(refs)}}, 40 + salt);
  junk.back() ^= 0xff;
  return junk;
}
/// The same beside a fresh id, so that it is taken wherever the first id is known.
Buffer junk_beside(const Buffer& good, std::uint64_t fresh) {
  return record(RecordView::parse(good)->type(), {Made{id_of(good), {}}, Made{object(fresh), {}}}, 40);
}

const std::vector<Buffer> kGood = SmallSnapshot{700, 1, Digest{}, 5}.records;  // what TestAgent::run(…, 700) sends: 5 chunks, their leaf, the root

}  // namespace

TEST_CASE("junk first: bad chunks that the partner had before the mirror came do not stay alone there") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  w.put(*w.west, {envelope(), junk_for(kGood[0], 1), junk_for(kGood[1], 60)});  // of another length, and of the same
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds(*w.west, kGood[0]) == 2);
  CHECK(w.finds(*w.west, kGood[1]) == 2);
  CHECK(w.finds(*w.west, kGood[2]) == 1);
  CHECK(w.finds_all(*w.west, kGood));
}

TEST_CASE("junk first: the same where the agent used the alternate, and the thief was at the primary") {
  Parted w;
  REQUIRE(w.agent.run(*w.west, 700) == Errc{});
  w.put(*w.east, {envelope(), junk_for(kGood[0], 1), junk_for(kGood[6], 1)});
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds_all(*w.east, kGood));
}

TEST_CASE("junk first: bad nodes do not hold a snapshot up, and what hangs below the good ones gets there") {
  bool const whole = GENERATE(true, false);
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  // A leaf that refers to nothing of it; a root that refers to what nobody has, or to what the thief has put.
  Buffer const other = chunk(9000);
  w.put(*w.west, {envelope(), other, junk_for(kGood[5], 1), junk_for(kGood[6], 1, {whole ? object(9000) : object(9999)})});
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds_all(*w.west, kGood));
  // The agent's next snapshot of the same, there: its nodes are those that the mirror brought.
  CHECK(w.agent.run(*w.west, 700) == Errc{});
}

TEST_CASE("junk first: data under the ids of nodes, and nodes under those of chunks") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  w.put(*w.west, {envelope(), record(ObjectType::data, {Made{id_of(kGood[6]), {}}}), record(ObjectType::data, {Made{id_of(kGood[5]), {}}}),
                  record(ObjectType::node, {Made{id_of(kGood[0]), {object(9999)}}})});
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds_all(*w.west, kGood));
}

TEST_CASE("junk first: good nodes over bad chunks") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  w.put(*w.west, {envelope(), junk_for(kGood[3], 1), kGood[5], kGood[6]});
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds(*w.west, kGood[3]) == 2);
}

TEST_CASE("junk first: a bad envelope, whose id anybody can work out") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  std::vector<Buffer> records{make_envelope_record(session(), Buffer(60, 0x77))};
  bool const with_good_records = GENERATE(false, true);
  if (with_good_records) records.insert(records.end(), kGood.begin(), kGood.end());
  w.put(*w.west, records);
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds(*w.west, envelope()) == 2);
  CHECK(w.finds_all(*w.west, kGood));
}

TEST_CASE("junk first: a bad envelope of an earlier session, with the good records of that session") {
  Parted w;
  auto const old = session(2);
  Buffer const data = record(ObjectType::data, {Made{object(900), {}}}, 100, old);
  auto const manifest = w.agent.manifest(901);
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{envelope(), envelope(old), data, node(901, {900})};
    auto put = co_await TestAgent::put(peer, std::move(records));
    auto const committed = co_await TestAgent::commit(peer, manifest);
    REQUIRE(committed.has_receipt());
    co_await put.only();
  };
  REQUIRE(w.agent.client.with(*w.east, work) == Errc{});
  w.put(*w.west, {make_envelope_record(old, Buffer(60, 0x77)), data});
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds(*w.west, envelope(old)) == 2);
  CHECK(w.finds(*w.west, data) == 1);
}

TEST_CASE("junk first: the agent itself brought the snapshot to both servers, and the one with the junk pushes first") {
  Parted w;
  bool const at_the_primary = GENERATE(true, false);
  DataCentre& fooled = at_the_primary ? *w.east : *w.west;
  DataCentre& other = at_the_primary ? *w.west : *w.east;
  Buffer const data = record(ObjectType::data, {Made{object(900), {}}}, 100);
  auto const manifest = w.agent.manifest(901);
  w.put(fooled, {envelope(), junk_for(data, 1)});
  w.bring(other, {envelope(), data, node(901, {900})}, manifest);  // its answer is lost, and so it goes to both
  w.bring(fooled, {node(901, {900})}, manifest);                   // which has the rest, it says
  Counts counts;
  CHECK(w.push(fooled, other, counts) == Errc{});
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds(fooled, data) == 2);
}

TEST_CASE("junk first: the agent began at one server and ended at the other one, which had junk and said that nothing is missing") {
  Parted w;
  bool const at_the_primary = GENERATE(true, false);
  DataCentre& fooled = at_the_primary ? *w.east : *w.west;
  DataCentre& other = at_the_primary ? *w.west : *w.east;
  Buffer const data = record(ObjectType::data, {Made{object(900), {}}}, 100);
  w.put(fooled, {envelope(), junk_for(data, 1)});
  w.put(other, {envelope(), data});  // and the connection broke
  w.bring(fooled, {node(901, {900})}, w.agent.manifest(901));
  Counts counts;
  CHECK(w.push(fooled, other, counts) == Errc{});
  CHECK_FALSE(fooled.snapshots(w.agent.account, w.agent.agent).at(1));  // who has the only true copy has not pushed it yet
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds(fooled, data) == 2);
}

TEST_CASE("junk first: a server is set back, and a thief commits the very snapshots there, over junk, before anybody compares") {
  Parted w;
  bool const at_the_primary = GENERATE(true, false);
  bool const restarted = GENERATE(true, false);  // the other one
  DataCentre& set_back = at_the_primary ? *w.east : *w.west;
  DataCentre& other = at_the_primary ? *w.west : *w.east;
  Buffer const data = record(ObjectType::data, {Made{object(900), {}}}, 100);
  auto const manifest = w.agent.manifest(901);
  w.bring(*w.east, {envelope(), data, node(901, {900})}, manifest);
  w.join_again();
  REQUIRE(w.equal_and_protected(w.agent, 1));
  w.part();
  set_back.stop();
  set_back.lose_store();
  set_back.start();
  w.planet.pass(1h);  // the receipt of the second time says so
  w.bring(set_back, {envelope(), junk_for(data, 1), node(901, {900})}, manifest);
  if (restarted) {
    other.stop();
    other.start();
  }
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds(set_back, data) == 2);
}

TEST_CASE("junk first: snapshots that only a partner before this one is known to have go to this one") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  w.join_again();
  REQUIRE(w.equal_and_protected(w.agent, 1));
  auto const as_of_another = [&]() -> task<void> {
    auto const lease = co_await w.east->server().vaults().open(w.agent.account, w.agent.agent);
    auto const rows = co_await lease->snapshots(0, 1);
    Buffer theirs = receipt_by('z', rows[0].digest);
    co_await lease->note_pushed(1, std::move(theirs), true);
  };
  auto const west = w.west->identity().id();
  auto const knows = [&]() -> task<bool> {
    auto const lease = co_await w.east->server().vaults().open(w.agent.account, w.agent.agent);
    co_return lease->is_pushed(1, west) && lease->is_protected(1);
  };
  w.planet.run(as_of_another());
  REQUIRE_FALSE(w.planet.run(knows()));
  w.planet.pass(20min);
  CHECK(w.planet.run(knows()));
}

TEST_CASE("junk first: whatever a thief fills an id with, before and after, there is a place for the partner's copy") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  std::vector<Buffer> before{envelope()}, after;
  for (std::uint64_t i = 0; i < 20; ++i) {
    before.push_back(junk_beside(kGood[0], 5000 + i));
    after.push_back(junk_beside(kGood[0], 6000 + i));
  }
  w.put(*w.west, before);
  w.join_again();
  REQUIRE(w.equal_and_protected(w.agent, 1));
  w.put(*w.west, after);
  CHECK(w.finds(*w.west, kGood[0]) > 1);
  w.west->stop();
  w.west->disk().remove_tree("/data/cache");  // and the index says so made anew
  w.west->start();
  CHECK(w.finds(*w.west, kGood[0]) > 1);
}

TEST_CASE("junk first: what was protected before is neither asked for nor sent again") {
  Parted w;
  Counts first, second, restarted;
  REQUIRE(w.agent.run(*w.east, 700, 40) == Errc{});
  REQUIRE(w.push(*w.east, *w.west, first) == Errc{});
  CHECK(first.frames[Verb::put] > 0);
  REQUIRE(w.agent.run(*w.east, 700, 40) == Errc{});  // the same content
  REQUIRE(w.push(*w.east, *w.west, second) == Errc{});
  CHECK(second.frames[Verb::put] == 0);
  CHECK(second.frames[Verb::have] == 1);  // root and envelope
  w.east->stop();
  w.east->start();
  REQUIRE(w.agent.run(*w.east, 700, 40) == Errc{});
  REQUIRE(w.push(*w.east, *w.west, restarted) == Errc{});
  CHECK(restarted.frames[Verb::put] == 0);
  CHECK(restarted.frames[Verb::have] == 1);
}

TEST_CASE("junk first: a partner whose disk has no room for the copy behind the junk commits nothing") {
  Parted w;
  w.west->stop();
  auto made = std::make_unique<FullStore>(w.planet.random.id<StoreId>());
  bool& full = made->full;
  w.west->use_store(std::move(made));
  w.west->start();
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  std::vector<Buffer> bad{make_envelope_record(session(), Buffer(60, 0x77))};
  bad.insert(bad.end(), kGood.begin(), kGood.end());
  w.put(*w.west, bad);
  Counts counts;
  counts.before = [&](Verb verb) -> task<void> {
    if (verb == Verb::put) full = true;
    if (verb != Verb::commit) co_return;
    co_await w.planet.timers.sleep(30s);  // the copy was refused by then, and there is room again
    full = false;
  };
  CHECK(w.push(*w.east, *w.west, counts) == Errc::no_space);
  CHECK(counts.frames[Verb::put] == 1);
  CHECK(counts.frames[Verb::commit] == 0);
  full = false;
  counts.before = {};
  CHECK(w.push(*w.east, *w.west, counts) == Errc{});
  CHECK(w.finds(*w.west, envelope()) == 2);
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
}

TEST_CASE("junk first: a push that broke off does not send again what got there") {
  Parted w;
  std::size_t const files = 40;
  for (std::uint64_t i = 0; i < 10; ++i) REQUIRE(w.agent.run(*w.east, 10'000 + 100 * i, files) == Errc{});
  Counts broken, resumed;
  broken.most_puts = 18;  // the envelope, two for each of eight snapshots, and the data of the ninth
  CHECK(w.push(*w.east, *w.west, broken) == Errc::disconnected);
  w.planet.pass(10s);
  auto const there = w.stored(*w.west);
  REQUIRE(broken.put_bytes > 0);
  REQUIRE(w.push(*w.east, *w.west, resumed) == Errc{});
  Counts all;
  for (std::uint64_t i = 0; i < 10; ++i) {
    SmallSnapshot const content{10'000 + 100 * i, 1, Digest{}, files};
    for (auto const& r : content.records) all.put_bytes += r.size();
  }
  CHECK(resumed.put_bytes + broken.put_bytes == all.put_bytes + envelope().size());
  CHECK(w.stored(*w.west) > there);
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 10));
}

TEST_CASE("junk first: records that were put whole by somebody else are compared, and not sent") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  std::vector<Buffer> same{envelope()};
  same.insert(same.end(), kGood.begin(), kGood.end());
  w.put(*w.west, same);
  auto const before = w.stored(*w.west);
  Counts counts;
  REQUIRE(w.push(*w.east, *w.west, counts) == Errc{});
  CHECK(counts.frames[Verb::put] == 0);
  CHECK(w.stored(*w.west) - before <= 2 * vault_limits::kBlock);  // the snapshot and the receipt
}

TEST_CASE("junk first: with a partner that does not compare, what it lacks is sent, and that is all") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  w.put(*w.west, {envelope(), junk_for(kGood[0], 1)});
  Counts counts;
  REQUIRE(w.push(*w.east, *w.west, counts, false) == Errc{});
  CHECK(w.finds(*w.west, kGood[0]) == 0);
  CHECK(w.finds(*w.west, kGood[1]) == 1);
  // When it has learned it, the next snapshot of that mends this, too.
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  REQUIRE(w.push(*w.east, *w.west, counts) == Errc{});
  CHECK(w.finds(*w.west, kGood[0]) == 2);
}

TEST_CASE("junk first: only servers are told of comparing, may ask for it, and may put further copies") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  auto const says = [&](Client client) {
    bool compares = false;
    auto const work = [&](Peer& peer) -> task<void> {
      msg::Hello question;
      question.set_version_min(1);
      question.set_version_max(1);
      auto const answer = co_await peer.call<msg::HelloReply>(Verb::hello, question);
      compares = answer.compares();
    };
    REQUIRE(client.with(*w.east, work, false) == Errc{});
    return compares;
  };
  CHECK_FALSE(says(w.agent.client));
  CHECK(says(Client{w.planet, "10.0.0.9", shown_by(*w.west), {}, {}}));

  auto const compare = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    msg::Have question;
    const std::vector<ObjectId> ids{id_of(kGood[0])};
    question.set_ids(wire::to_field(ids));
    question.set_digests(wire::to_field(sha256(kGood[0])));
    question.add_lengths(static_cast<std::uint32_t>(kGood[0].size()));
    co_await peer.call<msg::HaveReply>(Verb::have, question);
  };
  CHECK(w.agent.client.with(*w.east, compare) == Errc::unauthorised);

  auto const before = w.stored(*w.east);
  auto const further = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    msg::Put head;
    head.set_records(1);
    head.set_further(true);
    auto junk = junk_for(kGood[0], 3);
    co_await peer.ask(Verb::put, wire::to_head(head), std::move(junk));
  };
  REQUIRE(w.agent.client.with(*w.east, further) == Errc{});
  CHECK(w.stored(*w.east) == before);
}

TEST_CASE("junk first: of the copies that a partner adds to an id the newest has its place, and its questions are bounded") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  Client partner{w.planet, "10.0.0.9", shown_by(*w.west), {}, {}};
  auto const in_vault = [&](std::function<task<void>(Peer&)> work) {
    auto const all = [&, work](Peer& peer) -> task<void> {
      msg::OpenVault question;
      question.set_account(wire::to_field(w.agent.account));
      question.set_agent(wire::to_field(w.agent.agent));
      co_await peer.call<msg::VaultState>(Verb::open, question);
      co_await work(peer);
    };
    return partner.with(*w.east, all);
  };
  auto const add = [&](std::size_t salt) {
    return in_vault([&, salt](Peer& peer) -> task<void> {
      msg::Put head;
      head.set_records(1);
      head.set_further(true);
      auto junk = junk_for(kGood[0], salt);
      co_await peer.ask(Verb::put, wire::to_head(head), std::move(junk));
    });
  };
  CHECK(add(1) == Errc{});
  CHECK(add(2) == Errc{});
  for (std::size_t i = 3; i < 20; ++i) CHECK(add(i) == Errc{});
  auto last = junk_for(kGood[0], 19);
  CHECK(w.finds(*w.east, last) > 1);  // the newest has its place, whoever came before
  CHECK(w.finds(*w.east, kGood[0]) == 1);
  auto const ask = [&](std::size_t ids, std::size_t digests, std::uint32_t length) {
    return in_vault([&, ids, digests, length](Peer& peer) -> task<void> {
      msg::Have question;
      for (std::size_t i = 0; i < ids; ++i) {
        question.mutable_ids()->append(as_text(id_of(kGood[0]).view()));
        question.add_lengths(length);
      }
      for (std::size_t i = 0; i < digests; ++i) question.mutable_digests()->append(as_text(sha256(kGood[0]).view()));
      auto const answer = co_await peer.call<msg::HaveReply>(Verb::have, question);
      CHECK(answer.same() == (length == kGood[0].size() ? std::string(1, '\1') : std::string(1, '\0')));
    });
  };
  auto const length = static_cast<std::uint32_t>(kGood[0].size());
  CHECK(ask(1, 1, length) == Errc{});
  CHECK(ask(1, 1, length + 1) == Errc{});
  CHECK(ask(1, 2, length) == Errc::malformed);
  CHECK(ask(limits::kRecordsCompared + 1, limits::kRecordsCompared + 1, 1) == Errc::too_large);
  CHECK(ask(9, 9, 4u << 20) == Errc::too_large);
}

TEST_CASE("junk first: a record that was lacking when it was asked for, and that junk overtook on its way") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  w.put(*w.west, {envelope(), junk_for(kGood[0], 1), chunk(9)});
  Client partner{w.planet, "10.0.0.9", shown_by(*w.east), {}, {}};
  auto const work = [&](Peer& peer) -> task<void> {
    msg::OpenVault question;
    question.set_account(wire::to_field(w.agent.account));
    question.set_agent(wire::to_field(w.agent.agent));
    co_await peer.call<msg::VaultState>(Verb::open, question);
    for (int twice = 0; twice < 2; ++twice) {
      std::vector<Buffer> records{kGood[0], chunk(9)};
      auto put = co_await TestAgent::put(peer, std::move(records));
      co_await put.only();
    }
  };
  auto const before = w.stored(*w.west);
  REQUIRE(partner.with(*w.west, work) == Errc{});
  CHECK(w.finds(*w.west, kGood[0]) == 2);
  CHECK(w.finds(*w.west, chunk(9)) == 1);
  CHECK(w.stored(*w.west) - before <= 2 * vault_limits::kBlock);  // once, and the other one not at all
}

TEST_CASE("junk first: what came from the partner is not compared with it, and what came since is") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700, 40) == Errc{});
  Counts there, back;
  REQUIRE(w.push(*w.east, *w.west, there) == Errc{});
  // The agent goes over to the other side with a new root over the same leaf.
  auto const manifest = w.agent.manifest(300);
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{node(300, {701, 800}), chunk(800)};
    auto put = co_await TestAgent::put(peer, std::move(records));
    auto const committed = co_await TestAgent::commit(peer, manifest);
    REQUIRE(committed.has_receipt());
    co_await put.only();
  };
  REQUIRE(w.agent.client.with(*w.west, work) == Errc{});
  w.put(*w.east, {junk_for(chunk(800), 1)});
  REQUIRE(w.push(*w.west, *w.east, back) == Errc{});
  CHECK(back.frames[Verb::have] <= 4);  // the root; the new chunk, and its record
  CHECK(back.frames[Verb::put] == 2);
  CHECK(w.finds(*w.east, chunk(800)) == 2);
}

TEST_CASE("junk first: a partner that lost its store, and was given junk before the mirror came, gets everything") {
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  w.join_again();
  REQUIRE(w.equal_and_protected(w.agent, 1));
  w.part();
  w.west->stop();
  w.west->lose_store();
  w.west->start();
  w.put(*w.west, {envelope(), junk_for(kGood[0], 1), junk_for(kGood[5], 1), junk_for(kGood[6], 1, {object(9999)})});
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 2));
  CHECK(w.finds_all(*w.west, kGood));
}

TEST_CASE("junk first: at both, and then one server is set back: it gets the true copies with the junk") {
  bool const holds_together = GENERATE(true, false);  // what the thief's nodes name
  Parted w;
  REQUIRE(w.agent.run(*w.east, 700) == Errc{});
  auto const named = [&](const Buffer& good) {
    auto const record = RecordView::parse(good);
    return holds_together ? std::vector<ObjectId>(record->refs().begin(), record->refs().end()) : std::vector<ObjectId>{object(9999)};
  };
  w.put(*w.west, {make_envelope_record(session(), Buffer(60, 0x77)), junk_for(kGood[0], 1), junk_for(kGood[5], 1, named(kGood[5])), junk_for(kGood[6], 1, named(kGood[6]))});
  w.join_again();
  REQUIRE(w.equal_and_protected(w.agent, 1));
  w.part();
  w.east->stop();
  w.east->lose_store();
  w.east->start();
  bool const again = GENERATE(false, true);
  if (again) w.put(*w.east, {make_envelope_record(session(), Buffer(60, 0x78)), junk_for(kGood[0], 2), junk_for(kGood[6], 2, named(kGood[6]))});
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds(*w.east, envelope()) > 0);
  CHECK(w.finds_all(*w.east, kGood));

  // And once more, the other way.
  w.part();
  w.west->stop();
  w.west->lose_store();
  w.west->start();
  if (again) w.put(*w.west, {make_envelope_record(session(), Buffer(60, 0x79)), junk_for(kGood[1], 3), junk_for(kGood[6], 3, named(kGood[6]))});
  w.join_again();
  CHECK(w.equal_and_protected(w.agent, 1));
  CHECK(w.finds(*w.west, envelope()) > 0);
  CHECK(w.finds_all(*w.west, kGood));
}

TEST_CASE("junk first: a good record that serves for some of its ids only is not taken for the partner's") {
  Parted w;
  // Each with one id that the thief is quicker with, for whichever of the two is compared.
  Buffer const one = record(ObjectType::data, {Made{object(800), {}}, Made{object(801), {}}}, 100), other = record(ObjectType::data, {Made{object(802), {}}, Made{object(803), {}}}, 110);
  auto const junk = [](std::uint64_t id, std::uint64_t fresh) { return record(ObjectType::data, {Made{object(id), {}}, Made{object(fresh), {}}}, 40); };
  auto const manifest = w.agent.manifest(300);
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{envelope(), one, other, node(300, {800, 801, 802, 803})};
    auto put = co_await TestAgent::put(peer, std::move(records));
    auto const committed = co_await TestAgent::commit(peer, manifest);
    REQUIRE(committed.has_receipt());
    co_await put.only();
  };
  REQUIRE(w.agent.client.with(*w.east, work) == Errc{});
  auto const fill = [&](std::uint64_t fresh) {
    std::vector<Buffer> records{envelope()};
    for (std::uint64_t i = 0; i < 20; ++i) {
      records.push_back(junk(801, fresh + i));
      records.push_back(junk(802, fresh + 100 + i));
    }
    w.put(*w.west, records);
  };
  fill(5000);
  w.put(*w.west, {one, other});
  w.join_again();
  REQUIRE(w.equal_and_protected(w.agent, 1));
  fill(6000);
  CHECK(w.finds(*w.west, one, 1) > 0);
  CHECK(w.finds(*w.west, other, 0) > 0);
}

TEST_CASE("junk first: a push reads few nodes at once, and none has more of them than may be") {
  Parted w;
  constexpr std::size_t kLeaves = 60, kRefs = 200;
  std::vector<std::uint64_t> refs, leaves;
  for (std::uint64_t i = 0; i < kRefs; ++i) refs.push_back(5000 + i);
  for (std::uint64_t i = 0; i < kLeaves; ++i) leaves.push_back(6000 + i);
  auto const manifest = w.agent.manifest(300);
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{envelope()};
    for (auto const n : refs) records.push_back(chunk(n));
    for (auto const n : leaves) records.push_back(node(n, refs));
    records.push_back(node(300, leaves));
    auto put = co_await TestAgent::put(peer, std::move(records));
    auto const committed = co_await TestAgent::commit(peer, manifest);
    REQUIRE(committed.has_receipt());
    co_await put.only();
  };
  REQUIRE(w.agent.client.with(*w.east, work) == Errc{});
  // A thief has put nodes there already: then the same is read to be compared, not to be sent.  Or he was at both, and all leaves have two copies.
  auto const who = GENERATE(0, 1, 2);
  std::vector<Buffer> junk{envelope()};
  for (auto const n : leaves) {
    std::vector<ObjectId> ids;
    for (auto const ref : refs) ids.push_back(object(ref));
    junk.push_back(record(ObjectType::node, {Made{object(n), ids}, Made{object(n + 1000), {}}}, 50));
  }
  if (who == 1) w.put(*w.west, junk);
  if (who == 2) w.put(*w.east, junk);
  Counts counts;
  w.most.node_bytes = 2 * node(1, refs).size();
  w.most.nodes = kLeaves;
  CHECK(w.push(*w.east, *w.west, counts) == Errc::too_large);
  w.most.nodes = 2 * kLeaves + 1;
  w.most.node_groups = kLeaves;  // a group for each: they lie one in a record
  CHECK(w.push(*w.east, *w.west, counts) == Errc::too_large);
  w.most.node_groups = 2 * kLeaves + 1;
  REQUIRE(w.push(*w.east, *w.west, counts) == Errc{});
  CHECK(w.most_waiting >= kRefs);
  CHECK(w.most_waiting <= 3 * kRefs);
  // A leaf or the root is a group, and of the small chunks as many as 4 KiB hold.
  CHECK(w.looked_at > kLeaves);
  CHECK(w.looked_at < kLeaves + kRefs / 4);
}

TEST_CASE("junk first: a push remembers little of what it looked at, however much an agent stored") {
  constexpr std::size_t kChunks = 40;
  Parted w;
  std::vector<Buffer> records;
  std::vector<std::uint64_t> refs;
  for (std::uint64_t i = 0; i < kChunks; ++i) {
    records.push_back(chunk(5000 + i, 5000));  // a group each
    refs.push_back(5000 + i);
  }
  records.push_back(node(300, refs));
  REQUIRE(w.agent.run_with(*w.east, 300, records) == Errc{});
  bool const there_already = GENERATE(false, true);
  if (there_already) {
    auto all = records;
    all.insert(all.begin(), envelope());
    w.put(*w.west, std::move(all));
  }
  Counts counts;
  w.most.node_groups = 8;
  REQUIRE(w.push(*w.east, *w.west, counts) == Errc{});
  CHECK(w.looked_at <= 8);
  CHECK(w.finds_all(*w.west, records));
}

TEST_CASE("junk first: a push remembers few sessions, however many an agent used, and sends their envelopes all the same") {
  bool const compares = GENERATE(true, false);
  Parted w;
  constexpr std::uint8_t kSessions = 24;
  auto const manifest = w.agent.manifest(300);
  std::vector<Buffer> chunks;
  std::vector<std::uint64_t> refs;
  for (std::uint8_t i = 0; i < kSessions; ++i) {
    chunks.push_back(record(ObjectType::data, {Made{object(5000u + i), {}}}, 1 << 20, session(static_cast<std::uint8_t>(100 + i))));  // a batch of its own
    refs.push_back(5000u + i);
  }
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    for (std::uint8_t i = 0; i < kSessions; ++i) {
      std::vector<Buffer> some{envelope(session(static_cast<std::uint8_t>(100 + i))), chunks[i]};
      auto put = co_await TestAgent::put(peer, std::move(some));
      co_await put.only();
    }
    std::vector<Buffer> last{envelope(), node(300, refs)};
    auto put = co_await TestAgent::put(peer, std::move(last));
    co_await put.only();
    auto const committed = co_await TestAgent::commit(peer, manifest);
    REQUIRE(committed.has_receipt());
  };
  REQUIRE(w.agent.client.with(*w.east, work) == Errc{});
  Counts counts;
  w.most.sessions = 4;
  REQUIRE(w.push(*w.east, *w.west, counts, compares) == Errc{});
  CHECK(w.most_sessions > 4);
  CHECK(w.most_sessions <= 4 + 4);
  CHECK(w.finds_all(*w.west, chunks));
}
