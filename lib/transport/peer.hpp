#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/budget.hpp"
#include "async/scope.hpp"
#include "async/task.hpp"
#include "async/timers.hpp"
#include "async/waiters.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "transport/stream.hpp"
#include "wire/frame.hpp"
#include "wire/message.hpp"
#include "wire/refusal.hpp"

namespace farkeep {

/// One frame of an answer.
struct Reply {
  Reply() = default;
  explicit Reply(std::string h, Buffer b = {}) : head(std::move(h)), body(std::move(b)) {}
  std::string head;  ///< a serialised message of wire.proto
  Buffer body;
  std::vector<Budget::Lease> room;  ///< of the memory that it takes; given back when it was written, or the connection has ended
};

/// What the other side asks.
struct Request {
  Request() = default;
  wire::Verb verb = wire::Verb::ping;
  std::string head;
  Buffer body;
  std::vector<Budget::Lease> room;  ///< of the memory that it takes: what Handler::room_for() gave
};

/// Thrown by a Handler: the other side gets it as its answer, and then the connection ends.
class HangUp : public failure {
 public:
  using failure::failure;
  HangUp(Errc code, const std::string& doing, std::chrono::seconds retry_after, std::optional<WallTime> time = std::nullopt) : failure(code, doing), retry_after_(retry_after), time_(time) {}
  std::chrono::seconds retry_after() const noexcept { return retry_after_; }
  /// What this machine's clock says, where that is why the other side is refused: it hears it.
  std::optional<WallTime> time() const noexcept { return time_; }

 private:
  std::chrono::seconds retry_after_{0};
  std::optional<WallTime> time_;
};

/// For an answer of several frames: all but the last.
class Replies {
 public:
  /// Waits for room in the outgoing queue: a slow reader slows the handler down.
  virtual task<void> more(Reply reply) = 0;

 protected:
  ~Replies() = default;
};

/// Whether others wait for memory that frames of this connection hold: those that come, and those that go.
struct Pressed {
  Pressed() = default;
  bool coming = false, going = false;
};

/// Serves requests.  handle() runs as a child of Peer::serve(), up to limits::kMaxOutstanding at once, begun in the order of arrival.
/// Returns the last frame of the answer.  A failure (or wire::Refusal, with its waiting time) becomes a Failure with what() as its text,
/// so whoever throws sees to it that this may leave the house.  ping and bye never get here.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual task<Reply> handle(Request request, Replies& replies) = 0;
  /// How large a frame with this header may be now.  Asked before memory is taken for it; one that is larger ends the connection.
  virtual wire::FrameSizes most_of(const wire::FrameHeader& header) const;
  /// Memory for a request, a ping too, with this header.  The connection is not read on until it is given: more than a read of 16 KiB is
  /// never there without it.  In the order of arrival, so a request has its room before those behind it.
  virtual task<std::vector<Budget::Lease>> room_for(wire::FrameHeader header);
  /// Asked twice a minute: a frame that is slower than limits::kLeastInAMinute meanwhile ends the connection.
  virtual Pressed pressed() const;
};

class Answer;

