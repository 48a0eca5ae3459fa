// What a peer's failure may do to whoever reads it.
#include "wire/refusal.hpp"

#include <catch2/catch.hpp>

using namespace farkeep;

namespace {

Errc read_as(std::uint32_t code) {
  wire::pb::Failure message;
  message.set_code(code);
  message.set_text("because");
  return classify(wire::to_refusal(message, "asking for it").code());
}

}  // namespace

TEST_CASE("refusal: no peer says that this program was stopped, called or configured wrongly") {
  for (auto const ours : {Errc::cancelled, Errc::usage, Errc::configuration, Errc::incomplete, Errc::proxy, Errc::proxy_login, Errc::command}) {
    INFO(static_cast<int>(ours));
    CHECK(read_as(static_cast<std::uint32_t>(ours)) == Errc::protocol);
  }
  for (auto const unknown : {0U, 30U, 4711U, 0xffffffffU}) CHECK(read_as(unknown) == Errc::protocol);
}

TEST_CASE("refusal: what was stopped here is told as something to ask for again") {
  CHECK(wire::to_failure(Errc::cancelled, "stopping").code() == static_cast<std::uint32_t>(Errc::busy));
  CHECK(wire::to_failure(Errc::usage, "joining").code() == static_cast<std::uint32_t>(Errc::protocol));
}
