#include "config/exclude.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "base/limits.hpp"
#include "unit/config/text_file.hpp"
#include "vectors_folder.hpp"

using namespace farkeep;
using namespace farkeep::test;
using Verdict = ExcludeRules::Verdict;

namespace {

ExcludeRules rules(std::vector<std::string> lines) {
  std::vector<ExcludeLine> in;
  for (std::size_t i = 0; i < lines.size(); ++i) in.push_back({lines[i], "rules", static_cast<int>(i) + 1});
  auto out = ExcludeRules::parse(in);
  for (const ConfigError& e : out.errors) UNSCOPED_INFO(e.to_string());
  REQUIRE(out);
  return std::move(*out.value);
}

bool excluded(std::vector<std::string> lines, std::string_view path, bool is_folder = false) {
  return rules(std::move(lines)).decide(path, is_folder).verdict == Verdict::excluded;
}

/// The matcher as one would explain it: exponential, and too simple to be wrong.  `pattern` has no set and no escape.
bool naive_component(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return naive_component(pattern.substr(1), name) || (!name.empty() && naive_component(pattern, name.substr(1)));
  }
  return !name.empty() && (pattern[0] == '?' || pattern[0] == name[0]) &&
         naive_component(pattern.substr(1), name.substr(1));
}
bool naive_parts(const std::vector<std::string_view>& p, std::size_t i, const std::vector<std::string_view>& n,
                 std::size_t j) {
  if (i == p.size()) return j == n.size();
  if (p[i] == "**") {
    if (i + 1 == p.size()) return j < n.size();
    return naive_parts(p, i + 1, n, j) || (j < n.size() && naive_parts(p, i, n, j + 1));
  }
  return j < n.size() && naive_component(p[i], n[j]) && naive_parts(p, i + 1, n, j + 1);
}
bool naive(std::string_view pattern, std::string_view path) {
  auto const names = split(path.substr(1), '/');
  if (pattern.find('/') == pattern.npos) return naive_component(pattern, names.back());
  return naive_parts(split(pattern.starts_with('/') ? pattern.substr(1) : pattern, '/'), 0, names, 0);
}

}  // namespace

TEST_CASE("exclude: every decision that git made on the same rules") {
  std::string const file = read_text(std::string(kVectors) + "/config/exclude_git.txt");
  std::vector<std::string> lines;
  std::size_t sets = 0, decisions = 0;
  ExcludeRules current;
  bool compiled = true;
  for (auto const& row : rows(file)) {
    if (row[0] == "rule") {
      if (compiled) lines.clear();
      compiled = false;
      lines.push_back(unescape(row.at(1)));
      continue;
    }
    if (!compiled) {
      current = rules(lines);
      compiled = true;
      ++sets;
    }
    REQUIRE(row.size() == 4);
    std::string const path = unescape(row[3]);
    std::string all;
    for (auto const& line : lines) all += line + " | ";
    INFO("rules: " << all << " path: " << path << " " << row[0]);
    auto const decision = current.decide_from_root(path, row[0] == "d");
    CHECK((decision.verdict == Verdict::excluded) == (row[2] == "x"));
    CHECK((decision.rule == nullptr ? 0 : decision.rule->line) == std::stoi(std::string{row[1]}));
    ++decisions;
  }
  CHECK(sets > 350);
  CHECK(decisions > 2000);
}

TEST_CASE("exclude: any rule matches what the explanation of it matches") {
  std::mt19937 random{3};
  auto const pick = [&](std::string_view from) { return from[random() % from.size()]; };
  int matched = 0;
  for (int i = 0; i < 60000; ++i) {
    std::string pattern, path;
    std::size_t const parts = 1 + random() % 4;
    for (std::size_t p = 0; p < parts; ++p) {
      if (p > 0 || random() % 3 == 0) pattern += '/';
      if (random() % 4 == 0) {
        pattern += "**";
      } else {
        for (std::size_t n = 1 + random() % 4; n > 0; --n) pattern += pick("aab**?");
      }
    }
    for (std::size_t p = 1 + random() % 5; p > 0; --p) {
      path += '/';
      for (std::size_t n = 1 + random() % 4; n > 0; --n) path += pick("aab");
    }
    bool const expected = naive(pattern, path);
    matched += expected;
    INFO("pattern: " << pattern << " path: " << path);
    REQUIRE(excluded({pattern}, path) == expected);
  }
  CHECK(matched > 5000);
  CHECK(matched < 55000);
}

TEST_CASE("exclude: the rule that decided is named with its file and line") {
  auto const all = rules({"# comment", "*.log", "", "!keep.log"});
  CHECK(all.size() == 2);
  auto const kept = all.decide("/var/keep.log", false);
  CHECK(kept.verdict == Verdict::included);
  REQUIRE(kept.rule != nullptr);
  CHECK(kept.rule->line == 4);
  CHECK(kept.rule->text == "!keep.log");
  CHECK(all.decide("/var/x.log", false).rule->line == 2);
  CHECK(all.decide("/var/x", false).rule == nullptr);
}

TEST_CASE("exclude: nothing below an excluded folder is taken in again, and the folder's rule says so") {
  auto const all = rules({"/home/*/.cache/", "!/home/a/.cache/keep"});
  CHECK(all.decide("/home/a/.cache/keep", false).verdict == Verdict::included);  // of itself: the walk never gets there
  auto const decision = all.decide_from_root("/home/a/.cache/keep", false);
  CHECK(decision.verdict == Verdict::excluded);
  CHECK(decision.rule->line == 1);
  CHECK(all.decide_from_root("/home/a/.cache", false).verdict == Verdict::included);  // a file of that name
}

