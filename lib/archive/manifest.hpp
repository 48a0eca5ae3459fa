#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "crypto/aead.hpp"
#include "crypto/certificate.hpp"
#include "crypto/keyring.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"
#include "crypto/signature.hpp"

namespace farkeep {

/// The manifest: the signed statement that makes a snapshot exist (FORMAT.md §4).

/// Of Statement: 1 binds nothing under R and is only read; 2 is what is written.
enum class StatementFormat : std::uint8_t { signed_only = 1, bound = 2 };

/// No snapshot has a higher number: a writer refuses to go beyond, a reader takes none beyond it for a predecessor (FORMAT.md §4).
inline constexpr std::uint64_t kLastSequence = std::uint64_t{1} << 53;

/// What anybody can read in it, a server above all.
struct Statement {
  AccountId account;
  AgentId agent;
  std::uint64_t sequence = 0;  ///< 1, 2, 3 …
  Digest previous;             ///< snapshot id of number sequence - 1; zero for the first
  ObjectId root;               ///< of the catalog
  SessionId session;
  WallTime time;    ///< by the agent's clock
  SeriesId series;  ///< of the job; zero in format 1
  bool operator==(const Statement&) const = default;
};

struct SnapshotProblem {
  std::string path;
  std::string text;
  bool operator==(const SnapshotProblem&) const = default;
};

inline constexpr std::size_t kMaxProblems = 100;

/// What only holders of the session key can read.  Strings are bytes, as the machine has them.
struct SnapshotDetails {
  std::string job;
  std::string host;
  std::vector<std::string> paths;
  std::vector<std::string> tags;
  WallTime started, ended;
  std::uint64_t files = 0, folders = 0, others = 0;
  std::uint64_t bytes = 0;       ///< of content
  std::uint64_t bytes_sent = 0;  ///< of new records
  std::uint64_t unreadable = 0, changed_while_read = 0;
  std::uint64_t without_attributes = 0;  ///< in the snapshot, but some of their attributes could not be read
  bool hid_trusted = false;              ///< its maker may read every file, and was not shown attributes named trusted.*
  std::string software;
  std::vector<SnapshotProblem> problems;  ///< the first kMaxProblems
  /// The newest number that any server had, as far as the maker knew; 0: none had one.  Numbers between that and this one's were given, and taken by no server.
  /// Nothing: an earlier version made it.
  std::optional<std::uint64_t> follows;
  bool operator==(const SnapshotDetails&) const = default;
};

/// Makes the manifest's bytes: seals the details, serialises, signs.  They are kept and sent as they are ever after.
/// `chain` is the agent's certificate and the issuing authority's.  Of format 2; the series is made here, of the details' job.
/// Throws failure: too_large beyond limits::kMaxManifest (too many or too long paths and tags) and beyond kLastSequence,
/// malformed for number 0 and for a predecessor where there can be none, or none where there must be one.
Buffer seal_manifest(const Statement& statement, const SnapshotDetails& details, const SecretKey& session_key,
                     const KeyRing& ring, Random& random, const SigningKey& key, std::span<const Certificate> chain);

/// A manifest taken apart, with its own copy of the bytes.
class Manifest {
 public:
  /// malformed, too_large, unsupported_version.  Nothing is verified yet.
  static result<Manifest> parse(ByteView bytes);

  StatementFormat format() const noexcept { return format_; }
  const Statement& statement() const noexcept { return statement_; }
  /// SHA-256 of the statement's bytes: the snapshot's id, and what the next manifest's `previous` is.
  const Digest& snapshot_id() const noexcept { return id_; }

  /// That the agent made it: the chain ends in one of `roots` at the time given, is that of the account and agent in the
  /// statement, and its key signed the statement.  Otherwise `identity`, and a sentence in `why`.
  /// An old manifest is held against a time at which its certificate was valid: that of its receipt.
  result<void> verify(const TrustedRoots& roots, WallTime at, std::string* why = nullptr) const;
  /// The signature alone, by a key that is known already (a server's own record of the agent).
  bool is_signed_by(const VerifyKey& key) const;
  /// That a holder of R stated all of this.  Never so in format 1.
  bool is_bound_by(const KeyRing& ring) const;

  /// damaged for another key or changed bytes, malformed, too_large.
  result<SnapshotDetails> open_details(const SecretKey& session_key) const;

 private:
  Manifest() = default;

  StatementFormat format_ = StatementFormat::signed_only;
  Statement statement_;
  Digest id_, binding_;
  Buffer statement_bytes_, body_, signature_;
  Nonce192 nonce_;
  Buffer details_;
  std::vector<Certificate> chain_;
};

}  // namespace farkeep
