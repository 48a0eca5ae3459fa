#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "agent/fetcher.hpp"
#include "archive/entry.hpp"
#include "async/task.hpp"

namespace farkeep {

/// Shows what a snapshot has at and below one path, in the catalog's order.
///
/// A try that a server's failure ends is made again at the other server: what was shown is not shown again, for the catalog of one snapshot is the same everywhere.
class Listing {
 public:
  /// False: nobody wants to see more.
  using Show = std::function<bool(const Entry&)>;
  /// `path`: a catalog path, or a line of a list that stands for one (path_that_is_there()); empty: everything.
  Listing(std::string path, Show show) : path_(std::move(path)), show_(std::move(show)) {}

  /// One try, to the end.  Of the same snapshot as the one before it, once that has begun().
  task<void> run(Fetcher& fetcher, ObjectId root);
  /// Something is there.
  bool found() const noexcept { return found_; }
  /// Something was shown.
  bool begun() const noexcept { return shown_ > 0; }

 private:
  const std::string path_;
  const Show show_;
  std::uint64_t shown_ = 0;
  bool found_ = false;
};

}  // namespace farkeep
