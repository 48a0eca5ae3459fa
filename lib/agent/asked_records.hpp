#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/bytes.hpp"
#include "base/id.hpp"

namespace farkeep {

/// What may come in answer to one question for objects: records that each hold something that was asked for, no more of them than ids, none again and again; and
/// among what is missing, ids that were asked for, each once; and one piece at most that brings neither.  So an answer ends, with no more records than ids were asked for:
/// that may be much, and whoever takes it keeps what it can use.
///
/// Two records may look alike from outside: whoever has the agent's key can store one under the header of another (vault/LOCKING.md §4).  They are not
/// refused, for that would keep the good one away; a few of them are enough.
class AskedRecords {
 public:
  /// `server`: for messages.
  AskedRecords(const std::vector<ObjectId>& ids, std::string server) : ids_(ids.begin(), ids.end()), server_(std::move(server)) {}

  /// Whole records of the answer, and what it calls missing.  Throw failure: protocol for what may not come, and what is wrong with bytes that are no records.
  void got(ByteView records);
  void lacks(const std::vector<ObjectId>& ids);
  /// A piece with neither.
  void nothing();

 private:
  [[noreturn]] void refuse(const char* what) const;

  const std::unordered_set<ObjectId> ids_;
  const std::string server_;
  std::unordered_map<std::string, unsigned> seen_;  // how often
  std::size_t records_ = 0;
  bool had_nothing_ = false;
  std::unordered_set<ObjectId> missing_;
};

}  // namespace farkeep
