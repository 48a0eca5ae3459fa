#include "base/utf8.hpp"

#include <catch2/catch.hpp>

using namespace farkeep;

TEST_CASE("utf8: the first and last character of each length are well-formed") {
  for (std::string_view one : {std::string_view("\0", 1), std::string_view("\x7f")}) CHECK(utf8_character(one) == 1);
  for (std::string_view two : {"\xc2\x80", "\xdf\xbf"}) CHECK(utf8_character(two) == 2);
  for (std::string_view three : {"\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf"}) CHECK(utf8_character(three) == 3);
  for (std::string_view four : {"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) CHECK(utf8_character(four) == 4);
  CHECK(is_utf8(""));
  CHECK(is_utf8("Grüße 日本 😀"));
}

TEST_CASE("utf8: overlong forms, surrogates, what lies beyond U+10FFFF, stray and missing bytes are none") {
  for (std::string_view bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xc2\xc2", "\xe0\x9f\xbf", "\xe0\xa0", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
                               "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    CHECK(utf8_character(bad) == 0);
    CHECK_FALSE(is_utf8("a" + std::string(bad) + "b"));
  }
  CHECK(utf8_character("") == 0);
}

TEST_CASE("utf8: a text that is too long loses its middle, between two characters") {
  CHECK(without_middle("0123456789abcdef", 16) == "0123456789abcdef");
  CHECK(without_middle("0123456789abcdefg", 16) == "01234 … bcdefg");
  const std::string euros = "€€€€€€€€€€";
  for (std::size_t most = 16; most < euros.size(); ++most) {
    const std::string cut = without_middle(euros, most);
    CHECK(is_utf8(cut));
    CHECK(cut.size() <= most);
    CHECK(cut.starts_with("€"));
    CHECK(cut.ends_with("€"));
  }
  CHECK(without_middle(std::string(100, '\x80'), 50).size() <= 50);
}
