#include <algorithm>

#include "base/log.hpp"
#include "transport/peer_state.hpp"
#include "wire/connection_limits.hpp"
#include "wire/frame_limits.hpp"

// The reading half of a Peer: frames in, replies to those who wait, requests to the handler.
namespace farkeep {
namespace {

constexpr std::size_t kMaxWaitingFrames = 4;  // of one answer: a disk that is slow for a moment does not stop the connection
// Of requests in service: what an agent may have unacknowledged, so an honest one never meets this bound.
constexpr std::size_t kMaxServingBytes = limits::kUnackedBytes;

}  // namespace

task<void> Peer::read_frames(Handler* handler) {
  const auto most_of = [handler](const wire::FrameHeader& header) {
    if (handler) return handler->most_of(header);
    return header.reply ? wire::most_of_reply(header.verb) : wire::most_of_pong();
  };
  wire::FrameReader reader{most_of};
  std::optional<std::vector<Budget::Lease>> room;  // of the frame that is being read
  while (!closing_) {
    auto frame = reader.next();
    if (!frame) {
      refuse_frame(reader, frame.error());
      break;
    }
    auto const* const coming = *frame ? &(*frame)->header : reader.coming();
    if (handler && coming && !coming->reply && !room) {
      paused_ = true;
      auto taken = co_await handler->room_for(*coming);
      paused_ = false;
      room = std::move(taken);
      in_frame_ = !room->empty();
    }
    if (*frame) {
      in_frame_ = false;
      coming_.since.reset();
      auto taken = std::exchange(room, std::nullopt).value_or(std::vector<Budget::Lease>{});
      auto const verb = (*frame)->header.verb;
      if (verb != wire::Verb::ping) moved_ = timers_.now();
      frame_bytes_ = 0;
      if ((*frame)->header.reply) {
        co_await take_reply(std::move(**frame));
      } else if (verb == wire::Verb::bye) {
        break;
      } else {
        co_await take_request(std::move(**frame), std::move(taken), handler);
      }
      continue;
    }
    auto const* const begun = reader.coming();
    bool const counts = begun && begun->verb != wire::Verb::ping;
    auto const n = co_await stream_->read_some(reader.space());
    heard_ = timers_.now();
    coming_.bytes += n;
    if (counts) frame_moved(n);
    if (n == 0) {
      if (said_bye_) break;
      throw failure(Errc::disconnected, "reading from " + describe() + (reader.in_frame() ? ": it ended in the middle of a frame" : ": it closed the connection"));
    }
    reader.filled(n);
  }
  if (!closing_) scope_->cancel();
}

// A long frame on a slow line is movement, as far as it comes at the rate of the slowest one: not a byte of it now and then.
void Peer::frame_moved(std::size_t bytes) {
  if (frame_bytes_ == 0) frame_from_ = heard_;
  frame_bytes_ += bytes;
  moved_bytes_ += bytes;
  moved_ = std::max(moved_, std::min(heard_, frame_from_ + slowest_time_of(frame_bytes_)));
}

std::chrono::nanoseconds Peer::slowest_time_of(std::uint64_t bytes) const {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(bytes) / static_cast<double>(kSlice) * static_cast<double>(progress_timeout_.count())));
}

// How long an answer may be waited for in all, by whoever waits: each has its time, and what that takes which moves meanwhile on the slowest line.
std::chrono::nanoseconds Peer::most_time_for(const Open& open, std::chrono::nanoseconds quiet) const {
  auto const base = wire::takes_long(open.verb) ? std::chrono::nanoseconds(limits::kLongestWork) : open.verb == wire::Verb::hello ? std::chrono::nanoseconds(limits::kHelloTimeout) : kLongestAnswer;
  return std::max(base, quiet) + slowest_time_of(moved_bytes_ - open.moved_before);
}

// Of several that wait at once the time counts once.
void Peer::waits_for_memory(const Open& open) {
  auto const now = timers_.now();
  memory_wait_ += now - std::max(answered_, open.asked);
  answered_ = now;
  auto const most = std::max(kLongestAnswer, progress_timeout_) + slowest_time_of(moved_bytes_);
  if (memory_wait_ > most) throw failure(Errc::timed_out, doing(open.verb) + ": it says again and again that it waits for memory, " + std::to_string(std::chrono::ceil<std::chrono::minutes>(memory_wait_).count()) + " minutes in all");
}

// Whoever announced too much for a request is told, and then the connection ends as after any other breach.
void Peer::refuse_frame(const wire::FrameReader& reader, const boost::system::error_code& why) {
  auto breach = std::make_exception_ptr(failure(Errc::protocol, "reading from " + describe() + ": not a frame of this protocol, or a larger one than it may send now (" + why.message() + ")"));
  auto const& header = reader.refused();
  if (!header || header->reply) std::rethrow_exception(breach);
  auto const told = wire::to_failure(Errc::too_large, "reading a " + std::string{wire::name_of(header->verb)} + " request: it is larger than any may be here and now");
  push(Outgoing{header->request, wire::Verb::failure, true, false, Reply{told.SerializeAsString()}});
  dropped_ = std::move(breach);
  closing_ = true;
}

