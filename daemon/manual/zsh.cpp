#include "completion.hpp"
#include "wanted.hpp"

namespace farkeep::manual {
namespace {

constexpr std::string_view kZshMain = R"sh(
  # What stands before the cursor: the verb, how many operands, an option that waits for its value.
  for ((i = 2; i < CURRENT; i++)); do
    word=${words[i]}
    if [[ -n $option ]]; then
      [[ $option == --config ]] && config=$word
      option=
    elif [[ $word == --config=* ]]; then
      config=${word#*=}
    elif [[ $word == -* ]]; then
      _@F@_value "$verb" "$word" >/dev/null && option=$word
    else
      plain+=("$word")
      if ((${#plain} == 1 && ${known[(Ie)$word]})); then verb=$word used=1; fi
      if ((${#plain} == 2 && ${known[(Ie)${plain[*]}]})); then verb="${plain[*]}" used=2; fi
    fi
  done

  if [[ -z $option ]] && compset -P 1 '--*='; then option=${IPREFIX%=}; fi
  if [[ -n $option ]]; then
    want=$(_@F@_value "$verb" "$option")
  elif [[ $PREFIX == -* ]]; then
    _describe -o option flags
    return
  elif ((${#plain} == 0)); then
    _describe verb firsts
    return
  else
    if ((used > 0)); then
      operands=("${(@f)$(_@F@_operands "$verb")}")
      i=$((${#plain} - used + 1))
      ((i <= ${#operands})) || i=${#operands}
      want=${operands[i]}
    fi
    if ((${#plain} == 1)); then
      for word in "${verbs[@]}"; do [[ $word == "${plain[1]} "* ]] && seconds+=("${word#* }"); done
      ((${#seconds})) && _describe verb seconds
    fi
  fi

  case $want in
    file) _files ;;
    folder) _files -/ ;;
    job) compadd -- ${(f)"$(_@F@_jobs "$config")"} ;;
    words*) for word in ${=want#words}; do if [[ $word == *= ]]; then compadd -S '' -- $word; else compadd -- $word; fi; done ;;
  esac
}

if [[ $funcstack[1] == @F@ ]]; then @F@ "$@"; else compdef @F@ @P@; fi
)sh";

// "name:what it is", in which a colon of the name would need an escape; no name has one.
std::string described(const std::string& name, const std::string& about) { return "    " + quoted_for_shell(name + ":" + about) + "\n"; }

}  // namespace

std::string zsh_completion(const Program& program) {
  auto const f = function_name(program);
  std::string out = "#compdef " + program.name + "\n# zsh completion of " + program.name + ", written by \"" + program.name + " generate\"\n\n";
  out += common_functions(program, "_" + f);
  out += "\n" + f + "() {\n  local config=" + program.config + " verb= option= want= word\n  integer i used=0\n";
  out += "  local -a plain operands seconds flags firsts verbs known\n  firsts=(\n";
  for (auto const& first : first_words(program)) out += described(first.word, first.about);
  out += "  )\n  verbs=(\n";
  for (auto const& verb : program.verbs) out += described(verb.name, verb.summary);
  out += "  )\n  known=(\"${verbs[@]%%:*}\")\n";

  std::string main{kZshMain};
  auto const here = main.find("    _describe -o option flags");
  std::string given = "    case \"$verb\" in\n";
  for (auto const& verb : program.verbs) {
    if (verb.options.empty()) continue;
    given += "      " + quoted_for_shell(verb.name) + ")\n        flags=(\n";
    for (auto const& o : verb.options) given += "        " + described("--" + o.name, o.help);
    given += "        )\n        ;;\n";
  }
  given += "    esac\n    flags+=(\n";
  for (auto const& o : program.general) given += "  " + described("--" + o.name, o.help);
  main.insert(here, given + "    )\n");
  return out + filled(main, program);
}

}  // namespace farkeep::manual
