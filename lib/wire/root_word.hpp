#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "crypto/certificate.hpp"
#include "crypto/revocation.hpp"
#include "wire/wire.pb.h"

namespace farkeep::wire {

inline constexpr int kMaxRootPairs = 64;     // an operator with more has pairs of his own root
inline constexpr int kMaxRevoked = 256;      // servers and keys over the life of a root: a handful a year at worst
inline constexpr std::size_t kMaxRootCertificate = 4 * 1024;  // of a root or a link: 500 bytes
inline constexpr std::size_t kMaxRootWord = 64 * 1024;  // all lists full: 28 KiB

/// The root's word, signed: Ed25519 over "farkeep/1/root-word" ‖ word.
pb::SignedRootWord sign_root_word(const pb::RootWord& word, const SigningKey& root);

/// What a root said last.
struct RootWord {
  pb::RootWord content;
  Revocations revoked;
  TrustedRoots roots;              ///< what was trusted before, and what the word names
  std::vector<Certificate> links;  ///< that it names, oldest first: what a server shows in TLS

  std::uint64_t serial() const noexcept { return content.serial(); }
  /// The pair whose primary is this server, or nothing.
  std::optional<pb::RootPair> pair_of(const std::string& primary) const;
  /// The root that none follows yet; nothing where no root was ever followed.
  std::optional<Certificate> newest() const;
};
/// By a root that is trusted, or that links lead to from there, and that is not `known` to be revoked before this word (KEYS.md §6, "A new root").
/// Malformed: no word, or more in it than it may hold.  Identity: by nobody who is trusted.
result<RootWord> verify_root_word(const pb::SignedRootWord& word, const TrustedRoots& trusted, const Revocations& known = {});

/// Without what somebody put beside its fields, which nobody signed and would only take room.
pb::SignedRootWord known_part(const pb::SignedRootWord& word);
/// The newer of two serialised SignedRootWords of which `known` is trusted: `told` where a root signed it, it names all roots that `known` names, and more of
/// them, or its serial is higher.  Empty: there is none.
std::string newer_root_word(const std::string& known, const pb::SignedRootWord& told, const TrustedRoots& pinned);
/// Of stored bytes that were verified when they came; nothing when there are none, or they are damaged.
std::optional<RootWord> stored_root_word(std::string_view bytes, const TrustedRoots& pinned);
/// What is trusted by who pinned these and stored that word.
TrustedRoots trusted_roots(std::string_view stored_word, const TrustedRoots& pinned);

}  // namespace farkeep::wire
