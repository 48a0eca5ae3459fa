#pragma once

#include "wire/frame.hpp"

namespace farkeep::wire {

/// The table of PROTOCOL.md §6, for frames: how large one may be, by who sent it, how far the connection has come, and what it asks for.
/// A server takes nothing larger into its memory.
///
/// Before hello, and for those without a certificate: small ones, whatever they ask for.  Then by verb: a body only where there is one.
FrameSizes most_of_request(Verb verb, Role role, Stage stage) noexcept;
/// What whoever asks takes as a reply: a body only from `get` and `ping`.
FrameSizes most_of_reply(Verb verb) noexcept;
/// What a server takes as a reply: it asks for nothing but pongs.
FrameSizes most_of_pong() noexcept;

/// Who is asked for these may be at work for limits::kLongestWork, and says so (PROTOCOL.md §3.6): vaults are opened, graphs walked, entries made durable one by one.
bool takes_long(Verb verb) noexcept;
/// The answers to these may have to wait for memory, which is said in the same way.
bool waits_for_memory(Verb verb) noexcept;

}  // namespace farkeep::wire
