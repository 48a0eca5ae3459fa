#include "manual/page.hpp"

#include <catch2/catch.hpp>

#include "manual/wanted.hpp"

using namespace farkeep::manual;
namespace po = boost::program_options;

namespace {

struct Row {
  const char* name;
  const char* operands;
  const char* summary;
  void (*options)(po::options_description&);
};

void some_options(po::options_description& d) {
  d.add_options()("for", po::value<std::string>()->value_name("FORMAT")->default_value("a"), "one of: a, b")("long,l", "more")("file", po::value<std::string>()->value_name("FILE"), "");
}
void no_options(po::options_description&) {}

constexpr Row kTable[] = {{"key show", "", "Shows.", no_options}, {"key set", "KEY=VALUE…", "Sets.", some_options}, {"ls", "[SNAPSHOT] [PATH]", "Lists.", no_options}};

std::string page_with(std::string_view prose) {
  Page page("p", 1, "s");
  auto const before = page.roff().size();
  page.text("T", prose);
  return page.roff().substr(before);
}

}  // namespace

TEST_CASE("page: roff's own characters mean nothing in a text") {
  CHECK(escaped(".TH", Kind::prose) == "\\&.TH");
  CHECK(escaped("'br", Kind::prose) == "\\&'br");
  CHECK(escaped("a\\fB-x ~ ^ `", Kind::prose) == "a\\efB\\-x \\(ti \\(ha \\(ga");
  CHECK(escaped("'it's'", Kind::code) == "\\&\\(aqit\\(aqs\\(aq");
  CHECK(escaped("JOB…", Kind::code) == "JOB\\[u2026]");
}

TEST_CASE("page: bytes that are no UTF-8 end nothing") { CHECK(escaped("a\xe2\x80", Kind::prose) == "a\\[u00E2]"); }

TEST_CASE("page: prose becomes paragraphs, items and examples") {
  CHECK(page_with("\none\ntwo `-x`\n\nthree\n") == ".SH \"T\"\none\ntwo \\fB\\-x\\fR\n.PP\nthree\n");
  CHECK(page_with("= -a\nit\n= -b\nthat") == ".SH \"T\"\n.TP\n\\fB\\-a\\fR\nit\n.TP\n\\fB\\-b\\fR\nthat\n");
  CHECK(page_with("do:\n\n    .x y\n      z\n\nend") == ".SH \"T\"\ndo:\n.sp\n.RS 4\n.EX\n\\&.x y\n  z\n.EE\n.RE\n.PP\nend\n");
}

TEST_CASE("program: options, their letters, values and defaults come from the table") {
  auto const verbs = verbs_of(kTable);
  REQUIRE(verbs.size() == 3);
  auto const& options = verbs[1].options;
  REQUIRE(options.size() == 3);
  CHECK((options[0].name == "for" && options[0].value == "FORMAT" && options[0].fallback == "a" && options[0].letter == 0));
  CHECK((options[1].name == "long" && options[1].value.empty() && options[1].letter == 'l'));
}

TEST_CASE("completion: what a place wants is known from its word, or from the list in its sentence") {
  Program p{.name = "x-y", .config = "/c", .general = {}, .verbs = verbs_of(kTable), .assignments = {"a=b", "c="}};
  CHECK(wanted(p, "FORMAT", "one of: a, b (or so)") == "words a  b ");
  CHECK(wanted(p, "[JOB]") == "job");
  CHECK(wanted(p, "DIR") == "folder");
  CHECK(wanted(p, "TEXT_OR_FILE") == "file");
  CHECK(wanted(p, "NAME") == "nothing");
  CHECK(wanted_operands(p, p.verbs[1]) == std::vector<std::string>{"words a=b c="});
  CHECK(wanted_operands(p, p.verbs[2]) == std::vector<std::string>{"words latest", "file"});
  auto const first = first_words(p);
  REQUIRE(first.size() == 2);
  CHECK((first[0].word == "key" && first[0].about == "show, set" && first[1].about == "Lists."));
  CHECK(quoted_for_shell("it's") == "'it'\\''s'");
  CHECK(filled("@F@ @P@ @CONFIG@ @FIRSTS@ ${a[@]} @", p) == "_x_y x-y /c key ls ${a[@]} @");
}
