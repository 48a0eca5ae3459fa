#!/usr/bin/env bash
# The completions, by really completing in bash and fish; zsh by its parser and by what the script answers.
set -euo pipefail
: "${FARKEEP_BIN:?names the folder of the programs}"
PATH=$FARKEEP_BIN:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/farkeep-completions.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

for p in farkeep farkeep-server farkeep-deploy; do
  $p generate --bash-completion "$work/$p.bash" --zsh-completion "$work/_$p" --fish-completion "$work/$p.fish"
done
farkeep generate --bash-completion - | cmp - "$work/farkeep.bash" || fail "standard output gets something else"
mkdir "$work/folder" "$work/folder/inner"
touch "$work/folder/file name"
printf '[agent]\nname = x\n[job main]\npath = /a\n  [job night.ly]\n#[job not]\n' >"$work/a.ini"

# told LINE: what bash offers for it, sorted, in one line.
told() {
  bash -c '
    set -u
    . "$1"; . "$2"; cd "$3"
    COMP_LINE=$4 COMP_POINT=${#4} COMP_WORDBREAKS=$'"' \\t\\n\"\\'><=;|&(:'"'
    name=${4%% *}
    function=$(complete -p "$name" | sed "s/.*-F \([^ ]*\) .*/\1/")
    "$function"
    printf "%s\n" ${COMPREPLY[@]+"${COMPREPLY[@]}"} | sort | paste -sd,
  ' _ "$work/farkeep.bash" "$work/farkeep-server.bash" "$work/folder" "$1" 2>"$work/err" || fail "bash: $(cat "$work/err")"
  [ ! -s "$work/err" ] || fail "bash says for '$1': $(cat "$work/err")"
}
is() { local t; t=$(told "$1"); [ "$t" = "$2" ] || fail "bash offers for '$1': $t, not $2"; }
has() { local t; t=$(told "$1"); [[ ,$t, == *,"$2",* ]] || fail "bash offers for '$1': $t, without $2"; }
hasnt() { local t; t=$(told "$1"); [[ ,$t, != *,"$2",* ]] || fail "bash offers for '$1': $t"; }

has "farkeep " backup
has "farkeep " connection
hasnt "farkeep " "connection set"
is "farkeep bac" backup
is "farkeep key " passphrase,recovery
is "farkeep key pass" passphrase
is "farkeep --config $work/a.ini backup " main,night.ly
is "farkeep --config=$work/a.ini backup ma" main
is "farkeep --config $work/a.ini -v backup main n" night.ly
is "farkeep --config $work/missing backup " ""
is "farkeep restore la" latest
is "farkeep restore latest --target i" inner
is "farkeep restore latest --target=i" inner
is "farkeep restore --path f latest --targ" --target
is "farkeep ls latest f" "file name"
has "farkeep restore latest --" --overwrite
has "farkeep restore latest --" --json
hasnt "farkeep backup --" --overwrite
is "farkeep connection rules --for nft" nftables
has "farkeep connection rules --for " squid
is "farkeep connection set mode=so" socks
is "farkeep connection set mode=socks socks.prox" socks.proxy=
hasnt "farkeep connection set socks." socks.password=
is "farkeep nonsense " ""
is "farkeep-server token " create
has "farkeep-server init --" --address
has "farkeep-server --data i" inner
echo "-- bash: passed"

if command -v fish >/dev/null; then
  offered() { (cd "$work/folder" && HOME=$work XDG_CONFIG_HOME=$work fish --no-config -c 'for f in $argv[2..]; source $f; end; complete -C $argv[1]' "$1" "$work/farkeep.fish" "$work/farkeep-server.fish" | cut -f 1 | sort | paste -sd,); }
  fish_is() { local t; t=$(offered "$1"); [ "$t" = "$2" ] || fail "fish offers for '$1': $t, not $2"; }
  fish_is "farkeep bac" backup
  fish_is "farkeep key " passphrase,recovery
  fish_is "farkeep --config $work/a.ini backup " main,night.ly
  fish_is "farkeep restore la" latest
  fish_is "farkeep connection rules --for nft" nftables
  fish_is "farkeep connection set mode=so" mode=socks
  fish_is "farkeep restore latest --targ" --target
  fish_is "farkeep-server token " create
  fish_is "farkeep restore latest --target i" inner/
  echo "-- fish: passed"
else
  echo "-- fish is not installed: skipped"
fi

if command -v zsh >/dev/null; then
  for p in farkeep farkeep-server; do zsh -n "$work/_$p" || fail "zsh does not read _$p"; done
  # The script's own logic, with stand-ins for what zsh's completion system does with the answer.
  cat >"$work/ask.zsh" <<'ZSH'
setopt no_unset
compdef() { }
compset() { [[ $PREFIX == --*=* ]] || return 1; IPREFIX=${PREFIX%%=*}=; PREFIX=${PREFIX#*=} }
_describe() { local -a given; given=("${(@P)${@[-1]}}"); print -rl -- "${(@)given%%:*}" }
_files() { print -r -- "files $*" }
compadd() { while [[ $1 != -- ]]; do shift; done; shift; (($#)) && print -rl -- "$@"; true }
. "$1/_farkeep"; . "$1/_farkeep-server"
line=$2
words=("${(@s: :)line}")
CURRENT=${#words} PREFIX=${words[-1]} IPREFIX=
_${words[1]//-/_}
ZSH
  zsh_has() { zsh -f "$work/ask.zsh" "$work" "$1" >"$work/out" 2>&1 || true; grep -qxF -- "$2" "$work/out" || fail "zsh offers for '$1': $(cat "$work/out"), without $2"; }
  zsh_has "farkeep " backup
  zsh_has "farkeep " connection
  zsh_has "farkeep key " recovery
  zsh_has "farkeep --config $work/a.ini backup " night.ly
  zsh_has "farkeep --config=$work/a.ini backup main " main
  zsh_has "farkeep restore " latest
  zsh_has "farkeep ls latest " "files "
  zsh_has "farkeep restore latest --target " "files -/"
  zsh_has "farkeep restore latest --target=" "files -/"
  zsh_has "farkeep restore latest --" --overwrite
  zsh_has "farkeep restore latest --" --json
  zsh_has "farkeep connection rules --for " nftables
  zsh_has "farkeep connection set " mode=socks
  zsh_has "farkeep-server token " create
  echo "-- zsh: passed"
else
  echo "-- zsh is not installed: skipped"
fi
echo "passed"
