#include "agent/server_choice.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "agent/stored_time.hpp"
#include "base/codec.hpp"
#include "base/valid_text.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::duration<double> kFirstRest = 1min;
constexpr std::chrono::duration<double> kLongestRest = 30min;
constexpr std::chrono::nanoseconds kLongestDrawn = 45min;  // half as much again
constexpr std::size_t kMaxErrorText = 300;
constexpr int kMaxEndpoints = 256;  // two data centres of 64 addresses, as they are and as they are announced; beyond, memories are dropped
constexpr std::ptrdiff_t kUntriedFirst = 3;  // addresses that never worked here, before those that did lately
constexpr int kMostAddresses = 4;  // of one server, for who only asks
constexpr std::chrono::nanoseconds kLately = std::chrono::hours(24 * 30);

agent::pb::Endpoint& find_or_add(agent::pb::Endpoints& all, const std::string& address, WallTime now) {
  for (auto& e : *all.mutable_endpoint())
    if (e.address() == address) return e;
  while (all.endpoint_size() >= kMaxEndpoints) {  // the oldest, but what worked last
    auto* rows = all.mutable_endpoint();
    const auto oldest = std::min_element(rows->begin(), rows->end(), [&](auto& a, auto& b) { return believable(a.last_good_ns(), now) < believable(b.last_good_ns(), now); });
    rows->DeleteSubrange(static_cast<int>(oldest - rows->begin()), 1);
  }
  auto* e = all.add_endpoint();
  e->set_address(address);
  return *e;
}

bool worked_lately(const agent::pb::Endpoints& known, const std::string& address, WallTime now) {
  return std::any_of(known.endpoint().begin(), known.endpoint().end(), [&](const agent::pb::Endpoint& e) {
    const auto ago = age(e.last_good_ns(), now);
    return e.address() == address && ago && *ago <= kLately;
  });
}

}  // namespace

ServerChoice::ServerChoice(AgentState& state, const Clock& clock, Random& random) : state_(state), clock_(clock), random_(random) {}

std::vector<ServerTarget> ServerChoice::order(std::vector<ServerTarget> pair) const {
  const auto known = state_.endpoints();
  const WallTime now = clock_.wall();
  const auto rests = [&](const ServerTarget& a) {
    return std::any_of(known.endpoint().begin(), known.endpoint().end(), [&](const agent::pb::Endpoint& e) { return e.address() == a.address && waits(e.rest_until_ns(), now, kLongestDrawn); });
  };
  const auto awake = std::stable_partition(pair.begin(), pair.end(), [&](const ServerTarget& a) { return !rests(a); });
  // Whoever announces a hundred addresses that swallow packets costs a few tries, not all of them.
  if (awake - pair.begin() > kUntriedFirst) std::stable_partition(pair.begin() + kUntriedFirst, awake, [&](const ServerTarget& a) { return worked_lately(known, a.address, now); });
  return pair;
}

std::vector<ServerTarget> known_ones_first(const AgentState& state, const Clock& clock, std::vector<ServerTarget> pair) {
  const auto known = state.endpoints();
  const WallTime now = clock.wall();
  std::stable_partition(pair.begin(), pair.end(), [&](const ServerTarget& a) { return worked_lately(known, a.address, now); });
  std::map<ServerId, int> kept;
  std::erase_if(pair, [&](const ServerTarget& a) { return ++kept[a.id] > kMostAddresses; });
  return pair;
}

void ServerChoice::worked(const std::string& address) {
  auto all = state_.endpoints();
  auto& e = find_or_add(all, address, clock_.wall());
  e.set_failures(0);
  e.set_rest_until_ns(0);
  e.set_last_good_ns(clock_.wall().time_since_epoch().count());
  e.clear_last_error();
  state_.set_endpoints(all);
}

void ServerChoice::failed(const std::string& address, const std::string& why) {
  auto all = state_.endpoints();
  auto& e = find_or_add(all, address, clock_.wall());
  e.set_failures(e.failures() + 1);
  const auto base = std::min(kLongestRest, kFirstRest * std::pow(2.0, std::min(e.failures(), 16u) - 1));
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(base * uniform(0.5, 1.5));
  e.set_rest_until_ns((clock_.wall().time_since_epoch() + rest).count());
  e.set_last_error(valid_text(why, kMaxErrorText));
  state_.set_endpoints(all);
}

double ServerChoice::uniform(double low, double high) {
  Buffer raw(4);
  random_.fill(raw);
  Reader r{raw};
  return low + (high - low) * (static_cast<double>(r.number<std::uint32_t>()) / 4294967296.0);
}

}  // namespace farkeep
