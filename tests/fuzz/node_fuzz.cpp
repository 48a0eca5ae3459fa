#include <cstdlib>

#include "archive/node_codec.hpp"

// The first byte says how many references come with the message.  What is read can be written, and is then read alike.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace farkeep;
  if (size == 0) return 0;
  std::vector<ObjectId> refs(data[0]);
  for (std::size_t i = 0; i < refs.size(); ++i) refs[i].bytes[0] = static_cast<std::uint8_t>(i);
  auto node = decode_node({data + 1, size - 1}, refs);
  if (!node) return 0;

  EncodedNode again;
  if (node->level >= kListLevel) {
    again = encode_list(node->level, node->list);
  } else if (node->level > kLeafLevel) {
    again = encode_inner(node->level, node->children);
  } else {
    LeafEncoder leaf;
    for (const Entry& e : node->entries) {
      if (!check_entry(e)) std::abort();
      leaf.add(e);
    }
    again = leaf.finish();
  }
  auto same = decode_node(again.message, again.refs);
  if (!same || same->entries != node->entries || same->children != node->children || same->list != node->list)
    std::abort();
  return 0;
}
