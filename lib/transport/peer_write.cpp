#include <algorithm>

#include "async/race.hpp"
#include "transport/peer_state.hpp"
#include "wire/connection_limits.hpp"

// The writing half of a Peer, and the keeper that notices silence.
namespace farkeep {
namespace {

constexpr std::size_t kSmall = 4 * limits::kKiB;     // copied together: cheaper than a TLS record of their own
constexpr std::size_t kBatch = 1 * limits::kMiB;     // frames gathered for one turn of the writer
constexpr unsigned kMisses = 3;

}  // namespace

Peer::Outgoing::Outgoing(std::uint32_t number, wire::Verb verb, bool reply, bool more, Reply content)
    : head(std::move(content.head)), body(std::move(content.body)), room(std::move(content.room)), keeps_alive(verb == wire::Verb::ping) {
  if (head.size() > limits::kMaxFrameHead || body.size() > limits::kMaxFrameBody)
    throw failure(Errc::too_large, "sending a " + std::string{wire::name_of(verb)} + " message that is larger than a frame may be");
  wire::FrameHeader h;
  h.head_size = static_cast<std::uint32_t>(head.size());
  h.body_size = static_cast<std::uint32_t>(body.size());
  h.request = number;
  h.verb = verb;
  h.reply = reply;
  h.more = more;
  header = h.encode();
}

task<void> Peer::RepliesTo::more(Reply reply) {
  Outgoing frame{number_, verb_, true, true, std::move(reply)};
  return peer_.enqueue(std::move(frame));
}

task<void> Peer::enqueue(Outgoing frame) {
  while (!ended_ && out_bytes_ >= kMaxQueued) co_await out_room_.wait();
  throw_if_ended();
  push(std::move(frame));
}

void Peer::push(Outgoing frame) {
  out_bytes_ += frame.size();
  out_.push_back(std::move(frame));
  out_ready_.wake_one();
}

task<void> Peer::write_frames() {
  std::vector<Outgoing> batch;
  Buffer small;
  for (;;) {
    if (out_.empty()) going_.since.reset();
    while (out_.empty() && !closing_) co_await out_ready_.wait();
    if (out_.empty()) break;

    batch.clear();
    std::size_t total = 0, small_total = 0;
    bool counts = false;
    auto const count_small = [&](std::size_t size) { small_total += size <= kSmall ? size : 0; };
    while (!out_.empty() && total < kBatch) {
      auto const& next = out_.front();
      counts = counts || !next.keeps_alive;
      total += next.size();
      small_total += next.header.size();
      count_small(next.head.size());
      count_small(next.body.size());
      batch.push_back(std::move(out_.front()));
      out_.pop_front();
    }

    // Small pieces are copied side by side, long ones are written from where they lie.
    std::vector<ByteView> parts;
    small.clear();
    small.reserve(small_total);
    auto const add = [&](ByteView piece) {
      if (piece.empty()) return;
      if (piece.size() > kSmall) {
        parts.push_back(piece);
        return;
      }
      auto const* end = small.data() + small.size();
      append(small, piece);
      if (!parts.empty() && parts.back().data() + parts.back().size() == end) parts.back() = {parts.back().data(), parts.back().size() + piece.size()};
      else parts.emplace_back(end, piece.size());
    };
    for (auto const& frame : batch) {
      add(frame.header);
      add(as_bytes(frame.head));
      add(frame.body);
    }
    co_await write_sliced(std::move(parts), counts);
    batch.clear();  // and so what their memory was taken from
    out_bytes_ -= total;
    out_room_.wake_all();
  }
  scope_->cancel();
}

task<void> Peer::write_sliced(std::vector<ByteView> parts, bool counts) {
  std::vector<ByteView> slice;
  std::size_t size = 0;
  for (auto part = parts.begin(); part != parts.end();) {
    auto const n = std::min(part->size(), kSlice - size);
    slice.push_back(part->first(n));
    size += n;
    *part = part->subspan(n);
    if (part->empty()) ++part;
    if (size < kSlice && part != parts.end()) continue;
    write_began_ = timers_.now();
    co_await stream_->write(slice);
    write_began_.reset();
    if (counts) {
      moved_ = timers_.now();
      moved_bytes_ += size;
    }
    going_.bytes += size;
    slice.clear();
    size = 0;
  }
}

// For as long as it matters without a break.
void Peer::Pace::judge(bool matters, SteadyTime now, const std::string& doing) {
  if (!matters) {
    since.reset();
    return;
  }
  auto const passed = since ? now - *since : std::chrono::nanoseconds::zero();
  if (since && passed < std::chrono::minutes{1}) return;
  if (since && bytes < limits::kLeastInAMinute)
    throw failure(Errc::disconnected, doing + ": it is too slow, while others wait for the memory that its frames take");
  since = now;
  bytes = 0;
}

// A ping after every interval of silence.  While we do not read by our own choice, silence means nothing.
task<void> Peer::keep_alive(const Handler* handler) {
  SteadyTime pinged{};
  for (unsigned missed = 0;;) {
    auto const now = timers_.now();
    if (write_began_ && now - *write_began_ >= progress_timeout_)
      throw failure(Errc::disconnected, "writing to " + describe() + ": it takes nothing for " + std::to_string(std::chrono::ceil<std::chrono::seconds>(progress_timeout_).count()) + " s");
    if (handler) {
      auto const pressed = handler->pressed();
      coming_.judge(pressed.coming && in_frame_, now, "reading from " + describe());
      going_.judge(pressed.going && !(out_.empty() && !write_began_), now, "writing to " + describe());
    }
    if (paused_) heard_ = now;
    // Bytes that leave are a sign of life: on a slow line a record takes minutes, and its receiver has nothing to say meanwhile.
    auto const alive = std::max(heard_, moved_);
    if (alive >= pinged) missed = 0;
    auto const silent = now - alive;
    if (silent < limits::kPingInterval) {
      co_await timers_.sleep(limits::kPingInterval - silent);
      continue;
    }
    if (missed == kMisses) throw failure(Errc::disconnected, describe() + " is silent: three pings were not answered");
    ++missed;
    pinged = now;
    if (out_.empty()) {  // otherwise more than a ping is already on its way
      auto open = std::make_unique<Open>();
      open->counted = false;
      open->abandoned = true;
      auto const number = next_number_++;
      open_[number] = std::move(open);
      push(Outgoing{number, wire::Verb::ping, false, false, Reply{}});
    }
    co_await timers_.sleep(limits::kPingInterval);
  }
}

}  // namespace farkeep
