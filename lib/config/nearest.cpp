#include "config/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "config/ascii.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostChanges = 3;
constexpr std::size_t kLongestKey = 64;  // longer words are never keys, and the distance takes the product of the lengths

/// Levenshtein's distance, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      std::size_t const exchange = diagonal + (ascii::lower(a[i]) == ascii::lower(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({exchange, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::optional<std::string_view> best;
  std::size_t least = kMostChanges + 1;
  if (word.size() > kLongestKey) return best;
  for (std::string_view candidate : candidates) {
    std::size_t const d = distance(word, candidate);
    if (d >= least || d >= std::min(word.size(), candidate.size())) continue;
    least = d;
    best = candidate;
  }
  return best;
}

}  // namespace farkeep
