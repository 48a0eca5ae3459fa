#include "vault/small_object.hpp"

#include "base/codec.hpp"
#include "base/limits.hpp"
#include "vault/checksum.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kObjectMagic = "FKO1";
constexpr std::uint32_t kObjectVersion = 1;
enum class Kind : std::uint32_t { commit = 1, partner = 2, slot = 3, aside = 4, report = 6, pushed = 7 };

Buffer wrap(Kind kind, ByteView payload) {
  Buffer out;
  out.reserve(payload.size() + 32);
  Writer w{out};
  w.raw(as_bytes(kObjectMagic));
  w.number(static_cast<std::uint32_t>(kind));
  w.number(kObjectVersion);
  w.number(static_cast<std::uint32_t>(payload.size()));
  w.raw(payload);
  checksum_of(out).write(w);
  return out;
}

result<ByteView> unwrap(Kind kind, ByteView bytes) {
  if (bytes.size() < Checksum::kSize) return Errc::damaged;
  Reader end{bytes.last(Checksum::kSize)};
  bytes = bytes.first(bytes.size() - Checksum::kSize);
  if (checksum_of(bytes) != Checksum::read(end)) return Errc::damaged;
  Reader r{bytes};
  bool const ours = as_text(r.raw(4)) == kObjectMagic && r.number<std::uint32_t>() == static_cast<std::uint32_t>(kind);
  auto version = r.number<std::uint32_t>();
  auto size = r.number<std::uint32_t>();
  if (!r.ok() || !ours || r.left() != size) return Errc::damaged;
  if (version != kObjectVersion) return Errc::unsupported_version;
  return r.raw(size);
}

result<Buffer> unwrapped_copy(Kind kind, ByteView bytes) {
  auto payload = unwrap(kind, bytes);
  if (!payload) return payload.error();
  return to_buffer(*payload);
}

}  // namespace

Buffer encode(const CommitObject& commit) {
  Buffer payload;
  Writer w{payload};
  w.number(commit.sequence);
  w.number(std::uint64_t{0});
  w.raw(commit.digest.view());
  w.raw(commit.previous.view());
  w.raw(commit.root.view());
  w.raw(commit.session.view());
  w.number(static_cast<std::uint32_t>(commit.manifest.size()));
  w.raw(commit.manifest);
  w.raw(commit.receipt);
  return wrap(Kind::commit, payload);
}

result<CommitObject> parse_commit_object(ByteView bytes) {
  auto payload = unwrap(Kind::commit, bytes);
  if (!payload) return payload.error();
  Reader r{*payload};
  CommitObject c;
  c.sequence = r.number<std::uint64_t>();
  r.number<std::uint64_t>();
  auto digest = Digest::from(r.raw(Digest::kSize));
  auto previous = Digest::from(r.raw(Digest::kSize));
  auto root = ObjectId::from(r.raw(ObjectId::kSize));
  auto session = SessionId::from(r.raw(SessionId::kSize));
  auto size = r.number<std::uint32_t>();
  c.manifest = to_buffer(r.raw(size));
  if (!r.ok()) return Errc::damaged;
  c.receipt = to_buffer(r.raw(r.left()));
  c.digest = *digest;
  c.previous = *previous;
  c.root = *root;
  c.session = *session;
  return c;
}

Buffer encode(const PartnerObject& partner) { return wrap(partner.protects ? Kind::partner : Kind::pushed, partner.receipt); }

result<PartnerObject> parse_partner_object(ByteView bytes) {
  PartnerObject out;
  auto receipt = unwrapped_copy(Kind::partner, bytes);
  out.protects = receipt.has_value();
  if (!receipt) receipt = unwrapped_copy(Kind::pushed, bytes);
  if (!receipt) return receipt.error();
  out.receipt = std::move(*receipt);
  return out;
}

Buffer encode_report(const std::vector<ReportedObject>& objects) {
  Buffer payload;
  Writer w{payload};
  w.number(static_cast<std::uint32_t>(objects.size()));
  for (const ReportedObject& o : objects) {
    w.raw(o.id.view());
    w.number(o.copies);
  }
  return wrap(Kind::report, payload);
}

result<std::vector<ReportedObject>> parse_report(ByteView bytes) {
  auto payload = unwrap(Kind::report, bytes);
  if (!payload) return payload.error();
  Reader r{*payload};
  auto const count = r.number<std::uint32_t>();
  if (!r.ok() || r.left() != std::uint64_t{count} * (ObjectId::kSize + 2)) return Errc::damaged;
  std::vector<ReportedObject> objects(count);
  for (ReportedObject& o : objects) {
    o.id = *ObjectId::from(r.raw(ObjectId::kSize));
    o.copies = r.number<std::uint16_t>();
  }
  return objects;
}

Buffer encode(const AsideObject& aside) {
  Buffer payload;
  Writer w{payload};
  w.number(static_cast<std::uint64_t>(aside.time_ns));
  for (ByteView part : {as_bytes(aside.reason), ByteView{aside.commit}, ByteView{aside.partner_receipt}}) {
    w.number(static_cast<std::uint32_t>(part.size()));
    w.raw(part);
  }
  return wrap(Kind::aside, payload);
}

result<AsideObject> parse_aside_object(ByteView bytes) {
  auto payload = unwrap(Kind::aside, bytes);
  if (!payload) return payload.error();
  Reader r{*payload};
  AsideObject a;
  a.time_ns = static_cast<std::int64_t>(r.number<std::uint64_t>());
  a.reason = to_string(r.raw(r.number<std::uint32_t>()));
  a.commit = to_buffer(r.raw(r.number<std::uint32_t>()));
  a.partner_receipt = to_buffer(r.raw(r.number<std::uint32_t>()));
  if (!r.done()) return Errc::damaged;
  return a;
}

Buffer encode_slot(ByteView slot) { return wrap(Kind::slot, slot); }
result<Buffer> parse_slot(ByteView bytes) { return unwrapped_copy(Kind::slot, bytes); }

}  // namespace farkeep
