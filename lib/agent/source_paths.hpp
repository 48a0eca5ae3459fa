#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace farkeep {

/// A job's sources as a walk from "/" meets them: catalog paths in the catalog's order, none twice.  One that lies below another is a source of its own.
class SourcePaths {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  /// Absolute paths, in any spelling but "..".
  explicit SourcePaths(const std::vector<std::string>& absolute);

  std::size_t size() const noexcept { return paths_.size(); }
  const std::string& operator[](std::size_t which) const { return paths_[which]; }
  /// The source that is just this path; kNone: none is.
  std::size_t at(std::string_view path) const noexcept;
  /// The first one below a folder, which is followed by the others: they are [first_below, end_below).
  std::size_t first_below(std::string_view folder) const noexcept;
  std::size_t end_below(std::string_view folder) const noexcept;
  bool leads(std::string_view folder) const noexcept { return first_below(folder) != end_below(folder); }
  /// The names in a folder that are sources or lead to them, sorted.
  std::vector<std::string> ways(std::string_view folder) const;

 private:
  std::vector<std::string> paths_;
};

}  // namespace farkeep