// A reply to no request is a breach.  Where frames of an answer wait for a slow taker, reading waits too.
task<void> Peer::take_reply(wire::Frame frame) {
  auto const found = open_.find(frame.header.request);
  auto const& header = frame.header;
  if (found == open_.end() || found->second->done)
    throw failure(Errc::protocol, "reading from " + describe() + ": a reply to request " + std::to_string(header.request) + ", which nobody made");
  bool const refused = header.verb == wire::Verb::failure;
  const bool at_work = header.more && frame.head.empty() && frame.body.empty() && (wire::takes_long(header.verb) || wire::waits_for_memory(header.verb));  // a sign of life, no part of the answer
  const bool nothing = header.more && frame.head.empty() && frame.body.empty() && !at_work;
  if ((!refused && header.verb != found->second->verb) || (header.more && header.verb != wire::Verb::get && !at_work) || nothing)
    throw failure(Errc::protocol, "reading from " + describe() + ": a reply that does not fit its request");

  if (at_work && wire::waits_for_memory(header.verb)) waits_for_memory(*found->second);
  if (at_work) co_return;
  answered_ = timers_.now();
  auto const number = header.request;
  while (!found->second->abandoned && found->second->frames.size() >= kMaxWaitingFrames) {
    paused_ = true;
    co_await found->second->room.wait();
  }
  paused_ = false;
  auto& open = *found->second;
  if (refused) {
    auto const message = wire::parse_message<wire::pb::Failure>(frame.head);
    if (!message) throw failure(Errc::protocol, "reading from " + describe() + ": a failure that does not parse");
    open.error = std::make_exception_ptr(wire::to_refusal(*message, doing(open.verb)));
  } else if (!open.abandoned) {
    open.frames.emplace_back(std::move(frame.head), std::move(frame.body));
  }
  if (!header.more) {
    open.done = true;
    if (open.counted) {
      --in_flight_;
      ask_room_.wake_all();
    }
  }
  open.arrived.wake_all();
  if (open.done && open.abandoned) open_.erase(number);
}

task<void> Peer::take_request(wire::Frame frame, std::vector<Budget::Lease> room, Handler* handler) {
  auto const number = frame.header.request;
  if (frame.header.verb == wire::Verb::ping) {
    if (frame.body.size() > limits::kMaxPingBody || !frame.head.empty())
      throw failure(Errc::protocol, "reading from " + describe() + ": a ping that is larger than any may be");
    Outgoing pong{number, wire::Verb::ping, true, false, Reply{std::string{}, std::move(frame.body)}};
    pong.room = std::move(room);
    co_await enqueue(std::move(pong));
    co_return;
  }
  if (!handler) throw failure(Errc::protocol, "reading from " + describe() + ": a request where none is served");
  if (serving_.count(number))
    throw failure(Errc::protocol, "reading from " + describe() + ": request number " + std::to_string(number) + " twice at once");
  while (serving_.size() >= limits::kMaxOutstanding || serving_bytes_ >= kMaxServingBytes) {
    paused_ = true;
    co_await serve_room_.wait();
  }
  paused_ = false;
  serving_.insert(number);
  serving_bytes_ += frame.head.size() + frame.body.size();
  Request request;
  request.verb = frame.header.verb;
  request.head = std::move(frame.head);
  request.body = std::move(frame.body);
  request.room = std::move(room);
  scope_->spawn(serve_one(*handler, number, std::move(request)), "serving a request");
}

task<void> Peer::serve_one(Handler& handler, std::uint32_t number, Request request) {
  auto const verb = request.verb;
  auto const bytes = request.head.size() + request.body.size();
  RepliesTo replies{*this, number, verb};
  Outgoing last;
  std::optional<wire::pb::Failure> refused;
  bool hang_up = false;
  try {
    auto reply = co_await handler.handle(std::move(request), replies);
    last = Outgoing{number, verb, true, false, std::move(reply)};  // too large for a frame: this request fails, nothing else
  } catch (const HangUp& e) {
    refused = wire::to_failure(classify(e.code()), e.what(), e.retry_after());
    if (e.time()) refused->set_time_ns(e.time()->time_since_epoch().count());
    hang_up = true;
  } catch (const wire::Refusal& e) {
    refused = wire::to_failure(classify(e.code()), e.what(), e.retry_after());
  } catch (const boost::system::system_error& e) {
    if (scope_->cancelled()) throw;
    refused = wire::to_failure(classify(e.code()), e.what());
  } catch (const std::exception& e) {
    log_error("serving {} to {}: {}", wire::name_of(verb), describe(), e.what());
    refused = wire::to_failure(Errc::io, "the server failed inside; its log says more");
  }
  if (refused) last = Outgoing{number, wire::Verb::failure, true, false, Reply{refused->SerializeAsString()}};
  co_await enqueue(std::move(last));
  serving_.erase(number);
  serving_bytes_ -= bytes;
  serve_room_.wake_all();
  if (hang_up) {
    closing_ = true;
    out_ready_.wake_all();
  }
}

}  // namespace farkeep
