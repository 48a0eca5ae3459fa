#include "wire/frame.hpp"

#include <catch2/catch.hpp>
#include <cstring>

#include "base/codec.hpp"
#include "base/hex.hpp"
#include "base/limits.hpp"
#include "wire/frame_limits.hpp"

using namespace farkeep;
using namespace farkeep::wire;

namespace {

Buffer raw_header(std::uint32_t head, std::uint32_t body, std::uint32_t request, std::uint8_t verb, std::uint8_t flags,
                  std::uint16_t zero = 0) {
  Buffer out;
  Writer w{out};
  w.number(head);
  w.number(body);
  w.number(request);
  w.number(verb);
  w.number(flags);
  w.number(zero);
  return out;
}

Buffer pattern(std::size_t size, unsigned seed) {
  Buffer out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>((i * 131 + seed) ^ (i >> 8));
  return out;
}

Buffer encoded(Verb verb, std::uint32_t request, const std::string& head, const Buffer& body) {
  FrameHeader h;
  h.head_size = static_cast<std::uint32_t>(head.size());
  h.body_size = static_cast<std::uint32_t>(body.size());
  h.request = request;
  h.verb = verb;
  Buffer out = to_buffer(h.encode());
  append(out, as_bytes(head));
  append(out, body);
  return out;
}

// Feeds `bytes` in pieces of at most `step` and gives what came out.
std::vector<Frame> feed(FrameReader& reader, ByteView bytes, std::size_t step) {
  std::vector<Frame> out;
  while (!bytes.empty()) {
    auto space = reader.space();
    REQUIRE(!space.empty());
    auto const n = std::min({step, space.size(), bytes.size()});
    std::memcpy(space.data(), bytes.data(), n);
    bytes = bytes.subspan(n);
    reader.filled(n);
    for (;;) {
      auto frame = reader.next();
      REQUIRE(frame.has_value());
      if (!*frame) break;
      out.push_back(std::move(**frame));
    }
  }
  return out;
}

boost::system::error_code error_of(ByteView bytes) {
  FrameReader reader;
  auto space = reader.space();
  std::memcpy(space.data(), bytes.data(), bytes.size());
  reader.filled(bytes.size());
  auto const got = reader.next();
  return got ? boost::system::error_code{} : got.error();
}

}  // namespace

TEST_CASE("frame: the example of PROTOCOL.md is a ping with request number 7") {
  auto const bytes = unhex("00000000000000000700000002000000");
  auto const header = FrameHeader::parse(*bytes);
  REQUIRE(header.has_value());
  CHECK(header->verb == Verb::ping);
  CHECK(header->request == 7);
  CHECK(header->head_size + header->body_size == 0);
  CHECK_FALSE(header->reply);
  CHECK(to_buffer(header->encode()) == *bytes);
}

TEST_CASE("frame: every verb and flag survives the header") {
  for (unsigned number = 0; number < 256; ++number) {
    for (std::uint8_t flags = 0; flags < 4; ++flags) {
      auto const raw = raw_header(1, 2, 3, static_cast<std::uint8_t>(number), flags);
      auto const parsed = FrameHeader::parse(raw);
      bool const failure = number == 4;
      bool const good = verb_of(static_cast<std::uint8_t>(number)) && flags != 2 && !(failure && flags != 1);
      CAPTURE(number, flags);
      REQUIRE(parsed.has_value() == good);
      if (good) CHECK(to_buffer(parsed->encode()) == raw);
      else CHECK(parsed.error() == Errc::malformed);
    }
  }
}

TEST_CASE("frame: an unknown flag or a reserved byte that is not zero is refused") {
  for (int bit = 2; bit < 8; ++bit) CHECK(error_of(raw_header(0, 0, 1, 2, static_cast<std::uint8_t>(1 << bit))) == Errc::malformed);
  for (int bit = 0; bit < 16; ++bit)
    CHECK(error_of(raw_header(0, 0, 1, 2, 0, static_cast<std::uint16_t>(1 << bit))) == Errc::malformed);
}

TEST_CASE("frame: sizes up to the limit pass, one more is refused before anything is allocated") {
  constexpr auto head = static_cast<std::uint32_t>(limits::kMaxFrameHead);
  constexpr auto body = static_cast<std::uint32_t>(limits::kMaxFrameBody);
  CHECK(FrameHeader::parse(raw_header(head, body, 1, 22, 0)).has_value());
  for (auto size : {head + 1, 0xffffffffu}) CHECK(error_of(raw_header(size, 0, 1, 22, 0)) == Errc::too_large);
  for (auto size : {body + 1, 0xffffffffu}) CHECK(error_of(raw_header(0, size, 1, 22, 0)) == Errc::too_large);
}

