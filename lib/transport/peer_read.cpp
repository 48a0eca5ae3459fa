#include "base/log.hpp"
#include "transport/peer_state.hpp"

// The reading half of a Peer: frames in, replies to those who wait, requests to the handler.
namespace farkeep {
namespace {

constexpr std::size_t kMaxWaitingFrames = 4;  // of one answer: a disk that is slow for a moment does not stop the connection
// Request bodies in service: what an agent may have unacknowledged, so an honest one never meets this bound.
constexpr std::size_t kMaxServingBytes = limits::kUnackedBytes;

}  // namespace

task<void> Peer::read_frames(Handler* handler) {
  wire::FrameReader reader;
  while (!closing_) {
    auto frame = reader.next();
    if (!frame) throw failure(Errc::protocol, "reading from " + describe() + ": not a frame of this protocol (" + frame.error().message() + ")");
    if (*frame) {
      auto const verb = (*frame)->header.verb;
      if (verb != wire::Verb::ping) moved_ = timers_.now();
      if ((*frame)->header.reply) {
        co_await take_reply(std::move(**frame));
      } else if (verb == wire::Verb::bye) {
        break;
      } else {
        co_await take_request(std::move(**frame), handler);
      }
      continue;
    }
    bool const in_frame = reader.in_frame();
    auto const n = co_await stream_->read_some(reader.space());
    heard_ = timers_.now();
    if (in_frame) moved_ = heard_;  // a long frame on a slow line
    if (n == 0) {
      if (said_bye_) break;
      throw failure(Errc::disconnected, "reading from " + describe() + (reader.in_frame() ? ": it ended in the middle of a frame" : ": it closed the connection"));
    }
    reader.filled(n);
  }
  if (!closing_) scope_->cancel();
}

// A reply to no request is a breach.  Where frames of an answer wait for a slow taker, reading waits too.
task<void> Peer::take_reply(wire::Frame frame) {
  auto const found = open_.find(frame.header.request);
  auto const& header = frame.header;
  if (found == open_.end() || found->second->done)
    throw failure(Errc::protocol, "reading from " + describe() + ": a reply to request " + std::to_string(header.request) + ", which nobody made");
  bool const refused = header.verb == wire::Verb::failure;
  const bool at_work = header.more && frame.head.empty() && frame.body.empty();  // a sign of life, no part of the answer
  if ((!refused && header.verb != found->second->verb) || (header.more && header.verb != wire::Verb::get && !at_work))
    throw failure(Errc::protocol, "reading from " + describe() + ": a reply that does not fit its request");

  if (at_work) co_return;
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

task<void> Peer::take_request(wire::Frame frame, Handler* handler) {
  auto const number = frame.header.request;
  if (frame.header.verb == wire::Verb::ping) {
    if (frame.body.size() > limits::kMaxPingBody) throw failure(Errc::protocol, "reading from " + describe() + ": a ping that is larger than any may be");
    Outgoing pong{number, wire::Verb::ping, true, false, Reply{std::string{}, std::move(frame.body)}};
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
  serving_bytes_ += frame.body.size();
  Request request;
  request.verb = frame.header.verb;
  request.head = std::move(frame.head);
  request.body = std::move(frame.body);
  scope_->spawn(serve_one(*handler, number, std::move(request)), "serving a request");
}

task<void> Peer::serve_one(Handler& handler, std::uint32_t number, Request request) {
  auto const verb = request.verb;
  auto const bytes = request.body.size();
  RepliesTo replies{*this, number, verb};
  Reply reply;
  std::optional<wire::pb::Failure> refused;
  bool hang_up = false;
  try {
    reply = co_await handler.handle(std::move(request), replies);
  } catch (const HangUp& e) {
    refused = wire::to_failure(classify(e.code()), e.what());
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
  Outgoing last{number, verb, true, false, std::move(reply)};
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
