#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "vault/identity.hpp"
#include "vault/registry.hpp"
#include "wire/root_word.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {

/// New addresses of a pair, as its operator announces them.
struct DirectoryOrder {
  struct Side {
    std::vector<std::string> addresses;  ///< ip:port; none: as before
    std::vector<std::string> subnets;    ///< for firewall rules; none: as before
  };
  Side primary, alternate;
  WallTime valid_from{};
  std::chrono::nanoseconds overlap{};  ///< how long after that the old addresses answer
};

/// The signed address directory of this server's pair: how agents learn of addresses (wire.proto Directory).
///
/// The first pair in it is that of the server that answers.  The primary, which is the server that made the pair, signs it; the other
/// side adopts what has a higher serial, if the primary that it knows, or the root, said so (wire/directory_rule.hpp).  The root's word goes
/// with it; where the root's key is here, this class keeps the pair in that word true.  Blocking; worker threads.
class AddressDirectory {
 public:
  AddressDirectory(Registry& registry, const Identity& identity, const Clock& clock)
      : registry_(registry), identity_(identity), clock_(clock) {}

  /// What is in force; signed and stored now when there was none yet, or when this server signed it with a certificate that it no longer
  /// uses or, unless an operator published it, with another address or partner than today's.  Where a new one cannot be stored, the one that is there.
  /// Throws wire::Refusal(busy) on a server that is not the primary and has none yet.
  wire::pb::SignedDirectory current();
  /// Signs and stores a directory with these addresses, the next serial, and today's in-force addresses as those before it.
  /// Throws failure: usage when the other side of the pair is the one that signs; configuration for an order that changes nothing.
  wire::pb::Directory publish(const DirectoryOrder& order);
  /// Where a server of the pair is: by what is in force, what still answers, and what is announced, in this order.
  std::vector<std::string> addresses_of(std::string_view server_id);
  /// Whether this server is its pair's primary.  Before there is a directory every server is.
  bool is_primary();
  /// Takes the partner's, and the root's word that comes with it, if it is to be believed and newer.  True when the directory was taken.
  bool adopt(const wire::pb::SignedDirectory& theirs);
  /// The newest root's word that this server has.
  std::optional<wire::RootWord> root_word();
  /// A new root follows `old`: says so in the word of `next`, with `old`'s link to it (KEYS.md §6, "A new root").  Errors: exists (it was said already),
  /// usage (`old` is not the newest), too_large (there were kMaxRoots).
  void follow_root(const Authority& old, const Authority& next, Random& random);
  /// Takes a server or a key back, in the root's word: durable, and told to the partner and to agents with the next directory.  Errors: exists, too_large.
  void revoke(const Authority& root, wire::pb::Revoked what);
  /// Puts the stored directory aside (an operator's word): the primary makes a new one, the other side waits for it.  The serial that it had; 0: there was none.
  std::uint64_t set_aside();
  /// Of a stored one; 0: it is none.
  static std::uint64_t serial_of(std::string_view signed_directory);

 private:
  std::optional<wire::pb::Directory> stored_content(wire::pb::SignedDirectory& stored);
  wire::pb::SignedDirectory current_locked();
  wire::pb::SignedDirectory current_or_stored();
  const std::optional<wire::RootWord>& word_locked();
  bool primary_locked(const std::optional<wire::pb::Directory>& content, const std::optional<wire::RootWord>& word);
  void keep_word_true(const std::optional<wire::RootWord>& word);
  bool word_is_lost();
  void refuse_without_word(const std::string& doing);
  void say(wire::pb::RootWord& word, const Authority& root);
  std::uint64_t next_serial(std::uint64_t known);
  wire::pb::SignedDirectory store(const wire::pb::Directory& directory);
  wire::pb::Directory wanted(std::uint64_t serial);

  Registry& registry_;
  const Identity& identity_;
  const Clock& clock_;
  std::mutex mutex_;
  std::string told_;  // what is in the way of a new one, as the log has it
  // What was told last, and of what state of the registry.  Agents ask as often as they like: the disk is read when something changed, and once a minute for rot.
  struct Kept {
    wire::pb::SignedDirectory directory;
    std::uint64_t generation = 0;
    WallTime at;
  };
  std::optional<Kept> kept_;
  std::string word_bytes_;               // the root's word as it was read last…
  std::optional<wire::RootWord> word_;  // …and verified; nothing: it is none
};

}  // namespace farkeep
