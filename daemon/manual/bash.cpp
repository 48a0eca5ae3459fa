#include "completion.hpp"
#include "wanted.hpp"

namespace farkeep::manual {
namespace {

// bash splits words at = and :, which would tear --config=FILE and KEY=VALUE apart:
// so the line is split anew, at blanks only.
constexpr std::string_view kMain = R"sh(
@F@() {
  local line=${COMP_LINE:0:COMP_POINT} config=@CONFIG@ verb= used=0 option= want= cur word i
  local -a words plain=() operands=()
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  cur=${words[${#words[@]} - 1]}
  COMPREPLY=()

  # What stands before the cursor: the verb, how many operands, an option that waits for its value.
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
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
      if ((${#plain[@]} == 1)) && _@F@_is_verb "$word"; then verb=$word used=1; fi
      if ((${#plain[@]} == 2)) && _@F@_is_verb "${plain[*]}"; then verb=${plain[*]} used=2; fi
    fi
  done

  if [[ -z $option && $cur == --*=* ]]; then
    option=${cur%%=*}
    cur=${cur#*=}
  fi
  if [[ -n $option ]]; then
    want=$(_@F@_value "$verb" "$option")
  elif [[ $cur == -* ]]; then
    want="words $(_@F@_options "$verb")"
  elif ((${#plain[@]} == 0)); then
    want="words @FIRSTS@"
  else
    if ((used > 0)); then
      mapfile -t operands < <(_@F@_operands "$verb")
      i=$((${#plain[@]} - used))
      ((i < ${#operands[@]})) || i=$((${#operands[@]} - 1))
      ((i < 0)) || want=${operands[i]}
    fi
    ((${#plain[@]} == 1)) && [[ -n $(_@F@_seconds "$word") ]] && want="words $(_@F@_seconds "$word")${want#words}"
  fi

  case $want in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    job) mapfile -t COMPREPLY < <(compgen -W "$(_@F@_jobs "$config")" -- "$cur") ;;
    words*) mapfile -t COMPREPLY < <(compgen -W "${want#words}" -- "$cur") ;;
  esac
  ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  # readline puts the answer behind the last character at which it splits.
  if [[ $COMP_WORDBREAKS == *=* && $cur == *=* ]]; then COMPREPLY=("${COMPREPLY[@]#"${cur%=*}="}"); fi
  if [[ $COMP_WORDBREAKS != *=* && -n $option && ${words[${#words[@]} - 1]} == --*=* ]]; then COMPREPLY=("${COMPREPLY[@]/#/$option=}"); fi
}

complete -F @F@ @P@
)sh";

}  // namespace

std::string bash_completion(const Program& program) {
  auto const f = function_name(program);
  std::string out = "# bash completion of " + program.name + ", written by \"" + program.name + " generate\"\n\n";
  out += common_functions(program, "_" + f);

  out += "_" + f + "_options() {\n  local of=\n  case \"$1\" in\n";
  for (auto const& verb : program.verbs) {
    if (verb.options.empty()) continue;
    out += "    " + quoted_for_shell(verb.name) + ") of='";
    for (auto const& o : verb.options) out += "--" + o.name + " ";
    out += "' ;;\n";
  }
  out += "  esac\n  echo \"$of";
  for (auto const& o : program.general) out += " --" + o.name;
  out += "\"\n}\n";

  out += "_" + f + "_is_verb() {\n  case \"$1\" in\n    ";
  for (auto const& verb : program.verbs) out += (&verb == &program.verbs.front() ? "" : " | ") + quoted_for_shell(verb.name);
  out += ") ;;\n    *) return 1 ;;\n  esac\n}\n";

  out += "_" + f + "_seconds() {\n  case \"$1\" in\n";
  for (auto const& first : first_words(program)) {
    std::string seconds;
    for (auto const& verb : program.verbs)
      if (verb.name.starts_with(first.word + " ")) seconds += " " + verb.name.substr(first.word.size() + 1);
    if (!seconds.empty()) out += "    " + first.word + ") echo" + seconds + " ;;\n";
  }
  out += "    *) ;;\n  esac\n}\n";

  return out + filled(kMain, program);
}

}  // namespace farkeep::manual
