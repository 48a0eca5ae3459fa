#include "agent/catalog_cache.hpp"

#include "base/codec.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "crypto/digest.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kWritePiece = 256 * limits::kKiB;
constexpr std::size_t kFooterRow = ObjectId::kSize + 8;
constexpr std::size_t kTrailer = ObjectId::kSize + 8 + 4 + Digest::kSize;
constexpr std::size_t kFrameHead = ObjectId::kSize + 8;
constexpr std::size_t kMaxNodes = 4'000'000;  // 160 MiB of footer: a catalog of half a billion entries

}  // namespace

CatalogCacheWriter::CatalogCacheWriter(Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {
  if (disk_.exists(path_ + ".new")) disk_.remove(path_ + ".new");
  file_ = disk_.open(path_ + ".new", Open::create_new);
}

CatalogCacheWriter::~CatalogCacheWriter() {
  if (!file_) return;
  file_.reset();
  try {
    disk_.remove(path_ + ".new");
  } catch (const failure&) {  // a left-over is removed by the next writer
  }
}

void CatalogCacheWriter::add(const NodePlainOwned& node) {
  index_.emplace_back(node.id, written_ + pending_.size());
  Writer w{pending_};
  w.raw(node.id.view());
  w.number(static_cast<std::uint32_t>(node.message.size()));
  w.number(static_cast<std::uint32_t>(node.refs.size()));
  w.raw(node.message);
  for (auto& r : node.refs) w.raw(r.view());
  if (pending_.size() >= kWritePiece) flush();
}

void CatalogCacheWriter::flush() {
  file_->append(pending_);
  written_ += pending_.size();
  pending_.clear();
}

void CatalogCacheWriter::finish(const ObjectId& root) {
  const std::uint64_t footer_at = written_ + pending_.size();
  Buffer footer;
  Writer w{footer};
  for (auto& [id, offset] : index_) {
    w.raw(id.view());
    w.number(offset);
  }
  w.raw(root.view());
  w.number(footer_at);
  w.number(static_cast<std::uint32_t>(index_.size()));
  const Digest sum = sha256(footer);
  append(pending_, footer);
  append(pending_, sum.view());
  flush();
  file_.reset();
  disk_.rename(path_ + ".new", path_);
}

std::unique_ptr<CatalogCache> CatalogCache::open(Disk& disk, const std::string& path, const ObjectId& root) {
  if (!disk.exists(path)) return nullptr;
  auto cache = std::make_unique<CatalogCache>();
  cache->file_ = disk.open(path, Open::read);
  const std::uint64_t size = cache->file_->size();
  if (size < kTrailer) return nullptr;
  Buffer trailer(kTrailer);
  if (cache->file_->read_at(size - kTrailer, trailer) != kTrailer) return nullptr;
  Reader t{trailer};
  const auto stored_root = ObjectId::from(t.raw(ObjectId::kSize));
  const auto footer_at = t.number<std::uint64_t>();
  const auto count = t.number<std::uint32_t>();
  if (stored_root != root || count > kMaxNodes || footer_at > size || size - footer_at != count * kFooterRow + kTrailer) return nullptr;
  Buffer footer(static_cast<std::size_t>(size - footer_at));
  if (cache->file_->read_at(footer_at, footer) != footer.size()) return nullptr;
  const ByteView all{footer};
  if (!equal(sha256(all.first(all.size() - Digest::kSize)).view(), all.last(Digest::kSize))) return nullptr;
  Reader r{all};
  cache->index_.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto id = ObjectId::from(r.raw(ObjectId::kSize));
    cache->index_.emplace(*id, r.number<std::uint64_t>());
  }
  return cache;
}

std::optional<NodePlainOwned> CatalogCache::read(const ObjectId& id) {
  const auto it = index_.find(id);
  if (it == index_.end()) return std::nullopt;
  Buffer head(kFrameHead);
  if (file_->read_at(it->second, head) != head.size()) return std::nullopt;
  Reader h{head};
  const auto stored = ObjectId::from(h.raw(ObjectId::kSize));
  const auto size = h.number<std::uint32_t>();
  const auto refs = h.number<std::uint32_t>();
  if (stored != id || size > limits::kMaxRecordPlain || refs > limits::kMaxRefsPerRecord) return std::nullopt;
  Buffer body(size + refs * ObjectId::kSize);
  if (file_->read_at(it->second + kFrameHead, body) != body.size()) return std::nullopt;
  NodePlainOwned node;
  node.id = id;
  Reader r{body};
  node.message = to_buffer(r.raw(size));
  node.refs.reserve(refs);
  for (std::uint32_t i = 0; i < refs; ++i) node.refs.push_back(*ObjectId::from(r.raw(ObjectId::kSize)));
  return node;
}

}  // namespace farkeep
