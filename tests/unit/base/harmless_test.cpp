#include "base/harmless.hpp"

#include <catch2/catch.hpp>

#include "base/log.hpp"
#include "base/metrics_text.hpp"
#include "base/utf8.hpp"

using namespace farkeep;

TEST_CASE("harmless: letters of any script, joined emoji and an escaped text stay as they are") {
  for (const std::string text : {"plain", "Grüße 日本 😀", "مرحبا", "👩‍🚀", "a\\x1b[2J", "\"quoted\" 'too'"}) {
    CHECK(harmless_line(text) == text);
    CHECK(harmless_lines(text) == text);
    CHECK(harmless_json(text) == text);
  }
}

TEST_CASE("harmless: controls, what reorders or hides, and what is no UTF-8 are written out") {
  const std::pair<std::string, std::string> cases[] = {
      {"\x1b[31m", "\\x1b[31m"},           // C0
      {"a\rb\bc", "a\\x0db\\x08c"},        // overwriting what was shown
      {"\x7f", "\\x7f"},                   // DEL
      {"\xc2\x9b" "31m", "\\xc2\\x9b31m"}, // C1: CSI
      {"\x9b" "31m", "\\x9b31m"},          // the same as one byte
      {"\xe2\x80\xae" "fdp.exe", "\\xe2\\x80\\xaefdp.exe"},  // U+202E
      {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},                   // U+2066
      {"\xd8\x9c", "\\xd8\\x9c"},                            // U+061C
      {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},                   // U+2028
      {"a\xe2\x80\x8b" "b", "a\\xe2\\x80\\x8bb"},            // U+200B
      {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},                   // U+FEFF
      {"\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81"},          // U+E0041
      {"\xc0\x9b\xff", "\\xc0\\x9b\\xff"},                   // overlong, and no byte of UTF-8
      {"\xe2\x80", "\\xe2\\x80"},                            // cut off
  };
  for (auto& [raw, shown] : cases) {
    INFO(shown);
    CHECK(harmless_line(raw) == shown);
    CHECK(harmless_lines(raw) == shown);
    CHECK(harmless_line(harmless_line(raw)) == shown);
  }
  CHECK(harmless_lines("a\tb\nc") == "a\tb\nc");
  CHECK(harmless_line("a\tb\nc") == "a\\x09b\\x0ac");
}

TEST_CASE("harmless: every single byte and every control point comes out as printable UTF-8") {
  for (int b = 0; b < 256; ++b) {
    const std::string out = harmless_line(std::string(1, static_cast<char>(b)));
    CHECK(is_utf8(out));
    for (const char c : out) CHECK((c >= ' ' && c <= '~'));
  }
}

TEST_CASE("harmless: JSON stays JSON, says the same, and is UTF-8") {
  CHECK(harmless_json("{\"a\":\"\xc2\x9b\x7f\"}") == "{\"a\":\"\\u009b\\u007f\"}");
  CHECK(harmless_json("\"\xe2\x80\xae\"") == "\"\\u202e\"");
  CHECK(harmless_json("\"\xf3\xa0\x81\x81\"") == "\"\\udb40\\udc41\"");
  CHECK(harmless_json("\"\xff\xe2\x80\"") == "\"\\ufffd\\ufffd\\ufffd\"");
  CHECK(harmless_json("{\n\t\"a\": 1}") == "{\n\t\"a\": 1}");
}

TEST_CASE("metrics text: a label of others breaks neither the line nor the format") {
  MetricsText text;
  text.family("farkeep_x", MetricsText::Type::gauge, "Help.");
  text.sample({{"name", "a\rb\xff\"\n\xc2\x9b"}}, 1);
  CHECK(text.text().find("farkeep_x{name=\"a\\\\x0db\\\\xff\\\"\\n\\\\xc2\\\\x9b\"} 1\n") != std::string::npos);
  CHECK(is_utf8(text.text()));
}

TEST_CASE("utf8: a text is cut between two characters, and what is no UTF-8 anywhere") {
  CHECK(whole_characters("abc", 3) == "abc");
  CHECK(whole_characters("abc", 2) == "ab");
  const std::string text = "a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80z";
  for (std::size_t n = 0; n <= text.size(); ++n) {
    INFO(n);
    CHECK(is_utf8(whole_characters(text, n)));
    CHECK(whole_characters(text, n).size() + 3 >= n);
  }
  CHECK(whole_characters("\x80\x80\x80\x80\x80\x80", 5).size() == 5);
}
