#include <catch2/catch.hpp>
#include <random>

#include "base/limits.hpp"
#include "config/ini.hpp"

using namespace farkeep;

namespace {

IniDocument parsed_for_edit(std::string_view text) {
  auto out = IniDocument::parse(text, "test.ini");
  REQUIRE(out);
  return std::move(*out.value);
}

std::string after_set(std::string_view text, const SectionId& section, std::string_view key, std::string_view value) {
  auto document = parsed_for_edit(text);
  REQUIRE(document.set(section, key, value));
  return document.text();
}

std::string after_set_all(std::string_view text, std::vector<std::string> values) {
  auto document = parsed_for_edit(text);
  REQUIRE(document.set_all({"s", ""}, "k", values));
  return document.text();
}

}  // namespace

TEST_CASE("ini set: the line keeps its place, its spacing and its comment") {
  CHECK(after_set("# top\n[s]\na = 1\nk   =   old   # why\nb = 2\n", {"s", ""}, "k", "new") ==
        "# top\n[s]\na = 1\nk   =   new   # why\nb = 2\n");
  CHECK(after_set("[s]\r\nk = \"old\"\r\n", {"s", ""}, "k", "new") == "[s]\r\nk = new\r\n");
  CHECK(after_set("[s]\nk=old", {"s", ""}, "k", "new") == "[s]\nk= new");
  CHECK(after_set("[s]\nk =\n", {"s", ""}, "k", "new") == "[s]\nk = new\n");
  CHECK(after_set("[s]\nk = # why\n", {"s", ""}, "k", "new") == "[s]\nk = new # why\n");
}

TEST_CASE("ini set: a new key goes below its commented default, else below the last entry, else below the header") {
  CHECK(after_set("[s]\n# The k.\n#k = 1\n\n#b = 2\n", {"s", ""}, "k", "3") ==
        "[s]\n# The k.\n#k = 1\nk = 3\n\n#b = 2\n");
  CHECK(after_set("[s]\n; k=1\n", {"s", ""}, "k", "3") == "[s]\n; k=1\nk = 3\n");
  CHECK(after_set("#k = 0\n[s]\na = 1\n# about t\n[t]\n#k = 9\n", {"s", ""}, "k", "3") ==
        "#k = 0\n[s]\na = 1\nk = 3\n# about t\n[t]\n#k = 9\n");
  CHECK(after_set("[s]\n[t]\n", {"s", ""}, "k", "3") == "[s]\nk = 3\n[t]\n");
  CHECK(after_set("[s]", {"s", ""}, "k", "3") == "[s]\nk = 3\n");
}

TEST_CASE("ini set: a new section goes to the end") {
  CHECK(after_set("", {"job", "a"}, "path", "/x") == "[job a]\npath = /x\n");
  CHECK(after_set("[s]\nk = 1", {"job", "a"}, "path", "/x") == "[s]\nk = 1\n\n[job a]\npath = /x\n");
  CHECK(after_set("[s]\r\nk = 1\r\n", {"t", ""}, "k", "2") == "[s]\r\nk = 1\r\n\r\n[t]\r\nk = 2\r\n");
  CHECK(after_set("\xef\xbb\xbf", {"t", ""}, "k", "2") == "\xef\xbb\xbf\n\n[t]\nk = 2\n");
}

TEST_CASE("ini set: a repeated key gets as many lines as values") {
  std::string_view const text = "[s]\nk = 1 # one\nb = x\nk = 2\nc = y";
  CHECK(after_set_all(text, {"7"}) == "[s]\nk = 7 # one\nb = x\nc = y");
  CHECK(after_set_all(text, {"7", "8", "9", "10"}) == "[s]\nk = 7 # one\nb = x\nk = 8\nk = 9\nk = 10\nc = y");
  CHECK(after_set_all(text, {}) == "[s]\nb = x\nc = y");
  CHECK(after_set_all("[s]", {"1", "2"}) == "[s]\nk = 1\nk = 2\n");
  CHECK(after_set_all("[t]\n", {}) == "[t]\n");
}

TEST_CASE("ini set: what the grammar cannot write is refused and changes nothing") {
  auto document = parsed_for_edit("[s]\nk = 1\n");
  CHECK(document.set({"s", ""}, "k", std::string{"a\0b", 3}).error() == Errc::configuration);
  CHECK(document.set({"s", ""}, "k", "a\rb").error() == Errc::configuration);
  CHECK(document.set({"s", ""}, "k=1\nx", "v").error() == Errc::configuration);
  CHECK(document.set({"s", ""}, "#k", "v").error() == Errc::configuration);
  CHECK(document.set({"s", ""}, "", "v").error() == Errc::configuration);
  CHECK(document.set({"t]\n[u", ""}, "k", "v").error() == Errc::configuration);
  CHECK(document.set({"job", "a b"}, "k", "v").error() == Errc::configuration);
  CHECK(document.set({"s", ""}, "k", std::string(limits::kMaxIniLine, 'a')).error() == Errc::configuration);
  CHECK(document.text() == "[s]\nk = 1\n");
  while (document.text().size() + limits::kMaxIniLine < limits::kMaxIniFile) {
    REQUIRE(document.set({"s", ""}, "k" + std::to_string(document.text().size()),
                         std::string(limits::kMaxIniLine - 100, 'a')));
  }
  std::string const before = document.text();
  CHECK(document.set({"s", ""}, "more", std::string(limits::kMaxIniLine - 100, 'a')).error() == Errc::too_large);
  CHECK(document.text() == before);
}

TEST_CASE("ini set: any value reads back as it was set, beside any comment") {
  std::mt19937 random{7};
  std::string_view const alphabet[] = {"a", " ", "\t", "#", ";", "\"", "\\", "\n", "=", "[", "]", "\xff", "é", "/"};
  for (int i = 0; i < 3000; ++i) {
    std::string value;
    for (unsigned n = random() % 8; n > 0; --n) value += alphabet[random() % std::size(alphabet)];
    auto document = parsed_for_edit(i % 2 == 0 ? "[s]\nk = old # c\nz = 1\n" : "[s]\nk = # c\nz = 1\n");
    INFO("value: " << in_quotes(value));
    REQUIRE(document.set({"s", ""}, "k", value));
    INFO("text: " << document.text());
    auto const again = parsed_for_edit(document.text());
    CHECK(again.find({"s", ""})->entries.size() == 2);
    CHECK(again.find({"s", ""})->entries[0].value == value);
    CHECK(document.text().find(" # c\n") != std::string::npos);
  }
}
