#include "crypto/key_file.hpp"

#include <array>

#include "base/codec.hpp"
#include "crypto/digest.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kKeyFileMagic = "FKRK";
constexpr std::uint8_t kKeyFileVersion = 2;
constexpr std::size_t kOldFile = SecretKey::kSize;  // version 1: nothing but the key
constexpr std::size_t kKeyFileHead = 4 + 1 + AccountId::kSize + AgentId::kSize;
constexpr std::size_t kFile = kKeyFileHead + SecretKey::kSize + Digest::kSize;

Digest check_value(const SecretKey& root, ByteView head) {
  SecretKey key;
  hkdf_sha256(root.view(), {}, "farkeep/1/check", key.mutable_view());
  return Hmac{key.view()}(head);
}

}  // namespace

bool is_no_key(const SecretKey& key) noexcept {
  static constexpr std::array<std::uint8_t, SecretKey::kSize> kNothing{};
  return equal_constant_time(key.view(), kNothing);
}

Buffer write_key_file(const SecretKey& root, const KeyOwner& owner) {
  if (is_no_key(root)) throw failure(Errc::damaged, "writing a root key of zeros");
  Buffer file;
  file.reserve(kFile);  // never moved: no copy of the key is left behind
  Writer w{file};
  w.raw(as_bytes(kKeyFileMagic));
  w.number(kKeyFileVersion);
  w.raw(owner.account.view());
  w.raw(owner.agent.view());
  const Digest check = check_value(root, file);
  w.raw(root.view());
  w.raw(check.view());
  return file;
}

result<KeyFile> parse_key_file(ByteView file) {
  KeyFile out;
  if (file.size() == kOldFile) {
    out.root = std::move(*SecretKey::from(file));
    if (is_no_key(out.root)) return Errc::damaged;
    return out;
  }
  if (file.size() < kKeyFileMagic.size() + 1 || as_text(file.first(kKeyFileMagic.size())) != kKeyFileMagic) return Errc::malformed;
  if (file[kKeyFileMagic.size()] != kKeyFileVersion) return Errc::unsupported_version;
  if (file.size() != kFile) return Errc::malformed;
  Reader r{file.subspan(kKeyFileMagic.size() + 1)};
  KeyOwner owner;
  owner.account = *AccountId::from(r.raw(AccountId::kSize));
  owner.agent = *AgentId::from(r.raw(AgentId::kSize));
  out.root = std::move(*SecretKey::from(r.raw(SecretKey::kSize)));
  if (is_no_key(out.root)) return Errc::damaged;
  if (!equal_constant_time(check_value(out.root, file.first(kKeyFileHead)).view(), file.last(Digest::kSize))) return Errc::damaged;
  out.owner = owner;
  return out;
}

}  // namespace farkeep