TEST_CASE("exclude: the root is always included, and no rules exclude nothing") {
  CHECK_FALSE(excluded({"*", "/**", "**"}, "/", true));
  CHECK_FALSE(excluded({}, "/a"));
  CHECK(ExcludeRules{}.decide_from_root("/a/b", true).verdict == Verdict::included);
}

TEST_CASE("exclude: names are bytes, ? is one of them, case counts") {
  CHECK(excluded({"caf\xe9"}, "/caf\xe9"));
  CHECK(excluded({"caf?"}, "/caf\xe9"));
  CHECK_FALSE(excluded({"caf?"}, "/caf\xc3\xa9"));
  CHECK(excluded({"[\x80-\xff]"}, "/\xe9"));
  CHECK_FALSE(excluded({"*.TMP"}, "/a.tmp"));
  CHECK(excluded({"a\nb"}, "/a\nb"));
}

TEST_CASE(
    "exclude: two stars inside a component are one star, as gitignore(5) says (git 2.39 lets them cross a slash)") {
  CHECK_FALSE(excluded({"fo**/bar"}, "/foo/baz/bar"));
  CHECK(excluded({"fo**/bar"}, "/foo/bar"));
}

TEST_CASE("exclude: two slashes are one, wherever they stand") {
  for (const char* rule : {"/srv//cache", "//srv/cache", "srv///cache", "/srv/cache//"}) {
    INFO(rule);
    CHECK(ExcludeRules::parse(std::vector<ExcludeLine>{{rule, "f", 1}}).value.value().decide("/srv/cache", true).verdict == Verdict::excluded);
  }
  const auto named = ExcludeRules::parse(std::vector<ExcludeLine>{{"cache//", "f", 1}}).value.value();
  CHECK(named.decide("/srv/cache", true).verdict == Verdict::excluded);
  CHECK(named.decide("/srv/cache", false).verdict == Verdict::included);
}

TEST_CASE("exclude: every wrong rule is reported with its own line") {
  std::vector<ExcludeLine> const lines{
      {"ok", "f", 1}, {"[a", "f", 2}, {"/", "f", 3}, {"a/./b", "g", 9}, {"x\\", "g", 10}};
  auto const out = ExcludeRules::parse(lines);
  CHECK_FALSE(out);
  REQUIRE(out.errors.size() == 4);
  CHECK(out.errors[0].to_string() == "f:2: \"[a\": a '[' is not closed; write \\[ for the bracket itself");
  CHECK(out.errors[2].file == "g");
  CHECK(out.errors[3].line == 10);
}

TEST_CASE("exclude: too many rules are refused once") {
  std::vector<ExcludeLine> lines(limits::kMaxPatterns, {"a", "f", 1});
  CHECK(ExcludeRules::parse(lines));
  lines.push_back({"# a comment does not count", "f", 2});
  CHECK(ExcludeRules::parse(lines));
  lines.push_back({"b", "f", 3});
  lines.push_back({"c", "f", 4});
  auto const out = ExcludeRules::parse(lines);
  REQUIRE(out.errors.size() == 1);
  CHECK(out.errors[0].line == 3);
}

TEST_CASE("exclude: a pattern made to be slow is not") {
  std::string stars, folders;
  for (int i = 0; i < 1000; ++i) stars += "*a";
  for (int i = 0; i < 500; ++i) folders += "**/a/";
  std::string const name(4000, 'a');
  std::string path;
  for (int i = 0; i < 2000; ++i) path += "/a";
  // A matcher that backtracks to more than the last star does not come back from either.
  CHECK_FALSE(excluded({stars + "b"}, "/" + name));
  CHECK(excluded({stars}, "/" + name));
  CHECK_FALSE(excluded({folders + "b"}, path));
  CHECK(excluded({folders + "a"}, path));
}

TEST_CASE("exclude: a file of rules is cut into numbered lines, whatever its line ends") {
  auto const lines = exclude_lines("\xef\xbb\xbf*.a\r\n\n# c\n*.b", "x");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].text == "*.a");
  CHECK(lines[1].text == "*.b");
  CHECK(lines[1].line == 4);
  CHECK(*lines[1].file == "x");
  CHECK(exclude_lines("", "x").empty());
}

TEST_CASE("exclude: blank lines and comments are not stored, and all lines of a file share its name") {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += i % 2 ? "\n" : "  \n# c\r\n";
  CHECK(exclude_lines(text, "x").empty());
  auto const lines = exclude_lines(text + "a\nb\n", std::string(60'000, 'x'));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].file == lines[1].file);
  CHECK(lines[1].line == 75'002);
}

TEST_CASE("exclude: of a file of wrong lines the first ten are told, and that there are more") {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "/\n";
  auto const lines = exclude_lines(text, "f");
  CHECK(lines.size() == limits::kMaxPatterns + 1);
  auto const out = ExcludeRules::parse(lines);
  REQUIRE(out.errors.size() == ExcludeRules::kMaxWrong + 1);
  CHECK(out.errors.back().line == 11);
}

TEST_CASE("exclude: what rules take in memory counts, not their text") {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "/a";
  CHECK(rules({deep}).bytes() > 50 * deep.size());
  CHECK(rules({std::string(4000, 'a')}).bytes() < 20'000);  // no token for each byte
  std::vector<ExcludeLine> const lines(20, {deep, "f", 1});
  auto const out = ExcludeRules::read(lines, {limits::kMaxPatterns, 10 * rules({deep}).bytes()});
  CHECK(out.stopped == ExcludeRules::Reading::Stopped::full);
  CHECK(out.rules.size() == 10);
}
