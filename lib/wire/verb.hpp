#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace farkeep::wire {

/// What a frame asks for (PROTOCOL.md §2).  There is none that deletes, shortens or overwrites anything.
enum class Verb : std::uint8_t {
  hello = 1, ping = 2, bye = 3, failure = 4,
  register_agent = 10, renew = 11, directory = 12, report = 13,
  open = 20, have = 21, put = 22, commit = 23, snapshots = 24, get = 25, add_slot = 26, slots = 27,
  join = 40, registry = 41, vaults = 42,
};

/// The verb with this number, if version 1 has one.
std::optional<Verb> verb_of(std::uint8_t number) noexcept;
/// The name in PROTOCOL.md: for messages.
std::string_view name_of(Verb verb) noexcept;

/// Who the other side proved to be.
enum class Role { nobody, agent, server };
/// How far a connection has come: each includes what the ones before it allow.
enum class Stage { connected, greeted, opened };

enum class Verdict { yes, too_early, second_hello, wrong_role, not_a_request };

/// May a peer of this role ask for this verb now?  The table of PROTOCOL.md §2, and the only place that decides it.
Verdict allowed(Verb verb, Role role, Stage stage) noexcept;

}  // namespace farkeep::wire
