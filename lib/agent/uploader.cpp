#include "agent/uploader.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kNodePack = 512 * limits::kKiB;    // a look-up opens a whole record: half a chunk record's size

}  // namespace

bool KnownObjects::add(const ObjectId& id) { return ids_.size() < most_ ? ids_.insert(id).second : !ids_.contains(id); }

Uploader::Uploader(VaultPort& vault, const RecordSealer& sealer, Workers& workers, Scope& scope, KnownObjects& known, Progress& progress,
                   bool ask_server, std::size_t in_flight)
    : vault_(vault), sealer_(sealer), workers_(workers), scope_(scope), known_(known), progress_(progress), ask_server_(ask_server), budget_(in_flight) {}

Uploader::~Uploader() = default;

// Which of the ids are new to us and to the server.  Each new id is claimed at once, so that nobody else sends it meanwhile.
task<std::vector<bool>> Uploader::wanted(std::vector<ObjectId> ids) {
  std::vector<bool> want(ids.size());
  std::vector<ObjectId> questions;
  std::vector<std::size_t> where;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!known_.add(ids[i])) continue;
    want[i] = true;
    if (ask_server_) {
      questions.push_back(ids[i]);
      where.push_back(i);
    }
  }
  for (std::size_t at = 0; at < questions.size(); at += limits::kIdsPerQuestion) {
    const std::size_t n = std::min(questions.size() - at, limits::kIdsPerQuestion);
    std::vector<ObjectId> some(questions.begin() + static_cast<std::ptrdiff_t>(at), questions.begin() + static_cast<std::ptrdiff_t>(at + n));
    const std::vector<bool> has = co_await vault_.have(std::move(some));
    for (std::size_t i = 0; i < n; ++i)
      if (has[i]) want[where[at + i]] = false;
  }
  co_return want;
}

task<void> Uploader::offer(CutData data, Lane& lane) {
  if (data.chunks.empty()) co_return;
  std::vector<ObjectId> ids;
  ids.reserve(data.chunks.size());
  for (auto& c : data.chunks) ids.push_back(c.id);
  const std::vector<bool> want = co_await wanted(std::move(ids));
  for (std::size_t i = 0; i < data.chunks.size(); ++i) {
    if (!want[i]) continue;
    ++progress_.new_chunks;
    co_await add(data.bytes, data.chunks[i], lane);
  }
}

task<void> Uploader::add(ByteView bytes, const CutChunk& c, Lane& lane) {
  while (!lane.open_.chunks.empty() &&
         (lane.open_.bytes.size() + c.size > limits::kSolidTarget || lane.open_.chunks.size() == limits::kMaxChunksPerRecord)) {  // others add while this waits
    ChunkPack full = std::exchange(lane.open_, ChunkPack{});
    co_await ship(std::move(full));
  }
  ChunkPack& open = lane.open_;
  if (open.bytes.capacity() == 0) open.bytes.reserve(limits::kSolidTarget);
  open.chunks.push_back(CutChunk{c.id, static_cast<std::uint32_t>(open.bytes.size()), c.size});
  append(open.bytes, bytes.subspan(c.offset, c.size));
}

task<void> Uploader::close(Lane& lane) {
  const ChunkPack left = std::exchange(lane.open_, ChunkPack{});
  for (auto& c : left.chunks) co_await add(left.bytes, c, common_);
}

task<void> Uploader::offer(std::vector<NodePlainOwned> nodes) {
  std::vector<ObjectId> ids;
  ids.reserve(nodes.size());
  for (auto& n : nodes) ids.push_back(n.id);
  const std::vector<bool> want = co_await wanted(std::move(ids));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!want[i]) continue;
    NodePlainOwned& n = nodes[i];
    while (!open_nodes_.nodes.empty() &&
           (open_nodes_.bytes + n.message.size() > kNodePack || open_nodes_.refs + n.refs.size() > limits::kMaxRefsPerRecord ||
            open_nodes_.nodes.size() == limits::kMaxChunksPerRecord)) {  // others add while this waits
      NodePack full = std::exchange(open_nodes_, NodePack{});
      co_await ship(std::move(full));
    }
    open_nodes_.bytes += n.message.size();
    open_nodes_.refs += n.refs.size();
    open_nodes_.nodes.push_back(std::move(n));
  }
}

task<void> Uploader::ship(ChunkPack pack) {
  Budget::Lease lease = co_await budget_.take(pack.bytes.size());
  ++sealing_;
  scope_.spawn(send_chunks(std::move(pack), std::move(lease)), "sending content");
}

task<void> Uploader::ship(NodePack pack) {
  Budget::Lease lease = co_await budget_.take(pack.bytes + pack.refs * ObjectId::kSize);
  ++sealing_;
  scope_.spawn(send_nodes(std::move(pack), std::move(lease)), "sending catalog nodes");
}

namespace {

Buffer seal_chunk_pack(const RecordSealer* sealer, Buffer bytes, std::vector<CutChunk> chunks) {
  std::vector<ChunkPlain> plain;
  plain.reserve(chunks.size());
  for (auto& c : chunks) plain.push_back(ChunkPlain{c.id, ByteView{bytes}.subspan(c.offset, c.size)});
  return sealer->seal_chunks(plain);
}

Buffer seal_node_pack(const RecordSealer* sealer, std::vector<NodePlainOwned> nodes) {
  std::vector<NodePlain> plain;
  plain.reserve(nodes.size());
  for (auto& n : nodes) plain.push_back(NodePlain{n.id, n.message, n.refs});
  return sealer->seal_nodes(plain);
}

}  // namespace

task<void> Uploader::send_chunks(ChunkPack pack, Budget::Lease lease) {
  Buffer record = co_await workers_.offload(&seal_chunk_pack, &sealer_, std::move(pack.bytes), std::move(pack.chunks));
  co_await send(std::move(record), std::move(lease));
}

task<void> Uploader::send_nodes(NodePack pack, Budget::Lease lease) {
  Buffer record = co_await workers_.offload(&seal_node_pack, &sealer_, std::move(pack.nodes));
  co_await send(std::move(record), std::move(lease));
}

task<void> Uploader::send(Buffer record, Budget::Lease lease) {
  const std::size_t size = record.size();
  progress_.bytes_sent += size;
  if (lease.size() > size) lease.shrink_to(size);  // what counts from here on is what waits for its acknowledgement
  std::function<void()> on_its_way = [this] {
    --sealing_;
    sealed_.wake_all();
  };
  // A server that gathers whole segments would keep a small budget waiting for them: it is asked for each half of one.
  unhurried_ += size;
  const bool hurried = budget_.capacity() < 2 * limits::kSegmentTarget && unhurried_ >= budget_.capacity() / 2;
  if (hurried) unhurried_ = 0;
  const VaultPort::Haste haste = hurried ? VaultPort::Haste::soon : VaultPort::Haste::none;
  co_await vault_.put(std::move(record), std::move(on_its_way), haste);
  progress_.bytes_durable += size;
  lease.release();
}

void Uploader::send_ahead(Buffer record) {
  ++sealing_;
  scope_.spawn(send(std::move(record), Budget::Lease{}), "sending the session's envelope");
}

task<void> Uploader::all_sent() {
  ChunkPack chunks = std::exchange(common_.open_, ChunkPack{});
  if (!chunks.chunks.empty()) co_await ship(std::move(chunks));
  NodePack nodes = std::exchange(open_nodes_, NodePack{});
  if (!nodes.nodes.empty()) co_await ship(std::move(nodes));
  while (sealing_ > 0) co_await sealed_.wait();
}

}  // namespace farkeep
