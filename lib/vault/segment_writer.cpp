#include "vault/segment_writer.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

constexpr std::uint32_t kMaxObjects = 32768;                     // in a segment: bounds what is pending
constexpr std::size_t kRoom = std::size_t{8} << 20;              // queued for the disk, before room() waits
constexpr std::uint64_t kLeastInHurry = std::uint64_t{2} << 20;  // a sync is paid for each: an agent must not buy them by the record
constexpr std::uint64_t kMaxSegment = std::uint64_t{200} << 20;  // whatever the target: below kMaxObject
constexpr std::uint64_t kNodeTarget = std::uint64_t{4} << 20;    // they wait in memory: what a session may hold bounds it, too; nodes of 4 GiB of files

}  // namespace

class SegmentWriter::Open {
 public:
  std::uint32_t number = 0;  // nodes: 0 as long as they are gathered
  SegmentContent content = SegmentContent::data;
  std::uint64_t size = kSegmentHeader;
  SegmentFooter footer;
  std::vector<IndexEntry> entries;
  std::unique_ptr<Upload> upload;
  bool in_use = false;  // a call on `upload` is running
  bool done = false;
  std::exception_ptr error;
  Waiters waiting;

  void end(std::exception_ptr e) {
    error = std::move(e);
    done = true;
    if (!in_use) upload.reset();
    waiting.wake_all();
  }
};

SegmentWriter::SegmentWriter(Store& store, Timers& timers, ChunkIndex& index, SegmentHeader header, Limits limits)
    : store_(store), timers_(timers), index_(index), header_(header), layout_(header.account, header.agent), limits_(limits) {}
SegmentWriter::~SegmentWriter() = default;

void SegmentWriter::start(Scope& scope) {
  scope_ = &scope;
  scope.spawn(answer_when_it_ends(write_loop()), "segment writer");
  scope.spawn(answer_when_it_ends(finish_loop()), "segment finisher");
}

// ---- taking records

SegmentWriter::Ticket SegmentWriter::begin() {
  auto segment = std::make_shared<Open>();
  scope_->spawn(end_when_old(segment), "segment age");
  pending_bytes_ += kSegmentHeader;
  return segment;
}

std::vector<SegmentWriter::Ticket> SegmentWriter::add(FramedRecords records, Room room) {
  if (ended_) std::rethrow_exception(ended_);
  try {
    return take(std::move(records), std::move(room));
  } catch (...) {
    fail_filled(std::current_exception());  // out of memory, half of it taken: others wait for these segments, too
    throw;
  }
}

// No waiting in here: places are given out in the order of the calls, and written in the order of the places.
std::vector<SegmentWriter::Ticket> SegmentWriter::take(FramedRecords records, Room room) {
  bool has_nodes = false, has_data = false;
  for (const FramedRecords::Item& item : records.items)
    if (item.kept) (item.record.type() == ObjectType::node ? has_nodes : has_data) = true;
  if (has_data && !data_) {
    data_ = begin();
    data_->number = next_number_++;
    open_.push_back(data_);
  }
  if (has_nodes && !nodes_) {
    nodes_ = begin();
    nodes_->content = SegmentContent::nodes;
  }
  Buffer apart;         // nodes that came among data
  std::size_t end = 0;  // of what else is kept, moved to the front
  for (FramedRecords::Item& item : records.items) {
    if (!item.kept) continue;
    bool const is_node = item.record.type() == ObjectType::node;
    Open& segment = is_node ? *nodes_ : *data_;
    auto const offset = static_cast<std::uint32_t>(segment.size);
    segment.footer.add(offset, item.record, item.counts, item.from_partner);
    std::uint16_t ordinal = 0;
    for (const ObjectId& id : item.record.ids()) {
      bool const counts = ordinal < item.counts.size() && item.counts[ordinal];
      Place place{segment.number, offset, static_cast<std::uint32_t>(item.record.size()), ordinal++, item.record.type(), counts, item.from_partner};
      segment.entries.push_back(IndexEntry{id, place});
      pending_.try_emplace(id, &segment);
    }
    std::size_t const size = kFrameHeader + item.record.size();
    segment.size += size;
    pending_bytes_ += size;
    if (is_node && has_data) {
      append(apart, ByteView{records.bytes}.subspan(item.frame, size));
      continue;
    }
    // With a head of its own there is one record, which stays where it is.
    if (end != item.frame) std::memmove(records.bytes.data() + end, records.bytes.data() + item.frame, size);
    end += size;
  }
  records.bytes.resize(end - records.head.size());
  auto const shared = std::make_shared<Room>(std::move(room));
  std::vector<Ticket> tickets;
  if (has_data) {
    tickets.push_back(data_);
    piece_bytes_ += end;
    pieces_.push_back(Piece{data_, std::move(records.head), std::move(records.bytes), shared, false});
    pieces_wait_.wake_one();
  } else {
    apart = std::move(records.bytes);
  }
  if (has_nodes) {
    tickets.push_back(nodes_);
    nodes_gathered_.push_back(Piece{nodes_, has_data ? Buffer{} : std::move(records.head), std::move(apart), shared, false});
  }
  auto const full = [](const Ticket& t, std::uint64_t target) { return t && (t->size >= target || t->footer.objects() >= kMaxObjects); };
  std::uint64_t const target = std::min<std::uint64_t>(limits_.target, kMaxSegment);
  if (full(nodes_, std::min(target, kNodeTarget))) {
    end_all();
  } else if (full(data_, target)) {
    end_data();
  }
  return tickets;
}

