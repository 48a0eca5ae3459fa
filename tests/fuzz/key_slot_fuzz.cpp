#include "base/check.hpp"
#include "base/codec.hpp"
#include "crypto/digest.hpp"
#include "crypto/key_file.hpp"
#include "crypto/key_slot.hpp"

using namespace farkeep;

namespace {

/// The last eight bytes set as sealing sets them: otherwise no input would come past the checksum.
Buffer rechecked(ByteView data) {
  Buffer slot = to_buffer(data);
  if (slot.size() < 8) return slot;
  Sha256 hash;
  hash.update(as_bytes("farkeep/1/slot"));
  hash.update(ByteView{slot}.first(slot.size() - 8));
  auto sum = hash.finish();
  std::memcpy(slot.data() + slot.size() - 8, sum.bytes.data(), 8);
  return slot;
}

/// Whether opening would refuse the slot's cost: only then it is cheap enough to be tried here.
bool cost_refused(ByteView slot) {
  Reader r{slot.subspan(6)};
  ScryptCost cost;
  cost.n = r.number<std::uint64_t>();
  cost.r = r.number<std::uint32_t>();
  cost.p = r.number<std::uint32_t>();
  return !check(cost);
}

}  // namespace

// Nothing that was not sealed to the key opens; no input costs memory or time before it is found whole.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto key = EscrowPrivateKey::from_secret(*SecretKey::from(Buffer(32, 0x55)));
  ByteView raw{data, size};
  static_cast<void>(slot_kind(raw));
  if (auto file = parse_key_file(raw)) FARKEEP_CHECK(!is_no_key(file->root));
  auto slot = rechecked(raw);
  auto kind = slot_kind(slot);
  FARKEEP_CHECK(!open_escrow_slot(slot, key));
  if (!kind) {
    FARKEEP_CHECK(!open_passphrase_slot(slot, as_bytes("passphrase")));
  } else if (*kind == SlotKind::escrow) {
    FARKEEP_CHECK(open_passphrase_slot(slot, as_bytes("passphrase")).error() == Errc::bad_secret);
  } else if (cost_refused(slot)) {
    auto refused = open_passphrase_slot(slot, as_bytes("passphrase")).error();
    FARKEEP_CHECK(refused == Errc::malformed || refused == Errc::too_large);
  }
  return 0;
}
