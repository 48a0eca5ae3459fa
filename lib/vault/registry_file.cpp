#include "vault/registry_file.hpp"

#include <array>

#include "base/codec.hpp"
#include "vault/checksum.hpp"

namespace farkeep {
namespace {

// The tags and lengths of Protocol Buffers, so that the usual tools show such a file.  No message of the registry has fields 31 to 33.
constexpr std::array<std::uint8_t, 7> kHead{0xfa, 0x01, 4, 'F', 'K', 'G', '1'};  // field 31, 4 bytes
constexpr std::array<std::uint8_t, 2> kPayload{0x82, 0x02};                      // field 32, size as a varint
constexpr std::array<std::uint8_t, 3> kSum{0x8a, 0x02, Checksum::kSize};         // field 33, 16 bytes

bool is_at(ByteView file, std::size_t at, ByteView what) { return file.size() >= at + what.size() && as_text(file.subspan(at, what.size())) == as_text(what); }

}  // namespace

Buffer registry_file(ByteView payload) {
  Buffer out;
  out.reserve(payload.size() + 48);
  Writer w{out};
  w.raw(kHead);
  w.raw(kPayload);
  auto size = payload.size();
  for (; size > 127; size >>= 7) w.number(static_cast<std::uint8_t>((size & 127) | 128));
  w.number(static_cast<std::uint8_t>(size));
  w.raw(payload);
  w.raw(kSum);
  checksum_of(out).write(w);
  return out;
}

result<RegistryPayload> registry_payload(ByteView file) {
  RegistryPayload out;
  auto const tail = kSum.size() + Checksum::kSize;
  bool const begins = is_at(file, 0, kHead), ends = file.size() >= tail && is_at(file, file.size() - tail, kSum);
  // Either of the two marks makes it one of these: one that rotted is not taken for a file of the first version.
  if (!begins && !ends) {
    out.bytes = file;
    out.sealed = false;
    return out;
  }
  if (!begins || !ends) return Errc::damaged;
  Reader sum{file.last(Checksum::kSize)};
  if (checksum_of(file.first(file.size() - Checksum::kSize)) != Checksum::read(sum)) return Errc::damaged;
  Reader r{file.first(file.size() - tail).subspan(kHead.size())};
  bool const tagged = as_text(r.raw(kPayload.size())) == as_text(kPayload);
  std::uint64_t size = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    auto const byte = r.number<std::uint8_t>();
    size |= static_cast<std::uint64_t>(byte & 127) << shift;
    if (byte < 128) break;
  }
  if (!r.ok() || !tagged || r.left() != size) return Errc::damaged;
  out.bytes = r.raw(static_cast<std::size_t>(size));
  return out;
}

std::string what_helps(std::string_view name) {
  for (auto const* kind : {"accounts/", "agents/", "told/", "alarms/"})
    if (name.starts_with(kind)) return "it is passed over until a partner that has it heals it, or you take it from a backup of the data folder";
  if (name.starts_with("tokens/")) return "its token is refused; create a new one, and remove this file: no partner has it";
  if (name == "partner") return "partner.copy beside it counts meanwhile; copy that one over it: no partner has it";
  if (name.starts_with("root-word")) return "the other copy counts meanwhile; where both are, the partner's is taken when this server reaches it";
  if (name == "partner.copy") return "it is of use only where `partner` beside it is damaged, too; copy that one over it";
  return "it is a note of this server, and is written anew";
}

}  // namespace farkeep