/// Both ends of a connection that speaks PROTOCOL.md: frames over one SecureStream, many requests in flight.
///
/// Asking:
///
///   Peer peer{timers, std::move(stream)};
///   Scope scope{co_await asio::this_coro::executor};
///   scope.spawn(peer.run(), "connection");
///   scope.spawn(work(peer), "work");   // ends with: co_await peer.bye();
///   co_await scope.join();             // connection lost: run()'s error, and work() is cancelled
///
///   task<void> work(Peer& peer) {
///     wire::pb::Hello hello = …;
///     auto const welcome = co_await peer.call<wire::pb::HelloReply>(wire::Verb::hello, hello);       // one question, one answer
///     auto first = co_await peer.send(wire::Verb::put, head1, std::move(records1));                // pipelined: on its way when this returns
///     auto second = co_await peer.send(wire::Verb::put, head2, std::move(records2));
///     co_await first.only();                                                                       // durable now
///     co_await second.only();
///     auto got = co_await peer.send(wire::Verb::get, ids);                                         // several frames
///     while (auto frame = co_await got.next()) use(*frame);
///     co_await peer.bye();
///   }
///
/// Serving: `co_await peer.serve(handler)`.
///
/// Bounds: limits::kMaxOutstanding requests in flight each way (send() waits; what comes beyond is not read until others are
/// answered), 48 MiB of requests in service, 8 MiB waiting to be written (send(), more() wait).  A ping goes out after
/// kPingInterval of silence; after three without any sign of life, or when the other side takes none of our bytes for
/// the progress timeout, the connection is lost.
/// An answer may take the progress timeout, too, counted from when anything last moved: our bytes left, or other frames than
/// pings and pongs came, or parts of them at 256 KiB per progress timeout at least.  So a slow line is waited for, and a server that is alive but does
/// nothing is not.  In all it may take ten minutes (hello 15 s; an hour what says that it is at work: open, commit, registry, vaults), and what the bytes
/// that move meanwhile take at that rate: whoever makes an answer last for ever is not waited for either.  Where answers wait for the other side's memory
/// that bound is of the connection, too: a liar would say so at every question.
/// Errors: what the other side refused is a wire::Refusal, and the connection goes on.  A lost connection fails everything that is open
/// with `disconnected`, a peer that breaks the protocol with `protocol`; after either every call throws the same.
/// Cancelling a call drops its answer; cancelling run() or serve() ends the connection.  One thread; outlives its Answers.
class Peer {
 public:
  Peer(Timers& timers, std::unique_ptr<SecureStream> stream, std::chrono::nanoseconds progress_timeout = limits::kProgressTimeout);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const PeerIdentity& identity() const { return stream_->peer(); }
  std::string describe() const { return stream_->describe(); }

  /// Moves the frames until bye() was answered; throws when the connection is lost.  Once, and either this or serve().
  task<void> run() { return live(nullptr); }
  /// The same, and answers requests.  Returns when the other side says bye or a handler hung up.
  task<void> serve(Handler& handler) { return live(&handler); }
  /// Ends the connection: run() or serve() throws this.  From anywhere on its thread.
  void drop(std::exception_ptr why);
  /// When bytes last came.
  SteadyTime heard() const noexcept { return heard_; }

  /// Asks, and returns when the request is on its way.
  task<Answer> send(wire::Verb verb, std::string head, Buffer body = {});
  /// send() and Answer::only().
  task<Reply> ask(wire::Verb verb, std::string head, Buffer body = {}, std::optional<std::chrono::nanoseconds> timeout = std::nullopt);
  /// ask() with messages instead of bytes.  An answer that does not parse is `protocol`.
  template <class Answered, class Asked>
  task<Answered> call(wire::Verb verb, const Asked& message, std::optional<std::chrono::nanoseconds> timeout = std::nullopt) {
    return call_bytes<Answered>(verb, wire::to_head(message), timeout);
  }
  /// Says goodbye and waits until the connection has ended, at most limits::kGoodbye.  Never throws for a connection that is lost.
  task<void> bye();

 private:
  friend class Answer;
  struct Open;
  struct Outgoing;
  class RepliesTo;
  /// What moved of frames while others waited for their memory.
  struct Pace {
    std::optional<SteadyTime> since;
    std::size_t bytes = 0;
    /// Throws when it was too little.
    void judge(bool matters, SteadyTime now, const std::string& doing);
  };

  template <class Answered>
  task<Answered> call_bytes(wire::Verb verb, std::string head, std::optional<std::chrono::nanoseconds> timeout) {
    auto const reply = co_await ask(verb, std::move(head), Buffer{}, timeout);
    auto message = wire::parse_message<Answered>(reply.head);
    if (!message) throw failure(Errc::protocol, doing(verb) + ": its answer does not parse");
    co_return std::move(*message);
  }

