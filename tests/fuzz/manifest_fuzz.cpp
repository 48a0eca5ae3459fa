#include <cstdlib>

#include "archive/manifest.hpp"
#include "archive/manifest_details.hpp"

// Whole manifests; and details, which stand behind a seal that fuzzing cannot pass.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace farkeep;
  const ByteView in{data, size};
  if (auto m = Manifest::parse(in)) {
    if (m->statement().sequence == 0) std::abort();
    if (m->statement().sequence == 1 && !m->statement().previous.is_zero()) std::abort();
    if (m->is_signed_by(VerifyKey{})) std::abort();
    if (m->open_details(SecretKey{})) std::abort();
    static const KeyRing ring{SecretKey::from(Buffer(32, 1)).value()};
    if (m->is_bound_by(ring)) std::abort();
  }
  if (auto d = decode_details(in)) {
    const auto again = decode_details(encode_details(*d));
    if (!again || *again != *d) std::abort();
  }
  return 0;
}
