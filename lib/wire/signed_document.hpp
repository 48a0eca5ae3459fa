#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "crypto/certificate.hpp"
#include "crypto/signature.hpp"
#include "wire/wire.pb.h"

namespace farkeep::wire {

/// A server that signs: its key, its certificate and what leads from it to the root (without the root).
/// Both outlive the call.
struct Signer {
  const SigningKey& key;
  std::span<const Certificate> chain;
};

/// What a server promises, signed: Ed25519 over "farkeep/1/receipt" ‖ receipt.  The bytes signed are the bytes sent.
pb::SignedReceipt sign_receipt(const pb::Receipt& receipt, const Signer& signer);
/// The longest that is taken: what it says in 200 bytes, and a chain of the longest certificates.  An agent keeps it in a file that it must be able to read again.
inline constexpr std::size_t kMaxReceipt = 4 * 1024, kMaxSignedReceipt = 160 * 1024;
static_assert(kMaxSignedReceipt > kMaxReceipt + kMaxCertificates * kMaxCertificate + 1024);
/// The receipt, if a server under one of `roots` signed it and it speaks of that server.  Its certificate must have been valid at the
/// receipt's own time: receipts are kept for years.  Errors: too_large, malformed, identity.
result<pb::Receipt> verify_receipt(const pb::SignedReceipt& receipt, const TrustedRoots& roots);
/// What of it counts: without anything else that came in the same message.
pb::SignedReceipt known_part(const pb::SignedReceipt& receipt);
pb::SignedDirectory known_part(const pb::SignedDirectory& directory);  ///< without the root's word, which stands by itself

/// The address directory, signed: Ed25519 over "farkeep/1/directory" ‖ directory.
pb::SignedDirectory sign_directory(const pb::Directory& directory, const Signer& signer);
/// The directory, if a server under one of `roots`, with a certificate valid at `now`, signed it.  Errors: malformed, identity.
/// Whether its serial is newer than the one at hand is the caller's to ask: an old directory is validly signed, too.
result<pb::Directory> verify_directory(const pb::SignedDirectory& directory, const TrustedRoots& roots, WallTime now);

/// The same, and who signed it, by which certificates.
struct VerifiedDirectory {
  pb::Directory content;
  CertificateName name;  ///< a server's
  Certificate certificate;
  std::vector<Certificate> above;  ///< what vouches for it, the root last
};
result<VerifiedDirectory> verify_signed_directory(const pb::SignedDirectory& directory, const TrustedRoots& roots, WallTime now);

/// A certificate chain in a message field.  Errors: malformed (also: none, or more than kMaxCertificates).
result<std::vector<Certificate>> parse_chain(const google::protobuf::RepeatedPtrField<std::string>& field);
void to_field(std::span<const Certificate> chain, google::protobuf::RepeatedPtrField<std::string>& field);

}  // namespace farkeep::wire
