#pragma once

#include <cstdint>
#include <string_view>

#include "crypto/digest.hpp"
#include "crypto/keyring.hpp"

namespace farkeep {

/// Where nodes of a catalog end (FORMAT.md §3): a keyed function of a path and a level, so an unchanged range of
/// entries gives the same nodes whatever stands before it, and where it cuts tells nothing about names.
class CatalogCut {
 public:
  explicit CatalogCut(const KeyRing& keys);
  /// One path in `average`.
  bool after(std::uint8_t level, std::string_view path, std::size_t average) const;

 private:
  Hmac hmac_;
};

}  // namespace farkeep
