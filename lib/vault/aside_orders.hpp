#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// One snapshot or key slot that an operator wants out of the way (LOCKING.md §11).
struct AsideOrder {
  enum class What { snapshot, key_slot };
  What what = What::snapshot;
  AccountId account;
  AgentId agent;
  std::uint64_t sequence = 0;  ///< a key slot's: its number in the store
  std::string reason;
  std::int64_t time_ns = 0;
};

/// Orders from the command line to the server that owns the store: small files in `aside/` of the data folder, carried out within seconds, or
/// at the next start.  An order that was carried out or refused is renamed, with what came of it, and stays: together with the lines
/// of `audit.log` they say who hid what, and why.
class AsideOrders {
 public:
  AsideOrders(Disk& disk, std::string data) : disk_(disk), folder_(data + "/aside"), data_(std::move(data)) {}

  /// Durable on return.  Throws malformed for a reason that is empty, long or not printable.
  void place(const AsideOrder& order);
  /// One that does not parse is passed over, with one line in the log; this is asked every other second.
  std::vector<AsideOrder> pending();
  /// `outcome`: "done", or why not.
  void finish(const AsideOrder& order, const std::string& outcome, std::int64_t now_ns);
  /// What came of it; nothing while it waits.
  std::optional<std::string> outcome(const AsideOrder& order) const;

 private:
  std::string path_of(const AsideOrder& order) const;

  Disk& disk_;
  const std::string folder_, data_;
  std::set<std::string> damaged_;  // that the log told of
};

}  // namespace farkeep
