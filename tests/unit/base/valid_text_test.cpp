#include "base/valid_text.hpp"

#include <catch2/catch.hpp>

#include "base/utf8.hpp"

using namespace farkeep;

TEST_CASE("valid text: a text for a message's field is whole when it was, else its bad bytes are written out, and no cut leaves half of anything") {
  CHECK(valid_text("Grüße 日本 😀\n") == "Grüße 日本 😀\n");
  CHECK(valid_text("f\xfcr \xed\xa0\x80") == "f\\xfcr \\xed\\xa0\\x80");
  CHECK(valid_text("a\xe2\x82") == "a\\xe2\\x82");
  const std::string mixed = "ä\xff€\xe2\x82";
  const std::string whole = valid_text(mixed);
  for (std::size_t most = 0; most <= whole.size(); ++most) {
    const std::string cut = valid_text(mixed, most);
    CHECK(cut.size() <= most);
    CHECK(whole.starts_with(cut));
    CHECK(is_utf8(cut));
    CHECK((cut.empty() || cut.back() != '\\'));
  }
  CHECK(valid_text(mixed, whole.size()) == whole);
}
