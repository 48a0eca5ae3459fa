#include "crypto/recovery_key.hpp"

#include "base/codec.hpp"
#include "crypto/digest.hpp"
#include "crypto/key_file.hpp"

namespace farkeep {
namespace {

constexpr std::uint8_t kRecoveryKeyVersion = 1;
constexpr std::size_t kChecksum = 10, kBytes = 1 + 32 + 16 + 16 + kChecksum;
constexpr std::size_t kLetters = kBytes * 8 / 5, kGroup = 5;
constexpr std::size_t kMostTyped = 4096;  // with all the blanks somebody may leave

/// Wipes a buffer at the end of a scope.
class Wiped {
 public:
  explicit Wiped(MutableByteView bytes) : bytes_(bytes) {}
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { wipe(bytes_); }

 private:
  MutableByteView bytes_;
};

MutableByteView bytes_of(std::string& text) { return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}; }

Digest checksum(ByteView before) {
  Sha256 hash;
  hash.update(as_bytes("farkeep/1/recovery"));
  hash.update(before);
  return hash.finish();
}

/// What a reader of the paper meant: base32 has no 0, 1 or 8.  Line ends are dropped (base32 skips the other blanks
/// itself).
std::string letters_of(std::string_view typed) {
  std::string out;
  out.reserve(typed.size());
  for (char c : typed) {
    if (c == ' ' || c == '-' || c == '\t' || c == '\n' || c == '\r') continue;
    out.push_back(c == '0' ? 'O' : c == '1' ? 'I' : c == '8' ? 'B' : c);
  }
  return out;
}

}  // namespace

std::string print_recovery_key(const SecretKey& root, const AccountId& account, const AgentId& agent) {
  Buffer raw;
  raw.reserve(kBytes);
  Writer w{raw};
  w.number(kRecoveryKeyVersion);
  w.raw(root.view());
  w.raw(account.view());
  w.raw(agent.view());
  w.raw(checksum(raw).view().first(kChecksum));
  std::string letters = base32(raw);
  Wiped wiped_raw{raw}, wiped_letters{bytes_of(letters)};

  std::string out;
  out.reserve(kLetters + kLetters / kGroup);
  for (std::size_t i = 0; i < letters.size(); i += kGroup) {
    if (i > 0) out.push_back('-');
    out.append(letters, i, kGroup);
  }
  return out;
}

result<RecoveryKey> parse_recovery_key(std::string_view typed) {
  if (typed.size() > kMostTyped) return Errc::malformed;
  std::string letters = letters_of(typed);
  Wiped wiped_letters{bytes_of(letters)};
  if (letters.size() != kLetters) return Errc::malformed;
  auto raw = unbase32(letters);
  if (!raw || raw->size() != kBytes) return Errc::malformed;
  Wiped wiped_raw{*raw};

  ByteView before = ByteView{*raw}.first(kBytes - kChecksum);
  if (!equal_constant_time(checksum(before).view().first(kChecksum), ByteView{*raw}.last(kChecksum)))
    return Errc::bad_secret;
  Reader r{before};
  if (r.number<std::uint8_t>() != kRecoveryKeyVersion) return Errc::unsupported_version;
  RecoveryKey key;
  key.root = std::move(*SecretKey::from(r.raw(32)));
  if (is_no_key(key.root)) return Errc::malformed;
  key.account = *AccountId::from(r.raw(16));
  key.agent = *AgentId::from(r.raw(16));
  return key;
}

}  // namespace farkeep
