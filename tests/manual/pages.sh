#!/usr/bin/env bash
# The manual pages: without a finding of mandoc and groff, readable for man-db's index, and with everything that the programs' help tells.
set -euo pipefail
: "${FARKEEP_BIN:?names the folder of the programs}"
for tool in mandoc lexgrog; do command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }; done
PATH=$FARKEEP_BIN:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/farkeep-pages.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

farkeep generate --man "$work"
farkeep-server generate --man "$work"
farkeep-deploy generate --man "$work"
for page in farkeep.1 farkeepd.8 farkeep-server.8 farkeep-deploy.1 agent.ini.5 server.ini.5 profile.ini.5; do
  [ -s "$work/$page" ] || fail "there is no page $page"
  found=$(mandoc -T lint -W warning "$work/$page" 2>&1 || true)
  [ -z "$found" ] || fail "mandoc finds in $page: $found"
  # groff as lintian calls it.
  found=$(man --warnings -E UTF-8 -l -Tutf8 -Z "$work/$page" 2>&1 >/dev/null || true)
  [ -z "$found" ] || fail "groff finds in $page: $found"
  lexgrog "$work/$page" >/dev/null || fail "$page has no NAME that an index could read"
  MANWIDTH=200 man -E UTF-8 -l -P cat "$work/$page" | sed 's/.\x08//g' >"$work/$page.text"
done

# words_of HELP: the options that a help text tells.
words_of() { grep -o -- '^  *\(-[a-z] \[ --\|--\)[a-z-]*' | grep -o -- '--[a-z-]*'; }
has() { grep -qF -- "$2" "$work/$1.text" || fail "$1 does not tell '$2'"; }
count=0
for program in farkeep:farkeep.1 farkeep-server:farkeep-server.8 farkeep-deploy:farkeep-deploy.1; do
  page=${program#*:} program=${program%:*}
  # Verbs stand two blanks in, their summaries behind two more.
  while IFS= read -r verb; do
    has "$page" "$verb"
    while IFS= read -r option; do has "$page" "$option"; count=$((count + 1)); done < <($program $verb --help | words_of)
  done < <($program --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]\+\( [a-z]\+\)\?\)  *[A-Z].*/\1/p')
done
[ $count -gt 100 ] || fail "only $count options were looked at: the help texts have another form now"
while IFS= read -r option; do has farkeepd.8 "$option"; count=$((count + 1)); done < <(farkeepd --help | words_of)
for ini in agent server profile; do
  while IFS= read -r key; do has $ini.ini.5 "$key = "; count=$((count + 1)); done < <(sed -n 's/^#\([a-z_]*\) = .*/\1/p' "$(dirname "$0")/../../config/$ini.ini")
  while IFS= read -r section; do has $ini.ini.5 "$section"; done < <(sed -n 's/^\(\[[a-z]*\]\)$/\1/p' "$(dirname "$0")/../../config/$ini.ini")
done
rc=0
farkeep generate 2>"$work/err" || rc=$?
[ $rc -eq 2 ] || fail "generate without an order ends with $rc, not 2"
echo "passed: 7 pages tell $count options and keys"
