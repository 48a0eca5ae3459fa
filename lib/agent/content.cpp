#include "agent/content.hpp"

#include <algorithm>
#include <utility>

#include "archive/content_stream.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kNodesAhead = 8;

}  // namespace

ContentWriter::ContentWriter(TargetFile& file, const Entry& entry) : file_(file), entry_(entry), left_(entry.content_size()) {}

void ContentWriter::write(ByteView bytes) {
  if (bytes.size() > left_) throw failure(Errc::damaged, "restoring /" + entry_.path + ": there is more content than its entry says");
  left_ -= bytes.size();
  if (!entry_.sparse) {
    if (!bytes.empty()) file_.write_at(at_, bytes);
    at_ += bytes.size();
    return;
  }
  while (!bytes.empty()) {
    const DataRange& r = entry_.data[range_];
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(r.length - at_, bytes.size()));
    if (n > 0) file_.write_at(r.offset + at_, bytes.first(n));
    bytes = bytes.subspan(n);
    at_ += n;
    if (at_ == r.length) {
      ++range_;
      at_ = 0;
    }
  }
}

void ContentWriter::finish() {
  if (left_ != 0) throw failure(Errc::damaged, "restoring /" + entry_.path + ": content is missing");
  if (entry_.sparse) file_.set_size(entry_.size);
}

task<void> ContentReader::push(std::vector<ObjectId> chunks, std::uint64_t bytes, Queue<ContentPiece>& to) {
  ContentPiece piece;
  piece.objects = co_await fetcher_.objects(chunks);
  piece.chunks = std::move(chunks);
  piece.bytes = bytes;
  co_await to.push(std::move(piece));
}

task<void> ContentReader::read_all(Queue<ContentPiece>& to) {
  std::vector<ObjectId> run;
  std::uint64_t bytes = 0;
  ContentStream stream(entry_);
  while (!stream.at_end()) {
    while (auto chunk = stream.next()) {
      run.push_back(chunk->id);
      bytes += chunk->size;
      if (bytes < piece_) continue;
      std::vector<ObjectId> full = std::move(run);
      run.clear();
      co_await push(std::move(full), std::exchange(bytes, 0), to);
    }
    if (stream.at_end()) break;
    std::vector<NodePlainOwned> nodes = co_await fetcher_.load(stream.wanted(kNodesAhead));
    for (auto& n : nodes) value_or_throw(stream.give(n.id, n.message, n.refs), "reading the chunk list of /" + entry_.path);
  }
  if (!run.empty()) co_await push(std::move(run), bytes, to);
  to.close();
}

}  // namespace farkeep
