#include "agent/source_paths.hpp"

#include <algorithm>

#include "archive/path.hpp"

namespace farkeep {

SourcePaths::SourcePaths(const std::vector<std::string>& absolute) {
  for (auto& s : absolute) paths_.push_back(catalog_path(s));
  std::sort(paths_.begin(), paths_.end(), [](auto& a, auto& b) { return compare_paths(a, b) < 0; });
  paths_.erase(std::unique(paths_.begin(), paths_.end()), paths_.end());
}

std::size_t SourcePaths::at(std::string_view path) const noexcept {
  const auto found = std::lower_bound(paths_.begin(), paths_.end(), path, [](auto& s, std::string_view p) { return compare_paths(s, p) < 0; });
  return found != paths_.end() && *found == path ? static_cast<std::size_t>(found - paths_.begin()) : kNone;
}

std::size_t SourcePaths::first_below(std::string_view folder) const noexcept {
  const auto found = std::upper_bound(paths_.begin(), paths_.end(), folder, [](std::string_view p, auto& s) { return compare_paths(p, s) < 0; });
  return static_cast<std::size_t>(found - paths_.begin());
}

std::size_t SourcePaths::end_below(std::string_view folder) const noexcept {
  std::size_t at = first_below(folder);
  while (at < paths_.size() && is_below(paths_[at], folder)) ++at;
  return at;
}

std::vector<std::string> SourcePaths::ways(std::string_view folder) const {
  std::vector<std::string> out;
  const std::size_t begin = folder.empty() ? 0 : folder.size() + 1, end = end_below(folder);
  for (std::size_t i = first_below(folder); i < end; ++i) {
    std::string name = paths_[i].substr(begin, paths_[i].find('/', begin) - begin);
    if (out.empty() || out.back() != name) out.push_back(std::move(name));
  }
  return out;
}

}  // namespace farkeep
