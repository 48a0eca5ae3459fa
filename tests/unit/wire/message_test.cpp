#include "wire/message.hpp"

#include <google/protobuf/stubs/logging.h>

#include <catch2/catch.hpp>

#include "wire/quiet_parser.hpp"
#include "wire/refusal.hpp"

using namespace farkeep;
using namespace farkeep::wire;

namespace {
ObjectId id_of(std::uint8_t n) {
  ObjectId id;
  id.bytes.fill(n);
  return id;
}
}  // namespace

TEST_CASE("message: what was written is read back") {
  pb::Hello hello;
  hello.set_version_min(1);
  hello.set_version_max(3);
  hello.set_software("x");
  hello.set_time_ns(-5);
  auto const back = parse_message<pb::Hello>(to_head(hello));
  REQUIRE(back.has_value());
  CHECK(back->version_max() == 3);
  CHECK(back->time_ns() == -5);
}

TEST_CASE("message: a message cut inside a field is malformed, a long one too large") {
  pb::Register message;
  message.set_token(std::string(32, 't'));
  auto const whole = to_head(message);
  for (std::size_t cut = 1; cut < whole.size(); ++cut)
    CHECK(parse_message<pb::Register>(std::string_view{whole}.substr(0, cut)).error() == Errc::malformed);
  CHECK(parse_message<pb::Register>(whole, whole.size()).has_value());
  CHECK(parse_message<pb::Register>(whole, whole.size() - 1).error() == Errc::too_large);
}

TEST_CASE("message: a list of more parts than any has is too large before it is parsed") {
  for (std::size_t n : {limits::kMaxMessageFields, limits::kMaxMessageFields + 1}) {
    std::string bytes;
    for (std::size_t i = 0; i < n; ++i) bytes += std::string{"\x0a\x00", 2};  // one empty entry more
    auto const page = wire::parse_message<wire::pb::SyncRegistry>(bytes);
    if (n > limits::kMaxMessageFields) CHECK(page.error() == Errc::too_large);
    else CHECK(page->entry_size() == static_cast<int>(n));
  }
  // Fields of every kind count once, whatever they hold; what ends in the middle is the parser's affair.
  std::string all{"\x08\xff\x01" "\x11" "12345678" "\x1a\x02\x08\x08" "\x25" "1234", 3 + 9 + 4 + 5};
  CHECK(wire::has_few_fields(all));
  std::string many;
  while (many.size() < 4 * limits::kMaxMessageFields * 6) many += all;
  CHECK_FALSE(wire::has_few_fields(many));
  CHECK(wire::has_few_fields("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
  CHECK(wire::has_few_fields("\x0a\xff\xff\xff\xff\x7f" "x"));
  std::string const large = "\x0a" "\x80\x80\x3f" + std::string(0x3f * 16384, '\x0a');
  CHECK(wire::has_few_fields(large));
}

TEST_CASE("message: ids are 32 bytes each and at most 16,384") {
  std::vector<ObjectId> const ids = {id_of(1), id_of(2), id_of(255)};
  auto const field = to_field(ids);
  CHECK(field.size() == 96);
  CHECK(parse_ids(field).value() == ids);
  CHECK(parse_ids("").value().empty());
  CHECK(parse_ids(field.substr(1)).error() == Errc::malformed);
  CHECK(parse_ids(std::string(32 * limits::kIdsPerQuestion, 'i')).value().size() == limits::kIdsPerQuestion);
  CHECK(parse_ids(std::string(32 * (limits::kIdsPerQuestion + 1), 'i')).error() == Errc::too_large);
}

TEST_CASE("message: a bitmap has its least significant bit first and nothing beyond its size") {
  std::vector<bool> bits(11);
  bits[0] = bits[9] = bits[10] = true;
  auto const map = to_bitmap(bits);
  CHECK(map == std::string("\x01\x06", 2));
  CHECK(parse_bitmap(map, 11).value() == bits);
  CHECK(parse_bitmap("", 0).value().empty());
  CHECK(parse_bitmap(map, 10).error() == Errc::malformed);
  CHECK(parse_bitmap(map, 17).error() == Errc::malformed);
  CHECK(parse_bitmap(map, 8).error() == Errc::malformed);
}

TEST_CASE("refusal: every code that a peer may say comes back as itself") {
  for (int code = 1; code <= static_cast<int>(Errc::exists); ++code) {
    if (code == static_cast<int>(Errc::usage) || code == static_cast<int>(Errc::configuration)) continue;
    auto const message = to_failure(static_cast<Errc>(code), "why", std::chrono::seconds{7});
    auto const refusal = to_refusal(message, "registering");
    CHECK(classify(refusal.code()) == static_cast<Errc>(code));
    CHECK(refusal.retry_after() == std::chrono::seconds{7});
    CHECK(std::string{refusal.what()}.find("why") != std::string::npos);
    CHECK(std::string{refusal.what()}.find("registering") == 0);
  }
  for (auto code : {0u, static_cast<unsigned>(Errc::incomplete) + 1, 0xffffffffu}) {
    pb::Failure message;
    message.set_code(code);
    CHECK(classify(to_refusal(message, "x").code()) == Errc::protocol);
  }
}

TEST_CASE("refusal: the text of a peer cannot steer a terminal nor fill a log") {
  pb::Failure message;
  message.set_code(1);
  message.set_text("a\x1b[2J\nb\x7f" + std::string(5000, 'z'));
  message.set_retry_after_s(0xffffffffu);
  auto const refusal = to_refusal(message, "x");
  std::string const what = refusal.what();
  CHECK(what.find('\x1b') == std::string::npos);
  CHECK(what.find('\n') == std::string::npos);
  CHECK(what.find('\x7f') == std::string::npos);
  CHECK(what.size() < 1200);
  CHECK(refusal.retry_after() == std::chrono::hours{1});
}

TEST_CASE("message: a text that is no UTF-8 is malformed, and a program's parser writes no line about it") {
  static int lines;
  lines = 0;
  google::protobuf::SetLogHandler([](google::protobuf::LogLevel, const char*, int, const std::string&) { ++lines; });
  pb::Hello hello;
  hello.set_software("abc");
  auto bytes = hello.SerializeAsString();
  bytes[bytes.find("abc")] = '\xff';
  CHECK_FALSE(parse_message<pb::Hello>(bytes).has_value());
  CHECK(lines > 0);
  quiet_parser();
  lines = 0;
  CHECK_FALSE(parse_message<pb::Hello>(bytes).has_value());
  CHECK(lines == 0);
}
