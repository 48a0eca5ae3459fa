#include "archive/source_paths.hpp"

#include <algorithm>

#include "archive/path.hpp"

namespace farkeep {

std::string catalog_path(std::string_view path) {
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (!part.empty() && part != ".") {
      if (!out.empty()) out.push_back('/');
      out.append(part);
    }
    at = end + 1;
  }
  return out;
}

std::vector<std::string> outermost(std::vector<std::string> paths) {
  std::sort(paths.begin(), paths.end(), [](auto& a, auto& b) { return compare_paths(a, b) < 0; });
  std::vector<std::string> kept;  // after sorting, what lies below a path follows it
  for (auto& p : paths)
    if (kept.empty() || (p != kept.back() && !is_below(p, kept.back()))) kept.push_back(std::move(p));
  return kept;
}

}  // namespace farkeep
