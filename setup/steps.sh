# How a step of the set-up tells what it does and how long that took. Sourced by setup.sh.

# What a user reads; a step's own output goes to its log.
say() { printf '%s\n' "$*"; }

# took WHAT STARTED
took() { printf '  %-40s %4d s\n' "$1" $((SECONDS - $2)); }

# step LOG WHAT COMMAND...   says what is begun; then how many seconds it took, or that it failed and where to look
step() {
  local log=".setup/$1.log" what="$2" started=$SECONDS
  shift 2
  say "$what ..."
  if "$@" >"$log" 2>&1; then
    took "$what" "$started"
  else
    say "  $what failed after $((SECONDS - started)) s; its output is in $log"
    return 1
  fi
}

# Two set-ups of one tree would install over each other; the second waits.
only_one_at_a_time() {
  command -v flock >/dev/null || return 0
  exec 9>.setup/lock
  flock -n 9 && return 0
  say "another set-up of this tree is running; waiting for it"
  flock 9
}

# summary   what does not run here, what that costs and what mends it; fails where parity itself does not run
summary() {
  if ! .venv/bin/python -m parity.engines.doctor; then
    say "parity does not run. To mend it: rm -rf .venv && make setup"
    return 1
  fi
}
