#include "base/check.hpp"
#include "crypto/recovery_key.hpp"

using namespace farkeep;

// What is read as a recovery key prints as one that reads the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto key = parse_recovery_key(as_text({data, size}));
  if (!key) return 0;
  auto again = parse_recovery_key(print_recovery_key(key->root, key->account, key->agent));
  FARKEEP_CHECK(again && equal(again->root.view(), key->root.view()));
  FARKEEP_CHECK(again->account == key->account && again->agent == key->agent);
  return 0;
}
