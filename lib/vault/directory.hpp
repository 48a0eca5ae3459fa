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
/// side adopts what has a higher serial.  Blocking; worker threads.
class AddressDirectory {
 public:
  AddressDirectory(Registry& registry, const Identity& identity, const Clock& clock)
      : registry_(registry), identity_(identity), clock_(clock) {}

  /// What is in force; signed and stored now when there was none yet, or when this server signed it with a certificate that it no longer
  /// uses or, unless an operator published it, with another address or partner than today's.
  wire::pb::SignedDirectory current();
  /// Signs and stores a directory with these addresses, the next serial, and today's in-force addresses as those before it.
  /// Throws failure: usage when the other side of the pair is the one that signs; configuration for an order that changes nothing.
  wire::pb::Directory publish(const DirectoryOrder& order);
  /// Where a server of the pair is: by what is in force, what still answers, and what is announced, in this order.
  std::vector<std::string> addresses_of(std::string_view server_id);
  /// Whether this server is its pair's primary.  Before there is a directory every server is.
  bool is_primary();
  /// Takes the partner's if it is properly signed and newer.  True when it was taken.
  bool adopt(const wire::pb::SignedDirectory& theirs);

 private:
  std::optional<wire::pb::Directory> stored_content(wire::pb::SignedDirectory& stored);
  wire::pb::SignedDirectory store(const wire::pb::Directory& directory);
  wire::pb::Directory wanted(std::uint64_t serial);
  std::uint64_t stored_serial(const wire::pb::SignedDirectory& stored) const;

  Registry& registry_;
  const Identity& identity_;
  const Clock& clock_;
  std::mutex mutex_;
};

}  // namespace farkeep
