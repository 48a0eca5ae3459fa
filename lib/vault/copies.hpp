#pragma once

#include <optional>
#include <unordered_set>
#include <vector>

#include "vault/chunk_index.hpp"

namespace farkeep {

/// Which copy of an object serves: the one that counts, or, while that is known to be damaged, the next (LOCKING.md §4).
///
/// Damage is known for as long as the program runs; after that it is found again when the copy is read.
class ServingCopies {
 public:
  explicit ServingCopies(ChunkIndex& index) : index_(index) {}

  /// In the order asked; nothing for an object of which no undamaged copy is known.
  task<std::vector<std::optional<Place>>> find(std::vector<ObjectId> ids);
  /// The same, but of what the partner sent the newest undamaged copy, or the oldest, where there is one.  Slower.
  enum class Age { oldest, newest };
  task<std::vector<std::optional<Place>>> find_of_partner(std::vector<ObjectId> ids, Age age);
  /// Whether any of them has an undamaged copy that the partner sent, behind the one that serves.
  task<bool> has_partners_behind(std::vector<ObjectId> ids);
  /// The record copy did not check.
  void note_damaged(const Place& place) { damaged_.insert(place.copy()); }
  bool is_damaged(const Place& place) const { return !damaged_.empty() && damaged_.contains(place.copy()); }

 private:
  ChunkIndex& index_;
  std::unordered_set<std::uint64_t> damaged_;  // Place::copy()
};

}  // namespace farkeep
