#include "completion.hpp"
#include "wanted.hpp"

namespace farkeep::manual {
namespace {

// In fish's own quotes only \ and ' are special.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (char const c : text) (out += c == '\'' || c == '\\' ? "\\" : "") += c;
  return out + "'";
}

// What `complete` is told about a place.
std::string offer(const std::string& want, const std::string& function) {
  if (want == "file") return " -F";
  if (want == "folder") return " -a '(__fish_complete_directories)'";
  if (want == "job") return " -a '(" + function + "_jobs)'";
  if (want.starts_with("words")) return " -a " + in_quotes(want.substr(5));
  return "";
}

constexpr std::string_view kFunctions = R"sh(
# The words before the cursor that are no options and no options' values.
function _@F@_plain
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            contains -- $word $_@F@_valued; and set skip 1
        else
            echo $word
        end
    end
end

# Whether that is the verb before the cursor.
function _@F@_verb_is
    set -l plain (_@F@_plain)
    set -l verb "$plain[1] $plain[2]"
    contains -- $verb $_@F@_verbs; or set verb "$plain[1]"
    test "$verb" = $argv[1]
end

# Whether just these words stand before the cursor.
function _@F@_words_are
    set -l plain (_@F@_plain)
    test "$plain" = "$argv"
end

function _@F@_jobs
    set -l config @CONFIG@
    set -l words (commandline -opc)
    for i in (seq (count $words))
        test $words[$i] = --config; and test $i -lt (count $words); and set config $words[(math $i + 1)]
        string match -q -- '--config=*' $words[$i]; and set config (string replace -- --config= '' $words[$i])
    end
    sed -n 's/^[[:space:]]*\[job[[:space:]]\{1,\}\([A-Za-z0-9._-]\{1,\}\)[[:space:]]*\].*/\1/p' $config 2>/dev/null
end

)sh";

}  // namespace

std::string fish_completion(const Program& program) {
  auto const f = "_" + function_name(program);
  std::string valued = "set -g -- " + f + "_valued", verbs = "set -g -- " + f + "_verbs", lines;
  auto const option = [&](const Option& o, const std::string& when) {
    if (!o.value.empty()) valued += " --" + o.name + (o.letter != 0 ? std::string{" -"} + o.letter : "");
    lines += "complete -c " + program.name + when + " -l " + o.name + (o.letter != 0 ? std::string{" -s "} + o.letter : "");
    if (!o.value.empty()) lines += " -r" + offer(wanted(program, o.value, o.help), f);
    lines += " -d " + in_quotes(o.help) + "\n";
  };

  lines += "complete -c " + program.name + " -f\n";
  for (auto const& first : first_words(program))
    lines += "complete -c " + program.name + " -n " + f + "_words_are -a " + first.word + " -d " + in_quotes(first.about) + "\n";
  for (auto const& o : program.general) option(o, "");
  for (auto const& verb : program.verbs) {
    verbs += " " + in_quotes(verb.name);
    auto const blank = verb.name.find(' ');
    if (blank != verb.name.npos)
      lines += "complete -c " + program.name + " -n " + in_quotes(f + "_words_are " + verb.name.substr(0, blank)) + " -a " + verb.name.substr(blank + 1) + " -d " +
               in_quotes(verb.summary) + "\n";
    auto const when = " -n " + in_quotes(f + "_verb_is " + in_quotes(verb.name));
    for (auto const& o : verb.options) option(o, when);
    for (auto const& operand : wanted_operands(program, verb))
      if (auto const what = offer(operand, f); !what.empty()) lines += "complete -c " + program.name + when + what + "\n";
  }

  return "# fish completion of " + program.name + ", written by \"" + program.name + " generate\"\n\n" + valued + "\n" + verbs + filled(kFunctions, program) + lines;
}

}  // namespace farkeep::manual