void SegmentWriter::end_data() {
  if (!data_) return;
  pieces_.push_back(Piece{data_, Buffer{}, Buffer{}, nullptr, true});
  data_.reset();
  pieces_wait_.wake_one();
}

// The nodes' envelopes, and whatever they are later than, are in segments of lower numbers.
void SegmentWriter::end_all() {
  end_data();
  if (!nodes_) return;
  nodes_->number = next_number_++;
  for (IndexEntry& e : nodes_->entries) e.place.segment = nodes_->number;
  open_.push_back(nodes_);
  for (Piece& piece : std::exchange(nodes_gathered_, {})) {
    piece_bytes_ += piece.head.size() + piece.bytes.size();
    pieces_.push_back(std::move(piece));
  }
  pieces_.push_back(Piece{nodes_, Buffer{}, Buffer{}, nullptr, true});
  nodes_.reset();
  pieces_wait_.wake_one();
}

void SegmentWriter::hurry() {
  std::uint64_t const size = (data_ ? data_->size : 0) + (nodes_ ? nodes_->size : 0);
  if (size >= kLeastInHurry) end_all();
}

task<void> SegmentWriter::end_when_old(std::weak_ptr<Open> segment) {
  co_await timers_.sleep(limits_.age);
  auto const old = segment.lock();
  if (!old || (old != data_ && old != nodes_)) co_return;
  try {
    end_all();
  } catch (...) {
    fail_filled(std::current_exception());
  }
}

SegmentWriter::Ticket SegmentWriter::pending(const ObjectId& id) const {
  auto at = pending_.find(id);
  if (at == pending_.end()) return nullptr;
  for (const Ticket& t : open_)
    if (t.get() == at->second) return t;
  if (nodes_.get() == at->second) return nodes_;
  FARKEEP_CHECK(!"a pending id belongs to an open segment");
}

task<void> SegmentWriter::durable(Ticket ticket) {
  while (!ticket->done) co_await ticket->waiting.wait();
  if (ticket->error) std::rethrow_exception(ticket->error);
}

task<void> SegmentWriter::flush() {
  end_all();
  std::vector<Ticket> all(open_.begin(), open_.end());
  for (const Ticket& t : all) co_await durable(t);
}

task<void> SegmentWriter::room() {
  while (piece_bytes_ > kRoom && !ended_) co_await room_.wait();
}

task<void> SegmentWriter::close() {
  std::exception_ptr error;
  try {
    co_await flush();
  } catch (...) {
    error = std::current_exception();
  }
  closing_ = true;
  pieces_wait_.wake_all();
  full_wait_.wake_all();
  if (error) std::rethrow_exception(error);
}

// ---- writing them

// Without one of the two nobody would get any answer.
task<void> SegmentWriter::answer_when_it_ends(task<void> loop) {
  try {
    co_await std::move(loop);
  } catch (...) {
    ended_ = std::current_exception();
  }
  if (!ended_) co_return;
  if (!open_.empty()) {
    Ticket const first = open_.front();
    fail_from(*first, ended_);
  }
  fail_filled(ended_);
  room_.wake_all();
  std::rethrow_exception(ended_);
}

