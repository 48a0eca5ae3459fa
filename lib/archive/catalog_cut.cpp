#include "archive/catalog_cut.hpp"

#include <array>

#include "base/codec.hpp"

namespace farkeep {
namespace {

Hmac catalog_cut_key(const KeyRing& keys) {
  const SecretKey cut = keys.cut_key();
  SecretKey own;  // the chunker uses cut_key() for other things
  hkdf_sha256(cut.view(), {}, "farkeep/1/cut/catalog", own.mutable_view());
  return Hmac{own.view()};
}

}  // namespace

CatalogCut::CatalogCut(const KeyRing& keys) : hmac_(catalog_cut_key(keys)) {}

bool CatalogCut::after(std::uint8_t level, std::string_view path, std::size_t average) const {
  const std::array<std::uint8_t, 1> level_byte{level};
  const std::array<ByteView, 2> what{level_byte, as_bytes(path)};
  return Reader{hmac_(what).view()}.number<std::uint32_t>() % average == 0;
}

}  // namespace farkeep
