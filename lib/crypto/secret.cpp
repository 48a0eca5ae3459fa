#include "crypto/secret.hpp"

#include <openssl/crypto.h>

namespace farkeep {

void wipe(MutableByteView bytes) noexcept {
  if (!bytes.empty()) OPENSSL_cleanse(bytes.data(), bytes.size());
}

SecretText::SecretText(std::string_view text) : text_(std::make_unique<char[]>(text.size())), size_(text.size()) {
  if (size_ > 0) std::memcpy(text_.get(), text.data(), size_);
}

SecretText& SecretText::operator=(SecretText&& other) noexcept {
  std::swap(text_, other.text_);
  std::swap(size_, other.size_);
  SecretText old{std::move(other)};
  return *this;
}

SecretText::~SecretText() {
  if (text_) OPENSSL_cleanse(text_.get(), size_);
}

}  // namespace farkeep
