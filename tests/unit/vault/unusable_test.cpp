#include "vault/unusable_copies.hpp"

#include <catch2/catch.hpp>

#include "unit/vault/serve_world.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

namespace {

/// One server with an agent that has a snapshot of nodes 700 and 701 and chunks 710 to 714.
struct DamagedServer {
  Planet planet;
  std::unique_ptr<DataCentre> centre = first_centre(planet, "10.0.0.2");
  TestAgent agent{planet};
  DamagedServer() {
    centre->start();
    REQUIRE(agent.enrol(*centre, centre->token("acme")) == Errc{});
    REQUIRE(agent.run(*centre, 700, 5) == Errc{});
  }
};

struct Answered {
  std::vector<Buffer> records;
  std::vector<ObjectId> missing;
};
task<Answered> get(Peer& peer, std::vector<ObjectId> ids, std::vector<Buffer> not_these) {
  msg::Get question;
  question.set_ids(wire::to_field(ids));
  for (auto& record : not_these) question.mutable_not_these()->append(as_text(sha256(record).view()));
  Answered out;
  auto answer = co_await peer.send(Verb::get, wire::to_head(question));
  for (;;) {
    auto frame = co_await answer.next();
    if (!frame) break;
    auto const got = wire::parse_message<msg::Got>(frame->head);
    auto const missing = wire::parse_ids(got->missing());
    out.missing.insert(out.missing.end(), missing->begin(), missing->end());
    auto const views = split_records(frame->body);
    for (auto const& view : *views) out.records.push_back(to_buffer(view.bytes()));
  }
  co_return out;
}

/// What a thief of the agent's key, or the partner, would put: junk under all ids of history.
std::vector<Buffer> junk() {
  std::vector<Made> data, nodes;
  for (std::uint64_t i = 710; i < 715; ++i) data.push_back(Made{object(i), {}});
  for (std::uint64_t i = 700; i < 702; ++i) nodes.push_back(Made{object(i), {}});
  data.push_back(Made{object(90001), {}});
  nodes.push_back(Made{object(90002), {}});
  return {record(ObjectType::data, data), record(ObjectType::node, nodes)};
}

task<void> put(Peer& peer, std::vector<Buffer> records) {
  auto answer = co_await TestAgent::put(peer, std::move(records));
  co_await answer.only();
}

}  // namespace

TEST_CASE("session: who could not use a record gets another copy, and people hear of it") {
  DamagedServer w;
  Answered first, second, none;
  bool has = true;
  auto const work = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    co_await put(peer, junk());
    const std::vector<ObjectId> ids{object(710)};
    first = co_await get(peer, ids, {});
    second = co_await get(peer, ids, first.records);
    std::vector<Buffer> both = first.records;
    both.insert(both.end(), second.records.begin(), second.records.end());
    none = co_await get(peer, ids, both);
    msg::Have question;
    question.set_ids(wire::to_field(ids));
    auto const answer = co_await peer.call<msg::HaveReply>(Verb::have, question);
    has = answer.bitmap()[0] != 0;
  };
  REQUIRE(w.agent.client.with(*w.centre, work) == Errc{});
  CHECK(first.records == std::vector<Buffer>{chunk(710)});
  CHECK(second.records == std::vector<Buffer>{junk()[0]});
  CHECK(none.records.empty());
  CHECK(none.missing == std::vector<ObjectId>{object(710)});
  CHECK_FALSE(has);
  CHECK(w.centre->server().unusable_copies() == 2);
  auto const told = w.planet.run(w.centre->server().look_for_overdue(true));
  REQUIRE(told.size() == 1);
  CHECK(told[0].event == Notice::Event::unusable);
  CHECK(told[0].text.find(w.agent.agent.brief()) != std::string::npos);
  CHECK(w.planet.run(w.centre->server().look_for_overdue(true)).empty());
}

TEST_CASE("session: names of records that are none, or too many, end the connection") {
  for (std::size_t size : {std::size_t{31}, (limits::kNotThese + 1) * 32}) {
    DamagedServer w;
    auto const work = [&](Peer& peer) -> task<void> {
      co_await TestAgent::open(peer);
      msg::Get question;
      const std::vector<ObjectId> ids{object(710)};
      question.set_ids(wire::to_field(ids));
      question.set_not_these(std::string(size, 'x'));
      co_await peer.call<msg::Got>(Verb::get, question);
    };
    CHECK(w.agent.client.with(*w.centre, work) == (size == 31 ? Errc::malformed : Errc::too_large));
  }
}

TEST_CASE("unusable copies: people are told once an hour, of all that came meanwhile, when there is somebody to tell") {
  Planet planet;
  UnusableCopies unusable{planet.clock};
  AgentId agent;
  CHECK_FALSE(unusable.look(true));
  unusable.saw(agent, "an agent", 3, 1);
  CHECK_FALSE(unusable.look(false));
  CHECK(unusable.look(true)->text.find("copies of 3 objects") != std::string::npos);
  unusable.saw(agent, "an agent", 4, 0);
  CHECK_FALSE(unusable.look(true));
  planet.pass(UnusableCopies::kPause);
  CHECK(unusable.look(true)->text.find("copies of 4 objects") != std::string::npos);
  CHECK(unusable.objects() == 7);
}
