#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace farkeep {

/// Paths of a catalog: absolute without the leading '/', components divided by '/', bytes and not text (FORMAT.md §3).

/// Depth first: component by component as bytes, a folder before what is in it.  The same as comparing bytes with '/'
/// below every other, so "a" < "a/b" < "a-b".  Negative, zero or positive.
int compare_paths(std::string_view a, std::string_view b) noexcept;

/// Whether `path` lies in `folder`, at any depth.  Everything lies in the root, "".  A folder is not below itself.
bool is_below(std::string_view path, std::string_view folder) noexcept;

/// Neither empty nor longer than limits::kMaxPath; no empty component, no "." and "..", no NUL: a restore that joins
/// it to a folder stays in there.
bool is_valid_path(std::string_view path) noexcept;

/// A path as a person writes it in the catalog's spelling: "/a//b/./c/" is "a/b/c", and "/" is "", the root.  Components ".." stay, and make no valid path.
std::string catalog_path(std::string_view written);

/// Catalog paths in the catalog's order, each once, and none that lies in another one.
std::vector<std::string> outermost(std::vector<std::string> paths);

/// Which of two ascending sequences holds the smaller path, or that both are at the same one: one step of a merge.
enum class Side { left, right, both };
inline Side lower_side(std::string_view left, std::string_view right) noexcept {
  const int order = compare_paths(left, right);
  return order < 0 ? Side::left : order > 0 ? Side::right : Side::both;
}

}  // namespace farkeep
