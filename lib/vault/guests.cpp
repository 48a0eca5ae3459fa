#include "vault/guests.hpp"

#include <algorithm>

namespace farkeep {
namespace {

std::string key_of(const PeerIdentity& who) {
  switch (who.role) {
    case PeerIdentity::Role::agent: return "a" + std::string{as_text(who.agent.view())};
    case PeerIdentity::Role::server: return "s" + std::string{as_text(who.server.view())};
    case PeerIdentity::Role::anonymous: break;
  }
  return {};
}

std::exception_ptr given_up(const Peer& peer, const char* why) {
  return std::make_exception_ptr(failure(Errc::busy, "serving " + peer.describe() + ": " + why));
}

}  // namespace

Guests::Guest::Guest(const PeerIdentity& who, Network network, Peer& peer)
    : role_(who.role), key_(key_of(who)), peer_(peer), unknown_(network, [this] { make_room(); }) {}

void Guests::Guest::make_room() {
  bool const stranger = role_ == PeerIdentity::Role::anonymous;
  peer_.drop(given_up(peer_, stranger ? "ended to make room for another connection without a certificate" : "ended to make room for another connection that was not let in yet"));
}

void Guests::Guest::leave() noexcept {
  unknown_.leave();
  if (!guests_) return;
  auto const one = guests_->ones_.find(key_);
  one->second.connections.remove(this);
  if (one->second.connections.empty()) guests_->ones_.erase(one);
  if (has_place_) --guests_->agents_;
  guests_ = nullptr;
}

void Guests::enter(Guest& guest) {
  auto& crowd = guest.role_ == PeerIdentity::Role::anonymous ? before_hello_ : certified_;
  crowd.enter(guest.unknown_);
}

std::shared_ptr<GuestShare> Guests::admit(Guest& guest) {
  guest.unknown_.leave();
  auto const at = ones_.try_emplace(guest.key_).first;
  auto& mine = at->second.connections;
  if (mine.size() >= limits::kConnectionsOfOne) {
    auto const silent = std::min_element(mine.begin(), mine.end(), [](const Guest* a, const Guest* b) { return a->peer_.heard() < b->peer_.heard(); });
    Guest& other = **silent;
    ++counts_.surplus;
    other.leave();
    other.peer_.drop(given_up(other.peer_, "the same machine has opened more connections than it may have"));
  }
  bool const agent = guest.role_ == PeerIdentity::Role::agent;
  if (agent && agents_ >= most_agents_) {
    ++counts_.full;
    if (mine.empty()) ones_.erase(at);
    return nullptr;
  }
  mine.push_back(&guest);
  guest.guests_ = this;
  guest.has_place_ = agent;
  if (agent) ++agents_;
  auto share = at->second.share.lock();
  if (!share) at->second.share = share = std::make_shared<GuestShare>();
  return share;
}

void Guests::greeted(Guest& guest) {
  if (guest.role_ == PeerIdentity::Role::anonymous && guest.unknown_.inside()) strangers_.enter(guest.unknown_);
}

TurnedAway Guests::turned_away() const noexcept {
  auto out = counts_;
  out.strangers = before_hello_.gave_way() + strangers_.gave_way() + certified_.gave_way();
  return out;
}

}  // namespace farkeep
