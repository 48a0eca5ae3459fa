#include <cstdlib>

#include "archive/envelope_record.hpp"
#include "archive/record_codec.hpp"

// Records as a server reads them, and their insides as an agent does once they are unsealed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace farkeep;
  const ByteView in{data, size};
  if (auto records = split_records(in)) {
    std::size_t bytes = 0;
    for (const RecordView& r : *records) {
      bytes += r.size();
      std::size_t refs = 0;
      r.for_each_object([&](const ObjectId&, std::span<const ObjectId> of) { refs += of.size(); });
      if (refs != r.refs().size()) std::abort();
      const auto header = parse_record_header(r.bytes());
      if (!header || header->ids.size() != r.ids().size() || header->header_size + header->sealed_size != r.size())
        std::abort();
      (void)envelope_of(r);
    }
    if (bytes != size) std::abort();
  }
  static const SecretKey root = *SecretKey::from(Buffer(32, 0x55));
  static const KeyRing keys{root};
  static const RecordOpener opener{root, keys, AccountId{}, AgentId{}};
  if (opener.open(in)) std::abort();  // nobody guesses a tag

  Buffer plain(size > 0 ? data[0] * 16u : 0);
  (void)decompress(in, plain);
  return 0;
}
