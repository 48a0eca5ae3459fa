# What the README and the agent's unit tell administrators, to be run as it stands there.  Sourced; needs fail().
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readme=$top/README.md

# block WORDS: the block of the README that has these words: one recipe.
block() {
  local text
  text=$(awk -v words="$1" '/^    / {text = text substr($0, 5) "\n"; next} {if (index(text, words)) printf "%s", text; text = ""}' "$readme")
  [ "$(grep -c '^path' <<<"$text")" = 1 ] || fail "the README has not one recipe with $1"
  echo "$text"
}
# drop_in: what the unit's comment grants for snapshots of file systems.
drop_in() {
  echo "[Service]"
  awk '/^#   snapshots of LVM/ {on = 1; next} on && !/^# / {exit} on {sub("^# *", ""); print}' "$top/systemd/farkeepd.service"
}
