#pragma once

#include <string_view>

#include "base/id.hpp"
#include "crypto/handles.hpp"

namespace farkeep {

/// SHA-256 of bytes that are all there.
Digest sha256(ByteView bytes);

/// SHA-256 of bytes that come in parts.  finish() once; then the object is used up.
class Sha256 {
 public:
  Sha256();
  void update(ByteView part);
  Digest finish();

 private:
  Owned<evp_md_ctx_st> ctx_;
};

/// HMAC-SHA256 (RFC 2104) under one key.
///
/// The key's two blocks are hashed once, in the constructor; a call copies those states into a context of the calling
/// thread.  So calls cost little more than SHA-256 itself, and one object may be used by several threads at once.
class Hmac {
 public:
  explicit Hmac(ByteView key);
  /// Of the parts joined; where one ends and the next begins is not part of the value.
  Digest operator()(std::span<const ByteView> parts) const;
  Digest operator()(ByteView one) const;

 private:
  Owned<evp_md_ctx_st> inner_, outer_;
};

/// HKDF-SHA256 (RFC 5869), extract and expand.  out.size() <= 255 * 32, info at most 1 KiB.
void hkdf_sha256(ByteView key, ByteView salt, std::string_view info, MutableByteView out);

/// Takes as long for any two inputs of a size.  Different sizes are different at once: sizes are no secret.
bool equal_constant_time(ByteView a, ByteView b) noexcept;

}  // namespace farkeep
