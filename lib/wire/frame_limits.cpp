#include "wire/frame_limits.hpp"

#include <algorithm>

#include "wire/connection_limits.hpp"

namespace farkeep::wire {
namespace {

using limits::kKiB;
using limits::kMiB;

constexpr std::size_t kFew = 4 * kKiB;                                  // an id, a number or nothing
constexpr std::size_t kMaxCommitHead = limits::kMaxManifest + 32 * kKiB;  // and the receipt of the server that mirrors it
constexpr std::size_t kMaxIdsHead = 32 * limits::kIdsPerQuestion + kFew;
constexpr std::size_t kMaxSlotHead = 8 * kKiB;                          // a slot has 4 KiB at most; one that is larger is told so

std::size_t head_of(Verb verb) noexcept {
  switch (verb) {
    case Verb::hello:
    case Verb::register_agent:
    case Verb::renew:
    case Verb::join: return limits::kMaxStrangerHead;
    case Verb::report: return limits::kMaxReport + kFew;
    case Verb::have: return kMaxIdsHead;
    case Verb::get: return 2 * kMaxIdsHead;  // what is asked for, and what is known to be bad
    case Verb::commit: return kMaxCommitHead;
    case Verb::add_slot: return kMaxSlotHead;
    case Verb::registry: return limits::kMaxFrameHead;
    default: return kFew;
  }
}

std::size_t body_of(Verb verb) noexcept {
  if (verb == Verb::put) return limits::kMaxFrameBody;
  return verb == Verb::ping ? limits::kMaxPingBody : 0;
}

FrameSizes sizes(std::size_t head, std::size_t body) noexcept {
  return {static_cast<std::uint32_t>(std::min(head, limits::kMaxFrameHead)), static_cast<std::uint32_t>(body)};
}

}  // namespace

FrameSizes most_of_request(Verb verb, Role role, Stage stage) noexcept {
  if (role == Role::nobody || stage == Stage::connected)
    return sizes(std::min(head_of(verb), limits::kMaxStrangerHead), std::min(body_of(verb), limits::kMaxStrangerBody));
  return sizes(head_of(verb), body_of(verb));
}

FrameSizes most_of_reply(Verb verb) noexcept {
  if (verb == Verb::ping) return most_of_pong();
  return sizes(limits::kMaxFrameHead, verb == Verb::get ? limits::kMaxFrameBody : 0);
}

bool takes_long(Verb verb) noexcept { return verb == Verb::open || verb == Verb::commit || verb == Verb::registry || verb == Verb::vaults; }
bool waits_for_memory(Verb verb) noexcept { return verb == Verb::get || verb == Verb::snapshots || verb == Verb::slots; }

FrameSizes most_of_pong() noexcept { return sizes(0, limits::kMaxPingBody); }

}  // namespace farkeep::wire
