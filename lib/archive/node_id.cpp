#include "archive/node_id.hpp"

#include "base/codec.hpp"

namespace farkeep {

ObjectId node_id(const KeyRing& keys, ByteView message, std::span<const ObjectId> refs) {
  thread_local Buffer all;
  all.clear();
  all.reserve(4 + message.size() + refs.size() * ObjectId::kSize);
  Writer{all}.number(static_cast<std::uint32_t>(message.size()));
  append(all, message);
  for (const ObjectId& ref : refs) append(all, ref.view());
  return keys.object_id(ObjectType::node, all);
}

}  // namespace farkeep
