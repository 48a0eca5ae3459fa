#include "wire/token_text.hpp"

#include <catch2/catch.hpp>

#include "base/hex.hpp"

using namespace farkeep;
using namespace farkeep::wire;

namespace {
const Buffer kToken(32, 7);
ServerId server(std::uint8_t n) { return *ServerId::from(ByteView{Buffer(ServerId::kSize, n)}); }
}  // namespace

TEST_CASE("token text: the token and who may be given it, there and back") {
  ServerId const two[] = {server(1), server(2)};
  auto const read = parse_token_text(token_text(kToken, two));
  REQUIRE(read.has_value());
  CHECK(read->token == kToken);
  CHECK(read->servers == std::vector<ServerId>{server(1), server(2)});
}

TEST_CASE("token text: one of an older server names nobody") {
  auto const read = parse_token_text(base32(kToken));
  REQUIRE(read.has_value());
  CHECK(read->token == kToken);
  CHECK(read->servers.empty());
}

TEST_CASE("token text: anything else behind the token is refused") {
  ServerId const one[] = {server(1)};
  auto const whole = *unbase32(token_text(kToken, one));
  for (std::size_t size = 33; size < whole.size(); ++size) CHECK_FALSE(parse_token_text(base32(ByteView{whole}.first(size))).has_value());
  auto longer = whole;
  longer.push_back(0);
  CHECK_FALSE(parse_token_text(base32(longer)).has_value());
  auto version = whole;
  version[32] = 2;
  CHECK_FALSE(parse_token_text(base32(version)).has_value());
  CHECK_FALSE(parse_token_text("not base32!").has_value());
  CHECK_FALSE(parse_token_text("").has_value());
}

TEST_CASE("token text: what an older agent sends is the same token") {
  ServerId const one[] = {server(1)};
  auto const sent = to_string(*unbase32(token_text(kToken, one)));
  CHECK(bare_token(sent) == to_string(kToken));
  CHECK(bare_token(to_string(kToken)) == to_string(kToken));
  CHECK(bare_token("x") == "x");
}
