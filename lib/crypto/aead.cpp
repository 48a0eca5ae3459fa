#include "crypto/aead.hpp"

#include "crypto/openssl.hpp"

namespace farkeep {

// K1 = L << 1 in GF(2^128), L = AES(0): steps 1 and 2 of the specification, the same for every nonce.
XAes256Gcm::XAes256Gcm(const SecretKey& key) : aes_(key) {
  auto k1 = k1_.mutable_view();
  aes_.encrypt(k1);
  unsigned carry = 0;
  for (std::size_t i = k1.size(); i-- > 0;) {
    unsigned shifted = (static_cast<unsigned>(k1[i]) << 1) | carry;
    carry = shifted >> 8;
    k1[i] = static_cast<std::uint8_t>(shifted);
  }
  // No branch on a bit of the key.
  k1[15] = static_cast<std::uint8_t>(k1[15] ^ (carry * 0x87));
}

// Steps 3 to 5: AES(M1 xor K1) ‖ AES(M2 xor K1), M = 0 ‖ counter ‖ 'X' ‖ 0 ‖ first half of the nonce.
Secret<32> XAes256Gcm::derive(const Nonce192& nonce) const {
  Secret<32> out;
  auto m = out.mutable_view();
  auto k1 = k1_.view();
  for (std::size_t counter = 1; counter <= 2; ++counter) {
    auto block = m.subspan((counter - 1) * 16, 16);
    block[1] = static_cast<std::uint8_t>(counter);
    block[2] = 'X';
    std::memcpy(block.data() + 4, nonce.bytes.data(), 12);
    for (std::size_t i = 0; i < 16; ++i) block[i] = static_cast<std::uint8_t>(block[i] ^ k1[i]);
  }
  aes_.encrypt(m);
  return out;
}

void XAes256Gcm::seal(const Nonce192& nonce, std::span<const ByteView> aad_parts, ByteView plain,
                      MutableByteView out) const {
  auto key = derive(nonce);
  gcm_seal(key.view(), nonce.view().subspan(12), aad_parts, plain, out);
}

result<void> XAes256Gcm::open(const Nonce192& nonce, std::span<const ByteView> aad_parts, ByteView sealed,
                              MutableByteView out) const {
  if (sealed.size() < kTag) return Errc::malformed;
  auto key = derive(nonce);
  if (!gcm_open(key.view(), nonce.view().subspan(12), aad_parts, sealed, out)) return Errc::damaged;
  return {};
}

}  // namespace farkeep