TEST_CASE("frame: a reader's own limits hold before anything is allocated, and say whose frame it was") {
  FrameReader reader{[](const FrameHeader& h) { return most_of_request(h.verb, Role::nobody, Stage::connected); }};
  auto const small = encoded(Verb::ping, 7, {}, Buffer(4096));
  CHECK(feed(reader, small, 100).size() == 1);
  auto const large = raw_header(0, static_cast<std::uint32_t>(limits::kMaxPingBody) + 1, 8, static_cast<std::uint8_t>(Verb::ping), 0);
  auto space = reader.space();
  std::copy(large.begin(), large.end(), space.begin());
  reader.filled(large.size());
  auto const frame = reader.next();
  REQUIRE_FALSE(frame.has_value());
  CHECK(frame.error() == make_error_code(Errc::too_large));
  REQUIRE(reader.refused());
  CHECK(reader.refused()->request == 8);
  CHECK_FALSE(reader.next().has_value());
}

TEST_CASE("frame: before hello and for nobody every frame is small, afterwards a body belongs to put and ping only") {
  for (int n = 0; n < 256; ++n) {
    auto const verb = verb_of(static_cast<std::uint8_t>(n));
    if (!verb) continue;
    CAPTURE(name_of(*verb));
    for (auto const stage : {Stage::connected, Stage::greeted, Stage::opened}) {
      auto const stranger = most_of_request(*verb, Role::nobody, stage);
      CHECK(stranger.head <= 16 * 1024);
      CHECK(stranger.body <= (*verb == Verb::ping || *verb == Verb::put ? limits::kMaxPingBody : 0u));
      auto const agent = most_of_request(*verb, Role::agent, stage);
      CHECK(agent.head <= limits::kMaxFrameHead);
      if (stage == Stage::connected) CHECK((agent.head == stranger.head && agent.body == stranger.body));
      if (stage == Stage::opened && *verb != Verb::put && *verb != Verb::ping) CHECK(agent.body == 0);
    }
  }
  CHECK(most_of_request(Verb::put, Role::agent, Stage::opened).body == limits::kMaxFrameBody);
  CHECK(most_of_request(Verb::ping, Role::agent, Stage::greeted).body == limits::kMaxPingBody);
  CHECK(most_of_request(Verb::commit, Role::agent, Stage::opened).head > limits::kMaxManifest);
  CHECK(most_of_request(Verb::have, Role::agent, Stage::opened).head >= 32 * limits::kIdsPerQuestion + 8);
}

TEST_CASE("frame: cut at every byte there is no frame, and the reader knows that it was inside one") {
  auto const whole = encoded(Verb::put, 9, "head", pattern(50, 1));
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    FrameReader reader;
    CHECK(feed(reader, ByteView{whole}.first(cut), 7).empty());
    CHECK(reader.in_frame() == (cut > 0));
    auto const frames = feed(reader, ByteView{whole}.subspan(cut), 7);
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].head == "head");
    CHECK(frames[0].body == pattern(50, 1));
    CHECK_FALSE(reader.in_frame());
  }
}

TEST_CASE("frame: frames of every size come out whole however the bytes are cut") {
  std::vector<std::pair<std::string, Buffer>> const parts = {
      {"", {}}, {"x", {}}, {"", pattern(1, 2)}, {"abc", pattern(16 * 1024, 3)}, {"", pattern(16 * 1024 - 1, 4)},
      {std::string(20000, 'h'), pattern(40000, 5)}, {"", {}}, {"y", pattern(300'001, 6)}, {"z", pattern(7, 7)}};
  Buffer stream;
  for (std::size_t i = 0; i < parts.size(); ++i)
    append(stream, encoded(Verb::put, static_cast<std::uint32_t>(i), parts[i].first, parts[i].second));
  for (std::size_t step : {1u, 15u, 16u, 17u, 4096u, 16384u, 1'000'000u}) {
    FrameReader reader;
    auto const frames = feed(reader, stream, step);
    CAPTURE(step);
    REQUIRE(frames.size() == parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      CHECK(frames[i].header.request == i);
      CHECK(frames[i].head == parts[i].first);
      CHECK((frames[i].body == parts[i].second));
    }
    CHECK_FALSE(reader.in_frame());
  }
}

TEST_CASE("frame: the largest frame passes and its body is read in place") {
  auto const body = pattern(limits::kMaxFrameBody, 8);
  auto const whole = encoded(Verb::put, 1, std::string(limits::kMaxFrameHead, 'h'), body);
  FrameReader reader;
  auto const frames = feed(reader, whole, 16384);
  REQUIRE(frames.size() == 1);
  CHECK((frames[0].body == body));
  CHECK(frames[0].body.capacity() < limits::kMaxFrameBody + 4096);  // sized once: growing by doubling would show
}

TEST_CASE("frame: after an error every next repeats it") {
  FrameReader reader;
  auto const bad = raw_header(0, 0, 1, 99, 0);
  auto space = reader.space();
  std::memcpy(space.data(), bad.data(), bad.size());
  reader.filled(bad.size());
  CHECK(reader.next().error() == Errc::malformed);
  CHECK(reader.next().error() == Errc::malformed);
}
