#include "crypto/recovery_key.hpp"

#include <catch2/catch.hpp>

#include "helpers.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {
const std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

std::string printed() {
  return print_recovery_key(counting_secret<32>(0), AccountId{counting<16>(0x20)}, AgentId{counting<16>(0x30)});
}
}  // namespace

TEST_CASE("recovery key: every vector is read as its file says") {
  auto all = vectors("recovery");
  REQUIRE(all.size() == 10);
  for (const auto& v : all) {
    INFO(v.name);
    auto key = parse_recovery_key(v.text("typed"));
    if (v.outcome == "ok") {
      REQUIRE(key);
      CHECK(equal(key->root.view(), v.raw("root")));
      CHECK(equal(key->account.view(), v.raw("account")));
      CHECK(equal(key->agent.view(), v.raw("agent")));
    } else {
      REQUIRE_FALSE(key);
      CHECK(key.error() == promised(v.outcome));
    }
  }
}

TEST_CASE("recovery key: prints what the second implementation prints, in 24 groups of five") {
  for (const auto& v : vectors("recovery"))
    if (v.name == "printed.ok") CHECK(printed() == v.text("typed"));
  CHECK(printed().size() == 24 * 6 - 1);
}

TEST_CASE("recovery key: any single wrong letter is noticed") {
  auto text = printed();
  int accepted = 0;
  for (auto& c : text) {
    if (c == '-') continue;
    const char right = c;
    for (char wrong : kBase32) {
      if (wrong == right) continue;
      c = wrong;
      auto key = parse_recovery_key(text);
      accepted += key.has_value();
      if (!key && key.error() != Errc::bad_secret) FAIL("not told as mistyped");
    }
    c = right;
  }
  CHECK(accepted == 0);
  CHECK(parse_recovery_key(text));
}

TEST_CASE("recovery key: any two letters exchanged are noticed, near or far") {
  auto text = printed();
  int accepted = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    for (std::size_t k = i + 1; k < text.size(); ++k) {
      if (text[i] == text[k] || text[i] == '-' || text[k] == '-') continue;
      std::swap(text[i], text[k]);
      accepted += parse_recovery_key(text).has_value();
      std::swap(text[i], text[k]);
    }
  CHECK(accepted == 0);
}

TEST_CASE("recovery key: dashes, blanks and line ends may be anywhere or missing") {
  auto text = printed();
  std::string bare, scattered;
  for (char c : text)
    if (c != '-') {
      bare += c;
      scattered += c;
      scattered += "\r\n\t -";
    }
  CHECK(parse_recovery_key(bare));
  CHECK(parse_recovery_key(scattered));
  CHECK(parse_recovery_key(std::string(5000, ' ') + bare).error() == Errc::malformed);
  std::string with_zero = bare;
  with_zero[3] = '\0';
  CHECK(parse_recovery_key(with_zero).error() == Errc::malformed);
}
