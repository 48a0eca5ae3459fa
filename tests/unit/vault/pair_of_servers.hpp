#pragma once

#include "unit/vault/serve_world.hpp"

namespace farkeep::test {

/// Two data centres that were joined over the network, as administrators do it.
struct PairOfServers {
  Planet planet;
  std::unique_ptr<DataCentre> east = first_centre(planet, "10.0.0.2");
  std::unique_ptr<DataCentre> west;

  PairOfServers() {
    east->start();
    join();
    west->start();
    planet.pass(std::chrono::seconds{30});
  }

  /// Who runs is off for so long: nothing wakes up meanwhile.
  void off_for(std::chrono::nanoseconds time) {
    std::vector<DataCentre*> on;
    for (auto* centre : {east.get(), west.get()}) {
      if (!centre->running()) continue;
      on.push_back(centre);
      centre->stop();
    }
    planet.pass(time);
    for (auto* centre : on) centre->start();
  }

  void join() {
    Registry::TokenOrder order;
    order.purpose = vault::pb::Token::INVITE;
    order.valid = std::chrono::hours{1};
    auto const token = east->registry().create_token(order);
    auto draft = Identity::draft(planet.random);
    msg::Join question;
    question.set_invitation(to_string(token.view()));
    question.set_server_id(to_string(draft.id.view()));
    question.set_issuing_csr(to_string(CertificateRequest::make(draft.issuing_key).der()));
    question.set_name("west");
    question.add_address("10.0.0.3");
    msg::Joined answer;
    Client stranger{planet, "10.0.0.3", PeerIdentity{}, {}, {}};
    auto const work = [&](Peer& peer) -> task<void> { answer = co_await peer.call<msg::Joined>(Verb::join, question); };
    REQUIRE(stranger.with(*east, work) == Errc{});

    auto disk = std::make_unique<sim::SimDisk>();
    disk->make_folders("/data");
    Registry registry{*disk, planet.clock, planet.random, "/data/registry"};
    vault::pb::Partner partner;
    partner.set_server_id(answer.partner_id());
    partner.set_name(answer.partner_name());
    *partner.mutable_address() = answer.partner_address();
    registry.set_partner(partner);
    registry.set_directory(answer.directory().SerializeAsString());
    auto identity = Identity::create_joined(*disk, "/data", std::move(draft), "west", {*parse_address("10.0.0.3")},
                                            Certificate::from_der(as_bytes(answer.issuing_certificate())).value(),
                                            Certificate::from_der(as_bytes(answer.root())).value(), planet.clock.wall(), planet.random);
    west = std::make_unique<DataCentre>(planet, "10.0.0.3", std::move(identity), std::move(disk));
  }
  void part() { planet.net.partition(ip("10.0.0.2"), ip("10.0.0.3")); }
  void heal() { planet.net.heal(ip("10.0.0.2"), ip("10.0.0.3")); }

  /// Everything of this agent is on both sides, and both know it.
  bool equal_and_protected(const TestAgent& agent, std::size_t snapshots) {
    auto const a = east->snapshots(agent.account, agent.agent), b = west->snapshots(agent.account, agent.agent);
    auto const all = [](auto const& rows) { return std::all_of(rows.begin(), rows.end(), [](auto const& row) { return row.second; }); };
    return a == b && a.size() == snapshots && all(a) && all(b);
  }
};

}  // namespace farkeep::test
