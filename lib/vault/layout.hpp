#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/id.hpp"

namespace farkeep {

/// Where a vault's objects lie in the store (LOCKING.md §1).
class VaultLayout {
 public:
  VaultLayout(const AccountId& account, const AgentId& agent) : top_("v/" + account.hex() + '/' + agent.hex() + '/') {}

  const std::string& top() const { return top_; }
  std::string segments() const { return top_ + "seg/"; }
  std::string snapshots() const { return top_ + "snap/"; }
  std::string partners() const { return top_ + "partner/"; }
  std::string slots() const { return top_ + "slot/"; }
  std::string reports() const { return top_ + "reported/"; }

  std::string segment(std::uint64_t number) const { return segments() + digits(number); }
  std::string snapshot(std::uint64_t sequence) const { return snapshots() + digits(sequence); }
  std::string partner(std::uint64_t sequence) const { return partners() + digits(sequence); }
  std::string slot(std::uint64_t number) const { return slots() + digits(number); }
  std::string slot_asides() const { return top_ + "slot-aside/"; }
  std::string slot_aside(std::uint64_t number) const { return slot_asides() + digits(number); }
  std::string report(std::uint64_t number) const { return reports() + digits(number); }
  std::string asides() const { return top_ + "aside/"; }
  /// `digest`: hex of its first half, which two manifests of one agent do not share.
  std::string aside(std::uint64_t sequence, const std::string& digest) const { return asides() + digits(sequence) + '-' + digest; }
  static std::string brief_digest(const Digest& digest) { return digest.hex().substr(0, 32); }
  /// What aside() was made of.
  static std::optional<std::pair<std::uint64_t, std::string>> aside_of(std::string_view name);
  std::string damaged_snapshot(std::uint64_t sequence) const { return top_ + "damaged/snap-" + digits(sequence); }

  /// The number at the end of a name of one of those folders; nothing for a name that is not ours.
  static std::optional<std::uint64_t> number_of(std::string_view name);

 private:
  static std::string digits(std::uint64_t number);
  std::string top_;
};

}  // namespace farkeep
