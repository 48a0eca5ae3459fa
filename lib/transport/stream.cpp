#include "transport/stream.hpp"

#include "base/error.hpp"

namespace farkeep {

task<void> Stream::write(ByteView bytes) {
  const ByteView parts[] = {bytes};
  co_await write(std::span<const ByteView>{parts});
}

task<bool> read_exactly(Stream& stream, MutableByteView into) {
  for (std::size_t have = 0; have < into.size();) {
    const std::size_t n = co_await stream.read_some(into.subspan(have));
    if (n == 0) {
      if (have == 0) co_return false;
      throw failure(Errc::disconnected,
                    "reading from " + stream.describe() + ", which ended in the middle of a message");
    }
    have += n;
  }
  co_return true;
}

std::string PeerIdentity::text() const {
  switch (role) {
    case Role::server:
      return "server " + server.brief();
    case Role::agent:
      return "agent " + agent.brief() + " of account " + account.brief();
    case Role::anonymous:
      break;
  }
  return "an unregistered client";
}

}  // namespace farkeep
