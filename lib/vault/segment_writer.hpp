#pragma once

#include <chrono>
#include <deque>
#include <exception>
#include <memory>
#include <vector>

#include "async/scope.hpp"
#include "async/timers.hpp"
#include "store/store.hpp"
#include "vault/chunk_index.hpp"
#include "vault/layout.hpp"
#include "vault/room.hpp"
#include "vault/segment.hpp"

namespace farkeep {

/// Group commit: gathers records of all sessions into segments, writes them as they come, and tells who waits when theirs
/// is durable (LOCKING.md §5).
///
/// Two lanes: data and envelopes are written as they come; nodes are gathered in memory until their segment ends, which ends the
/// segment of data before it.  One segment is filled while the one before it is made durable; they finish in the order of their
/// numbers, and so of their ends.  A segment that fails takes everything received after it with it: waiters get the error, the ids
/// are absent again, and the next record begins a new segment.  Whatever goes wrong, who waits gets an answer.
/// One thread.  start(), then close() before it is destroyed.
class SegmentWriter {
 public:
  struct Limits {
    std::size_t target = 0;  ///< bytes
    std::chrono::nanoseconds age{};
  };
  /// A segment from its first record to its durability or failure.
  class Open;
  using Ticket = std::shared_ptr<Open>;

  SegmentWriter(Store& store, Timers& timers, ChunkIndex& index, SegmentHeader header, Limits limits);
  ~SegmentWriter();

  /// Spawns its coroutines into the scope.
  void start(Scope& scope);

  /// Takes those of the records that are kept, which from now on are pending; `room` is given back when they are written.  One
  /// ticket for each lane that they go to.
  std::vector<Ticket> add(FramedRecords records, Room room);
  /// Somebody waits for what was taken so far: the segments that are filled end here, unless they hold less than 2 MiB.
  void hurry();
  /// The segment that an id waits in; null when it waits in none.
  Ticket pending(const ObjectId& id) const;
  /// Returns when the segment is durable; throws what went wrong.
  task<void> durable(Ticket ticket);
  /// Everything taken so far.
  task<void> flush();
  /// Returns when less than a few MiB wait to be written: for who reads from a connection.
  task<void> room();

  std::uint64_t pending_bytes() const noexcept { return pending_bytes_; }
  /// No segment is begun below this number.
  void skip_to(std::uint32_t number) { next_number_ = std::max(next_number_, number); }
  /// Woken when the index has something to write or to merge.
  Waiters& index_work() { return index_work_; }

  /// flush(), then the coroutines end by themselves.  Throws what flush() throws, when they are about to end.
  task<void> close();

 private:
  struct Piece {
    Ticket segment;
    Buffer head, bytes;  // to be written one behind the other
    std::shared_ptr<Room> room;  // of all pieces that came together
    bool last = false;  // nothing but the end of the segment
  };

  task<void> answer_when_it_ends(task<void> loop);
  task<void> write_loop();
  task<void> finish_loop();
  task<void> end_when_old(std::weak_ptr<Open> segment);
  task<void> write(Piece& piece);
  task<void> finish(Open& segment);
  std::vector<Ticket> take(FramedRecords records, Room room);
  Ticket begin();
  void end_data();
  void end_all();
  void fail_filled(const std::exception_ptr& error);
  void fail_from(const Open& first, const std::exception_ptr& error);
  void forget(const Open& segment);

  Store& store_;
  Timers& timers_;
  ChunkIndex& index_;
  SegmentHeader header_;
  VaultLayout layout_;
  const Limits limits_;
  Scope* scope_ = nullptr;

  std::uint32_t next_number_ = 1;
  Ticket data_, nodes_;       // take records
  std::deque<Ticket> open_;   // all that have a number and are not durable, ascending; the last may be data_
  std::vector<Piece> nodes_gathered_;
  IdMap<Open*> pending_;
  std::uint64_t pending_bytes_ = 0;  // in open_ and nodes_
  std::deque<Piece> pieces_;         // to be written
  std::size_t piece_bytes_ = 0;
  std::deque<Ticket> full_;          // written, to be finished; at most one while another is filled
  bool closing_ = false;
  std::exception_ptr ended_;  // why the coroutines that write are no more
  Waiters pieces_wait_, full_wait_, full_room_, room_, index_work_;
};

}  // namespace farkeep
