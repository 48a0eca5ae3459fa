#include "archive/path.hpp"

#include <algorithm>
#include <cstring>

#include "base/limits.hpp"

namespace farkeep {

int compare_paths(std::string_view a, std::string_view b) noexcept {
  const std::size_t both = std::min(a.size(), b.size());
  const auto [x, y] = std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(both), b.begin());
  const auto at = static_cast<std::size_t>(x - a.begin());
  if (at == both) return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
  if (*x == '/') return -1;
  if (*y == '/') return 1;
  return static_cast<unsigned char>(*x) < static_cast<unsigned char>(*y) ? -1 : 1;
}

bool is_below(std::string_view path, std::string_view folder) noexcept {
  if (folder.empty()) return !path.empty();
  return path.size() > folder.size() && path[folder.size()] == '/' && path.starts_with(folder);
}

std::string catalog_path(std::string_view written) {
  std::string out;
  for (std::size_t at = 0; at < written.size();) {
    const std::size_t end = std::min(written.find('/', at), written.size());
    const std::string_view part = written.substr(at, end - at);
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

bool is_valid_path(std::string_view path) noexcept {
  if (path.empty() || path.size() > limits::kMaxPath) return false;
  if (std::memchr(path.data(), '\0', path.size()) != nullptr) return false;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view component = path.substr(start, end - start);
    if (component.empty() || component == "." || component == "..") return false;
    start = end + 1;
  }
  return true;
}

}  // namespace farkeep