task<void> SegmentWriter::write_loop() {
  for (;;) {
    while (pieces_.empty() && !closing_) co_await pieces_wait_.wait();
    if (pieces_.empty()) co_return;
    Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    std::size_t const size = piece.head.size() + piece.bytes.size();
    std::exception_ptr error;
    try {
      co_await write(piece);
    } catch (...) {
      error = std::current_exception();
      piece.segment->in_use = false;
    }
    if (error && !piece.segment->done) fail_from(*piece.segment, error);
    if (piece.segment->done) piece.segment->upload.reset();
    piece_bytes_ -= size;
    if (piece_bytes_ <= kRoom) room_.wake_all();
  }
}

// The header goes before the first piece; a full segment goes on to the finisher when that has room.
task<void> SegmentWriter::write(Piece& piece) {
  Open& segment = *piece.segment;
  segment.in_use = true;
  std::vector<Buffer> parts;
  if (!segment.done && !segment.upload) {
    segment.upload = co_await store_.begin(layout_.segment(segment.number));
    header_.number = segment.number;
    header_.content = segment.content;
    parts.push_back(encode(header_));
  }
  for (Buffer* part : {&piece.head, &piece.bytes})
    if (!part->empty()) parts.push_back(std::move(*part));
  if (!segment.done && !parts.empty()) co_await segment.upload->append(std::move(parts));
  segment.in_use = false;
  if (!piece.last || segment.done) co_return;
  while (!full_.empty()) co_await full_room_.wait();
  full_.push_back(piece.segment);
  full_wait_.wake_one();
}

// ---- making them durable

task<void> SegmentWriter::finish_loop() {
  for (;;) {
    while (full_.empty() && !closing_) co_await full_wait_.wait();
    if (full_.empty()) co_return;
    Ticket segment = std::move(full_.front());
    full_.pop_front();
    full_room_.wake_one();
    if (segment->done) continue;
    std::exception_ptr error;
    segment->in_use = true;
    try {
      co_await finish(*segment);
    } catch (...) {
      error = std::current_exception();
    }
    segment->in_use = false;
    if (error) {
      fail_from(*segment, error);
      continue;
    }
    FARKEEP_CHECK(open_.front() == segment);
    open_.pop_front();
    forget(*segment);
    segment->end(nullptr);
    try {
      co_await index_.flush_if_large();
    } catch (const std::exception& e) {  // a cancellation is met again with the next wait
      log_error("writing the index of {}: {}", layout_.top(), e.what());
    }
    if (index_.wants_merge()) index_work_.wake_all();
  }
}

task<void> SegmentWriter::finish(Open& segment) {
  Buffer footer = std::move(segment.footer).finish(segment.size);
  std::uint64_t const whole = segment.size + footer.size();
  co_await segment.upload->append(std::move(footer));
  co_await segment.upload->finish();
  index_.add(SegmentInfo{segment.number, whole}, segment.entries);
}

void SegmentWriter::forget(const Open& segment) {
  pending_bytes_ -= segment.size;
  for (const IndexEntry& e : segment.entries) {
    auto at = pending_.find(e.id);
    if (at != pending_.end() && at->second == &segment) pending_.erase(at);
  }
}

void SegmentWriter::fail_filled(const std::exception_ptr& error) {
  if (auto const first = data_ ? data_ : nodes_) fail_from(*first, error);
}

// Those before it are on their way to being durable and stay.  Takes no memory before all have been told: there may be none.
void SegmentWriter::fail_from(const Open& first, const std::exception_ptr& error) {
  const auto fail = [&](const Ticket& t) {
    if (t->done) return;
    forget(*t);
    t->end(error);
  };
  std::uint32_t const number = first.number;
  auto const is_failed = [&](const Ticket& t) { return t.get() == &first || (number > 0 && t->number >= number); };
  auto const at = std::find_if(open_.begin(), open_.end(), is_failed);
  std::for_each(at, open_.end(), fail);
  open_.erase(at, open_.end());
  for (Ticket* filled : {&data_, &nodes_})
    if (auto const t = std::exchange(*filled, nullptr)) fail(t);
  nodes_gathered_.clear();
  log_error("segment {} of {} cannot be stored; what came with it and after it is not acknowledged", number, layout_.top());
}

}  // namespace farkeep