  task<void> live(Handler* handler);
  task<void> read_frames(Handler* handler);
  task<void> write_frames();
  task<void> write_sliced(std::vector<ByteView> parts, bool counts);
  task<void> keep_alive(const Handler* handler);
  task<void> take_reply(wire::Frame frame);
  void refuse_frame(const wire::FrameReader& reader, const boost::system::error_code& why);
  task<void> take_request(wire::Frame frame, std::vector<Budget::Lease> room, Handler* handler);
  task<void> serve_one(Handler& handler, std::uint32_t number, Request request);
  task<void> enqueue(Outgoing frame);
  void push(Outgoing frame);
  void end(std::exception_ptr error);
  void throw_if_ended() const;
  void abandon(std::uint32_t number) noexcept;
  task<void> wait_for_frame(std::uint32_t number);
  task<std::optional<Reply>> next_of(std::uint32_t number, std::optional<std::chrono::nanoseconds> timeout);
  task<void> wait_for_end();
  std::string doing(wire::Verb verb) const;
  void frame_moved(std::size_t bytes);
  void waits_for_memory(const Open& open);
  std::chrono::nanoseconds slowest_time_of(std::uint64_t bytes) const;
  std::chrono::nanoseconds most_time_for(const Open& open, std::chrono::nanoseconds quiet) const;

  Timers& timers_;
  std::unique_ptr<SecureStream> stream_;
  Scope* scope_ = nullptr;  // while live() runs

  // asking
  std::map<std::uint32_t, std::unique_ptr<Open>> open_;
  std::uint32_t next_number_ = 1;
  std::size_t in_flight_ = 0;
  Waiters ask_room_;

  // serving
  std::set<std::uint32_t> serving_;
  std::size_t serving_bytes_ = 0;
  Waiters serve_room_;

  // writing
  std::deque<Outgoing> out_;
  std::size_t out_bytes_ = 0;
  Waiters out_room_, out_ready_;
  std::optional<SteadyTime> write_began_;

  Pace coming_, going_;
  bool in_frame_ = false;  // one that has room comes

  const std::chrono::nanoseconds progress_timeout_;
  SteadyTime heard_;     // when bytes last came
  SteadyTime moved_;     // when something other than a ping or a pong last came, or went
  std::uint64_t moved_bytes_ = 0;  // of such, both ways
  SteadyTime frame_from_;          // when the frame that comes began…
  std::size_t frame_bytes_ = 0;    // …and what of it has been seen since
  SteadyTime answered_{};          // when a part of an answer last came, or the wait for memory was last counted…
  std::chrono::nanoseconds memory_wait_{0};  // …of which there was so much in all
  bool paused_ = false;  // not reading, by our own choice
  bool closing_ = false; // no more reading: what is queued goes out, then the end
  bool said_bye_ = false;
  bool ended_ = false;
  std::exception_ptr dropped_;  // why, when it was our decision
  Errc end_code_ = Errc::disconnected;
  std::string end_text_;
  Waiters at_end_;
};

/// A request that is on its way.  Dropping it drops the answer.  The Peer outlives it.
class Answer {
 public:
  Answer(Answer&& other) noexcept : peer_(std::exchange(other.peer_, nullptr)), number_(other.number_) {}
  Answer& operator=(Answer&& other) noexcept;
  ~Answer() { drop(); }

  /// The one frame of the answer.  Throws wire::Refusal, disconnected, timed_out, protocol (also when there are more frames).
  task<Reply> only(std::optional<std::chrono::nanoseconds> timeout = std::nullopt);
  /// Frame after frame, each within `timeout`; nothing after the last.  Whoever takes them slowly slows the whole connection down,
  /// other answers too: at most four frames wait here.
  task<std::optional<Reply>> next(std::optional<std::chrono::nanoseconds> timeout = std::nullopt);

 private:
  friend class Peer;
  Answer(Peer& peer, std::uint32_t number) : peer_(&peer), number_(number) {}
  void drop() noexcept;

  Peer* peer_;
  std::uint32_t number_;
};

}  // namespace farkeep
