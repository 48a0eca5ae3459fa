#include "transport/echo.hpp"

#include <array>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "wire/frame.hpp"

namespace farkeep {

task<void> echo(SecureStream& stream, std::size_t bytes) {
  FARKEEP_CHECK(bytes <= limits::kMaxPingBody);
  wire::FrameHeader ping;
  ping.body_size = static_cast<std::uint32_t>(bytes);
  ping.verb = wire::Verb::ping;
  const auto header = ping.encode();
  Buffer body(bytes);
  for (std::size_t i = 0; i < bytes; ++i) body[i] = static_cast<std::uint8_t>(i * 167 + i / 256);  // nothing that a tunnel could pack
  const std::array<ByteView, 2> parts{ByteView{header}, ByteView{body}};
  co_await stream.write(parts);

  std::array<std::uint8_t, wire::FrameHeader::kSize> answered{};
  const bool came = co_await read_exactly(stream, answered);
  if (!came) throw failure(Errc::disconnected, "reading from " + stream.describe() + ": it closed the connection");
  wire::FrameHeader expected = ping;
  expected.reply = true;
  const auto got = wire::FrameHeader::parse(answered);
  if (!got || *got != expected) throw failure(Errc::protocol, "reading from " + stream.describe() + ": something else than the answer to a ping");
  Buffer back(bytes);
  if (bytes > 0) {
    const bool whole = co_await read_exactly(stream, back);
    if (!whole) throw failure(Errc::disconnected, "reading from " + stream.describe() + ": it closed the connection");
  }
  if (back != body) throw failure(Errc::protocol, "reading from " + stream.describe() + ": a ping came back changed");
}

}  // namespace farkeep
