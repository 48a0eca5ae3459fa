#pragma once

#include "base/limits.hpp"

/// What a connection may cost a server, by how far it has come and who it is: the table of PROTOCOL.md §6, each number with its reason.
/// Sizes of frames by verb are in frame_limits.cpp.
namespace farkeep::limits {

// ---- places
inline constexpr std::size_t kSilentPlaces = 4096;     // TCP without a byte: 6 KiB each; at 2,000 new ones a second each has two seconds
inline constexpr std::size_t kHandshakePlaces = 512;   // TLS that is not done: 80 KiB each; at 1,000 a second, which take a core, half a second
inline constexpr std::size_t kStrangerPlaces = 128;    // TLS that is done, without a certificate: registration is over in a second
inline constexpr std::size_t kUnknownPlaces = 256;     // with a certificate, before the registry has let them in: a question to it takes a tenth of a second
inline constexpr std::size_t kPlacesBeside = 512;      // beside those of agents: strangers, those who are not let in yet, the partner
inline constexpr std::size_t kConnectionsOfOne = 4;    // of one agent or server: a backup, a restore, a question, and one that hangs

// ---- frames
inline constexpr std::size_t kMaxStrangerHead = 16 * kKiB;  // before hello, and without a certificate: a request for one, with a token and a name
inline constexpr std::size_t kMaxStrangerBody = limits::kMaxPingBody;  // the pings before hello that look for networks in which large packets vanish (PROTOCOL.md §3.6): 8 MiB for all strangers

// ---- memory
inline constexpr std::size_t kAnswers = 96 * kMiB;    // records between the disk and those who asked for them: four answers of one agent under way, whatever a few others do
inline constexpr std::size_t kQuestions = 64 * kMiB;  // ids that were asked for: of ten largest gets of one agent
inline constexpr std::size_t kHaveCosts = 2, kGetCosts = 4;  // times the size of its ids: what it takes while it is answered

// ---- time
inline constexpr auto kLongestWork = 1h;         // of a request that says that it is at work: the commit of a very large first backup
inline constexpr std::size_t kLeastInAMinute = 1 * kMiB;  // of a frame, while others wait for its memory: a line of 18 KiB/s, and a frame is gone in five minutes
inline constexpr auto kFirstBytesTimeout = 10s;  // they follow the client's part of TCP's handshake at once: three retransmissions
inline constexpr auto kStrangerLife = 60s;       // of a connection without a certificate, after its hello: a registration over 1 KiB/s

}  // namespace farkeep::limits
