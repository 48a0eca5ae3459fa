#include "agent/journal.hpp"

#include "archive/catalog_builder.hpp"  // kNodeWeight
#include "base/check.hpp"
#include "base/codec.hpp"
#include "base/limits.hpp"
#include "crypto/digest.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kJournalHead = 16;
constexpr std::size_t kSum = 8;
}  // namespace

JournalWriter::JournalWriter(Disk& disk, const std::string& path) {
  if (disk.exists(path)) disk.remove(path);
  file_ = disk.open(path, Open::create_new);
}

void JournalWriter::add(std::span<const Entry> entries) {
  LeafEncoder encoder;
  std::size_t owners = 0;  // their names, which a leaf's weight leaves out
  for (auto& e : entries) {
    encoder.add(e);
    owners += e.user.size() + e.group.size();
    if (encoder.weight() + owners < kNodeWeight) continue;
    write(encoder);
    owners = 0;
  }
  if (encoder.entries() > 0) write(encoder);
}

void JournalWriter::write(LeafEncoder& encoder) {
  FARKEEP_CHECK(encoder.entries() <= kMaxNodeElements);
  const EncodedNode leaf = encoder.finish();
  FARKEEP_CHECK(leaf.message.size() <= limits::kMaxRecordPlain && leaf.refs.size() <= limits::kMaxRefsPerRecord);
  Buffer body = leaf.message;
  for (auto& r : leaf.refs) append(body, r.view());
  Buffer frame;
  frame.reserve(kJournalHead + body.size());
  Writer w{frame};
  w.number(static_cast<std::uint32_t>(leaf.message.size()));
  w.number(static_cast<std::uint32_t>(leaf.refs.size()));
  w.raw(sha256(body).view().first(kSum));
  w.raw(body);
  file_->append(frame);
}

std::unique_ptr<JournalReader> JournalReader::open(Disk& disk, const std::string& path) {
  if (!disk.exists(path)) return nullptr;
  auto reader = std::make_unique<JournalReader>();
  reader->file_ = disk.open(path, Open::read);
  return reader;
}

std::vector<Entry> JournalReader::next() {
  Buffer head(kJournalHead);
  if (file_->read_at(at_, head) != head.size()) return {};
  Reader h{head};
  const auto size = h.number<std::uint32_t>();
  const auto refs = h.number<std::uint32_t>();
  const Buffer sum = to_buffer(h.raw(kSum));
  if (size > limits::kMaxRecord || refs > limits::kMaxRefsPerRecord) return {};
  Buffer body(size + refs * ObjectId::kSize);
  if (file_->read_at(at_ + kJournalHead, body) != body.size()) return {};
  if (!equal(sha256(body).view().first(kSum), sum)) return {};
  at_ += kJournalHead + body.size();
  std::vector<ObjectId> ids;
  ids.reserve(refs);
  for (std::size_t i = 0; i < refs; ++i) ids.push_back(*ObjectId::from(ByteView{body}.subspan(size + i * ObjectId::kSize, ObjectId::kSize)));
  auto leaf = decode_node(ByteView{body}.first(size), ids);
  return leaf ? std::move(leaf->entries) : std::vector<Entry>{};
}

}  // namespace farkeep
