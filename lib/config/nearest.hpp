#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace farkeep {

/// The word that was probably meant: the candidate with the fewest inserted, removed or exchanged characters, at most
/// three and fewer than either word is long; case does not count.  The first of equals; nothing if none is near.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace farkeep
