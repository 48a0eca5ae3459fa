#include "crypto/block_cipher.hpp"

#include <atomic>
#include <climits>

#include "base/check.hpp"
#include "crypto/openssl.hpp"

namespace farkeep {
namespace {

struct Remembered {
  Owned<EVP_CIPHER_CTX> ctx;
  std::uint64_t number = 0;
};

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

AesBlocks::AesBlocks(ByteView key) : key_size_(key.size()), number_(next_number()) {
  FARKEEP_CHECK(key.size() == 16 || key.size() == 32);
  std::memcpy(key_.mutable_view().data(), key.data(), key.size());
}

AesBlocks::AesBlocks(AesBlocks&& other) noexcept
    : key_(std::move(other.key_)), key_size_(other.key_size_), number_(std::exchange(other.number_, 0)) {}

void AesBlocks::encrypt(MutableByteView blocks) const {
  FARKEEP_CHECK(number_ != 0 && blocks.size() % 16 == 0 && blocks.size() <= INT_MAX);
  if (blocks.empty()) return;
  constexpr auto kDoing = "encrypting AES blocks";
  // One for each key size: a thread that cuts and seals in turn would otherwise expand keys all the time.
  thread_local Remembered of_size[2];
  auto& [ctx, number] = of_size[key_size_ == 32];
  if (!ctx) ctx.reset(must_have(EVP_CIPHER_CTX_new(), kDoing));
  if (number != number_) {
    number = 0;
    const EVP_CIPHER* first = nullptr;
    if (EVP_CIPHER_CTX_get0_cipher(ctx.get()) == nullptr)
      first = key_size_ == 32 ? aes_256_ecb_algorithm() : aes_128_ecb_algorithm();
    must(EVP_EncryptInit_ex2(ctx.get(), first, key_.view().data(), nullptr, nullptr), kDoing);
    must(EVP_CIPHER_CTX_set_padding(ctx.get(), 0), kDoing);
    number = number_;
  }
  int done = 0;
  must(EVP_EncryptUpdate(ctx.get(), blocks.data(), &done, blocks.data(), static_cast<int>(blocks.size())), kDoing);
}

}  // namespace farkeep
