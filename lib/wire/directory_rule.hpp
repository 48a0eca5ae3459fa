#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "wire/root_word.hpp"
#include "wire/signed_document.hpp"

namespace farkeep::wire {

/// Serials of address directories: PROTOCOL.md §3, "Addresses".
///
/// The serial that a directory made now gets at least: hours since 2026.  A server that was set back does not reuse what agents have seen.
std::uint64_t serial_floor(WallTime now);
/// The highest one that is believed by who knows `known`.
std::uint64_t serial_ceiling(std::uint64_t known, WallTime now);
/// Whether a serial that is known here can be true; one that a hostile server put here cannot.
bool serial_is_sane(std::uint64_t serial, WallTime now);

/// Of what is signed: twice four data centres with all the addresses and networks that they may have take a third of it.  Every answer has room for it.
inline constexpr std::size_t kMaxDirectory = 128 * limits::kKiB;

/// What somebody knows who hears of a directory.
struct KnownDirectory {
  const pb::Directory* used = nullptr;  ///< whose primary is pinned; null: the first one that is heard is believed
  std::uint64_t serial = 0;             ///< the highest one that is known
  const RootWord* word = nullptr;       ///< the newest root's word; null: none was ever heard
};
/// The directory, if `known` lets it be believed; else an empty optional and, in `why`, a sentence.
///
/// 1. a server under one of `roots` signed it, with a certificate valid at `now` that the root did not take back  2. its serial is not above the ceiling
/// 3. where the root named pairs: its first pair is one of them, signed by that pair's primary  4. where it did not: the pinned primary signed it and
/// remains the primary, and no server that was there is gone  5. it has kMaxDirectory bytes at most.  Whether the serial is newer is the caller's to ask.
std::optional<pb::Directory> believable_directory(const pb::SignedDirectory& directory, const KnownDirectory& known, const TrustedRoots& roots, WallTime now, std::string& why);

}  // namespace farkeep::wire
