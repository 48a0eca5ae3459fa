#include "wanted.hpp"

#include <algorithm>
#include <sstream>

namespace farkeep::manual {
namespace {

bool has(const std::string& text, const char* word) { return text.find(word) != text.npos; }

// "one of: nftables iptables" and "(one of: a, b)" alike.
std::string listed(const std::string& help) {
  constexpr std::string_view kMark = "one of: ";
  auto const at = help.find(kMark);
  if (at == help.npos) return {};
  std::string words = help.substr(at + kMark.size());
  words.resize(std::min(words.find_first_of(";().'\""), words.size()));
  std::replace(words.begin(), words.end(), ',', ' ');
  return words;
}

std::string case_of(const std::string& pattern, const std::string& answer) { return "    " + pattern + ") echo " + quoted_for_shell(answer) + " ;;\n"; }

}  // namespace

std::string wanted(const Program& program, const std::string& placeholder, const std::string& help) {
  if (auto const words = listed(help); !words.empty()) return "words " + words;
  if (has(placeholder, "KEY=VALUE")) {
    std::string words = "words";
    for (auto const& a : program.assignments) words += " " + a;
    return words;
  }
  if (has(placeholder, "JOB")) return "job";
  if (has(placeholder, "SNAPSHOT")) return "words latest";
  if (has(placeholder, "FILE") || has(placeholder, "PATH")) return "file";
  if (has(placeholder, "DIR")) return "folder";
  return "nothing";
}

std::vector<std::string> wanted_operands(const Program& program, const Verb& verb) {
  std::vector<std::string> out;
  std::istringstream words{verb.operands};
  for (std::string word; words >> word;) out.push_back(wanted(program, word));
  return out;
}

std::vector<First> first_words(const Program& program) {
  std::vector<First> out;
  for (auto const& verb : program.verbs) {
    auto const blank = verb.name.find(' ');
    auto const word = verb.name.substr(0, blank);
    auto const about = blank == verb.name.npos ? verb.summary : verb.name.substr(blank + 1);
    auto const known = std::find_if(out.begin(), out.end(), [&](auto const& f) { return f.word == word; });
    if (known == out.end()) out.push_back({word, about});
    else known->about += ", " + about;
  }
  return out;
}

std::string quoted_for_shell(std::string_view text) {
  std::string out = "'";
  for (char const c : text) out += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return out + "'";
}

std::string common_functions(const Program& program, const std::string& function) {
  std::string out = function + "_value() {\n  case \"$1:$2\" in\n";
  auto const values = [&](const std::string& verb, const std::vector<Option>& options) {
    for (auto const& o : options)
      if (!o.value.empty()) out += case_of(verb + ":--" + o.name + (o.letter != 0 ? " | " + verb + ":-" + o.letter : ""), wanted(program, o.value, o.help));
  };
  values("*", program.general);
  for (auto const& verb : program.verbs) values(quoted_for_shell(verb.name), verb.options);
  out += "    *) return 1 ;;\n  esac\n}\n";

  // One a line.
  out += function + "_operands() {\n  case \"$1\" in\n";
  for (auto const& verb : program.verbs) {
    std::string lines;
    for (auto const& operand : wanted_operands(program, verb)) lines += (lines.empty() ? "" : "\n") + operand;
    if (!lines.empty()) out += case_of(quoted_for_shell(verb.name), lines);
  }
  out += "    *) ;;\n  esac\n}\n";

  out += function + "_jobs() {\n";
  out += "  sed -n 's/^[[:space:]]*\\[job[[:space:]]\\{1,\\}\\([A-Za-z0-9._-]\\{1,\\}\\)[[:space:]]*\\].*/\\1/p' \"$1\" 2>/dev/null\n}\n";
  return out;
}

std::string function_name(const Program& program) {
  std::string out = "_" + program.name;
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

std::string filled(std::string_view script, const Program& program) {
  std::string firsts;
  for (auto const& first : first_words(program)) firsts += (firsts.empty() ? "" : " ") + first.word;
  std::string out;
  while (!script.empty()) {
    auto const begin = std::min(script.find('@'), script.size());
    out += script.substr(0, begin);
    script.remove_prefix(begin);
    std::string_view const mark = script.substr(0, script.find('@', 1) + 1);
    if (mark == "@F@") out += function_name(program);
    else if (mark == "@P@") out += program.name;
    else if (mark == "@CONFIG@") out += program.config;
    else if (mark == "@FIRSTS@") out += firsts;
    else {  // a shell's own @
      out += script.substr(0, 1);
      script.remove_prefix(std::min<std::size_t>(1, script.size()));
      continue;
    }
    script.remove_prefix(mark.size());
  }
  return out;
}

}  // namespace farkeep::manual
