#include "transport/peer.hpp"

#include <algorithm>

#include "async/race.hpp"
#include "base/check.hpp"
#include "transport/peer_state.hpp"

namespace farkeep {

Peer::Peer(Timers& timers, std::unique_ptr<SecureStream> stream, std::chrono::nanoseconds progress_timeout)
    : timers_(timers), stream_(std::move(stream)), progress_timeout_(progress_timeout), heard_(timers_.now()), moved_(heard_) {}
Peer::~Peer() = default;

wire::FrameSizes Handler::most_of(const wire::FrameHeader&) const { return {limits::kMaxFrameHead, limits::kMaxFrameBody}; }
task<std::vector<Budget::Lease>> Handler::room_for(wire::FrameHeader) { co_return std::vector<Budget::Lease>{}; }
Pressed Handler::pressed() const { return Pressed{}; }

std::string Peer::doing(wire::Verb verb) const { return "asking " + describe() + " for " + std::string{wire::name_of(verb)}; }

// Three children: whichever fails ends the connection; a normal end is one of them cancelling the scope.
task<void> Peer::live(Handler* handler) {
  FARKEEP_CHECK(!scope_ && !ended_);
  if (dropped_) {
    end(dropped_);
    std::rethrow_exception(dropped_);
  }
  heard_ = timers_.now();
  Scope scope{co_await asio::this_coro::executor};
  scope_ = &scope;
  scope.spawn(read_frames(handler), "reading frames");
  scope.spawn(write_frames(), "writing frames");
  scope.spawn(keep_alive(handler), "keeping a connection alive");
  std::exception_ptr error;
  try {
    co_await scope.join();
  } catch (...) {
    error = std::current_exception();
  }
  scope_ = nullptr;
  if (!error) error = dropped_;
  end(error);
  if (error) std::rethrow_exception(error);
}

void Peer::drop(std::exception_ptr why) {
  if (!dropped_) dropped_ = std::move(why);
  if (scope_) scope_->cancel();
}

void Peer::end(std::exception_ptr error) {
  ended_ = true;
  end_text_ = "the connection to " + describe() + " has ended";
  try {
    if (error) std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    auto const code = classify(e.code());
    end_code_ = code == Errc::protocol || code == Errc::cancelled ? code : Errc::disconnected;
    end_text_ += std::string{": "} + e.what();
  } catch (const std::exception& e) {
    end_text_ += std::string{": "} + e.what();
  }
  stream_->close();
  out_.clear();
  out_bytes_ = 0;
  for (auto& [number, open] : open_) {
    open->arrived.wake_all();
    open->room.wake_all();
  }
  for (auto* waiting : {&ask_room_, &out_room_, &at_end_}) waiting->wake_all();
}

void Peer::throw_if_ended() const {
  if (ended_) throw failure(end_code_, end_text_);
}

// ---- asking

task<Answer> Peer::send(wire::Verb verb, std::string head, Buffer body) {
  // Both kinds of room, at one moment: nothing is taken before the request is queued, so cancelling here leaves nothing behind.
  for (;;) {
    throw_if_ended();
    if (in_flight_ >= limits::kMaxOutstanding) co_await ask_room_.wait();
    else if (out_bytes_ >= kMaxQueued) co_await out_room_.wait();
    else break;
  }
  auto const number = next_number_++;
  Outgoing frame{number, verb, false, false, Reply{std::move(head), std::move(body)}};
  auto open = std::make_unique<Open>();
  open->verb = verb;
  open->moved_before = moved_bytes_;
  open->asked = timers_.now();
  open_[number] = std::move(open);
  ++in_flight_;
  push(std::move(frame));
  co_return Answer{*this, number};
}

task<Reply> Peer::ask(wire::Verb verb, std::string head, Buffer body, std::optional<std::chrono::nanoseconds> timeout) {
  auto answer = co_await send(verb, std::move(head), std::move(body));
  co_return co_await answer.only(timeout);
}

task<void> Peer::wait_for_frame(std::uint32_t number) {
  auto& open = *open_.at(number);
  while (open.frames.empty() && !open.done && !ended_) co_await open.arrived.wait();
}

task<std::optional<Reply>> Peer::next_of(std::uint32_t number, std::optional<std::chrono::nanoseconds> timeout) {
  auto& open = *open_.at(number);
  auto const limit = timeout.value_or(progress_timeout_);
  auto const asked = timers_.now();
  while (open.frames.empty() && !open.done && !ended_) {
    auto const now = timers_.now();
    auto const left = std::min(limit - (now - std::max(asked, moved_)), most_time_for(open, limit) - open.waited - (now - asked));
    if (left <= std::chrono::nanoseconds::zero()) throw failure(Errc::timed_out, doing(open.verb));
    try {
      co_await with_timeout(timers_, left, wait_for_frame(number), doing(open.verb));
    } catch (const failure& f) {
      if (classify(f.code()) != Errc::timed_out) throw;  // else: has anything moved meanwhile?
    }
  }
  open.waited += timers_.now() - asked;
  if (!open.frames.empty()) {
    std::optional<Reply> reply{std::move(open.frames.front())};
    open.frames.pop_front();
    open.room.wake_all();
    co_return reply;
  }
  if (open.error) std::rethrow_exception(open.error);
  if (!open.done) throw_if_ended();
  co_return std::nullopt;
}

void Peer::abandon(std::uint32_t number) noexcept {
  auto const found = open_.find(number);
  if (found == open_.end()) return;
  if (found->second->done || ended_) {
    open_.erase(found);
    return;
  }
  found->second->abandoned = true;
  found->second->frames.clear();
  found->second->room.wake_all();
}

task<void> Peer::wait_for_end() {
  while (!ended_) co_await at_end_.wait();
}

task<void> Peer::bye() {
  if (ended_) co_return;
  said_bye_ = true;
  push(Outgoing{next_number_++, wire::Verb::bye, false, false, Reply{}});
  try {
    co_await with_timeout(timers_, limits::kGoodbye, wait_for_end(), "saying goodbye to " + describe());
  } catch (const failure& e) {
    if (classify(e.code()) != Errc::timed_out) throw;
  }
  if (scope_) scope_->cancel();
}

Answer& Answer::operator=(Answer&& other) noexcept {
  if (this != &other) {
    drop();
    peer_ = std::exchange(other.peer_, nullptr);
    number_ = other.number_;
  }
  return *this;
}

void Answer::drop() noexcept {
  if (peer_) peer_->abandon(number_);
  peer_ = nullptr;
}

task<Reply> Answer::only(std::optional<std::chrono::nanoseconds> timeout) {
  auto reply = co_await peer_->next_of(number_, timeout);
  if (!reply) throw failure(Errc::protocol, peer_->describe() + " answered with nothing");
  auto const second = co_await peer_->next_of(number_, timeout);
  if (second) throw failure(Errc::protocol, peer_->describe() + " answered with several frames where one belongs");
  co_return std::move(*reply);
}

task<std::optional<Reply>> Answer::next(std::optional<std::chrono::nanoseconds> timeout) { return peer_->next_of(number_, timeout); }

}  // namespace farkeep
