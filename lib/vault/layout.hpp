#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

  std::string segment(std::uint64_t number) const { return segments() + digits(number); }
  std::string snapshot(std::uint64_t sequence) const { return snapshots() + digits(sequence); }
  std::string partner(std::uint64_t sequence) const { return partners() + digits(sequence); }
  std::string slot(std::uint64_t number) const { return slots() + digits(number); }
  std::string damaged_snapshot(std::uint64_t sequence) const { return top_ + "damaged/snap-" + digits(sequence); }

  /// The number at the end of a name of one of those folders; nothing for a name that is not ours.
  static std::optional<std::uint64_t> number_of(std::string_view name);

 private:
  static std::string digits(std::uint64_t number);
  std::string top_;
};

}  // namespace farkeep
