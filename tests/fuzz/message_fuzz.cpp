#include <cstdlib>

#include "crypto/authority.hpp"
#include "wire/message.hpp"
#include "wire/quiet_parser.hpp"
#include "wire/refusal.hpp"
#include "wire/root_word.hpp"

namespace {
template <class Message>
void one(std::string_view bytes) {
  auto const message = farkeep::wire::parse_message<Message>(bytes);
  if (!message) return;
  if (!farkeep::wire::parse_message<Message>(farkeep::wire::to_head(*message))) std::abort();
}

// What a root's word says of roots is read before it is known whose word it is.  Nobody signed this one.
void root_word(std::string_view bytes) {
  using namespace farkeep;
  static SystemRandom random;
  static auto const root = Authority::make_root(SigningKey::generate(random), from_unix_seconds(1'790'000'000), random).certificate();
  wire::pb::SignedRootWord word;
  word.set_word(std::string{bytes});
  word.set_signature(std::string(64, 'x'));
  if (wire::verify_root_word(word, root)) std::abort();
  if (!wire::newer_root_word("", word, root).empty()) std::abort();
}
}  // namespace

// The first byte chooses the parser.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  farkeep::wire::quiet_parser();
  using namespace farkeep;
  using namespace farkeep::wire;
  if (size == 0) return 0;
  auto const bytes = as_text({data + 1, size - 1});
  switch (data[0] % 11) {
    case 0: one<pb::Hello>(bytes); break;
    case 1: one<pb::Register>(bytes); break;
    case 2: one<pb::Registered>(bytes); break;
    case 3: one<pb::Committed>(bytes); break;
    case 4: one<pb::SnapshotPage>(bytes); break;
    case 5: one<pb::Directory>(bytes); break;
    case 6: one<pb::SyncRegistry>(bytes); break;
    case 7: one<pb::VaultList>(bytes); break;
    case 8:
      if (auto const failure = parse_message<pb::Failure>(bytes)) {
        auto const refusal = to_refusal(*failure, "x");
        for (auto c : std::string_view{refusal.what()})
          if (static_cast<unsigned char>(c) < 0x20) std::abort();
      }
      break;
    case 9:
      if (auto const ids = parse_ids(bytes); ids && to_field(*ids) != bytes) std::abort();
      if (auto const bits = parse_bitmap(bytes, data[0]); bits && to_bitmap(*bits) != bytes) std::abort();
      break;
    case 10: root_word(bytes); break;
  }
  return 0;
}
