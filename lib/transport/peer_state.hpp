#pragma once

#include "transport/peer.hpp"

/// The insides of a Peer, for peer.cpp, peer_read.cpp and peer_write.cpp.
namespace farkeep {

inline constexpr std::size_t kSlice = 256 * limits::kKiB;    // within the progress timeout, either way: so a line may be as slow as 4 KiB/s
inline constexpr std::chrono::nanoseconds kLongestAnswer = std::chrono::minutes{10};  // of all but those of limits::kLongestWork
inline constexpr std::size_t kMaxQueued = 8 * limits::kMiB;  // one largest frame under way and the next behind it

/// A request of ours that is not forgotten yet.
struct Peer::Open {
  wire::Verb verb = wire::Verb::ping;
  bool counted = true;     // among those in flight (a ping is not)
  bool abandoned = false;  // nobody waits: drop the answer
  bool done = false;       // the last frame came
  std::uint64_t moved_before = 0;      // moved_bytes_ when it was asked…
  SteadyTime asked{};                  // …and that was then
  std::chrono::nanoseconds waited{0};  // by whoever wants it, not while he is at work with what came
  std::deque<Reply> frames;
  std::exception_ptr error;  // the other side refused
  Waiters arrived, room;
};

struct Peer::Outgoing {
  Outgoing() = default;
  Outgoing(std::uint32_t number, wire::Verb verb, bool reply, bool more, Reply content);
  std::size_t size() const { return wire::FrameHeader::kSize + head.size() + body.size(); }

  std::array<std::uint8_t, wire::FrameHeader::kSize> header{};
  std::string head;
  Buffer body;
  std::vector<Budget::Lease> room;
  bool keeps_alive = false;  // a ping or a pong: no movement
};

class Peer::RepliesTo final : public Replies {
 public:
  RepliesTo(Peer& peer, std::uint32_t number, wire::Verb verb) : peer_(peer), number_(number), verb_(verb) {}
  task<void> more(Reply reply) override;

 private:
  Peer& peer_;
  std::uint32_t number_;
  wire::Verb verb_;
};

}  // namespace farkeep
