# Debian's packages: R with prebuilt R packages, a Java runtime, Python's venv. Sourced by setup.sh.

# Java that H2O 3.44 starts on; newer ones it refuses.
JAVA_PACKAGE=openjdk-17-jre-headless

debian_job=""

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]; }

# The first of $PYTHON and the usual names that is Python 3.11 or newer, as the path of the interpreter itself.
find_python() {
  local name
  for name in "${PYTHON:-python3}" python3 python3.11 python3.12 python3.13; do
    "$name" -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)' 2>/dev/null && return 0
  done
  return 1
}

python_can_make_environments() {
  local python
  environment_works && return 0
  python=$(find_python) && "$python" -c 'import ensurepip, venv' 2>/dev/null
}

# Names of the packages that would serve here, one a line, whether they are installed or not.
debian_packages_wanted() {
  local group python headers='import os, sysconfig as s; print(os.path.join(s.get_path("include"), "Python.h"))'
  # Somebody's own R is left alone: Debian's r-cran packages would bring a second one.
  if ! command -v Rscript >/dev/null || is_installed r-base-core; then
    for group in $1; do
      sed -n "s/^$group //p" setup/apt-packages.txt
    done
  fi
  if ! command -v "${JAVA_HOME:+$JAVA_HOME/bin/}java" >/dev/null; then
    echo "$JAVA_PACKAGE"
  fi
  python=$(find_python) || python=/usr/bin/python3
  # rpy2 is compiled, and needs Python's headers. Pythons that did not come from Debian bring both along.
  case "$python" in
    /usr/bin/*)
      environment_works || "$python" -c 'import ensurepip' 2>/dev/null || echo python3-venv
      [ -f "$("$python" -c "$headers" 2>/dev/null)" ] || echo python3-dev
      ;;
  esac
}

debian_packages_missing() {
  local name
  # shellcheck disable=SC2046  # names of packages hold no blanks
  set -- $(debian_packages_wanted "$1")
  [ $# -gt 0 ] || return 0
  dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii //p' >.setup/installed
  for name in "$@"; do
    grep -qxF "$name" .setup/installed || echo "$name"
  done
}

# Empty for root, sudo where it may be used (asking for a password only at a terminal), else a failure.
become_root() {
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } || return 1
  echo sudo
}

apt_install() {
  local sudo="$1"
  shift
  $sudo apt-get update -q || echo "the package lists could not be brought up to date; going on with those that are here"
  # One name that this release does not have would stop all the others.
  apt-cache pkgnames >.setup/known
  # shellcheck disable=SC2046  # names of packages hold no blanks
  set -- $(printf '%s\n' "$@" | grep -xF -f .setup/known)
  $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

start_debian_packages() {
  local sudo missing
  command -v apt-get >/dev/null || return 0
  missing=$(debian_packages_missing "$1" | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if ! sudo=$(become_root); then
    say "Debian packages are missing that only root may install; what that costs is said below. To mend it:"
    say "  sudo apt-get install -y --no-install-recommends ${missing% } && make setup"
    return 0
  fi
  # shellcheck disable=SC2086
  step apt "Debian packages ($(echo $missing | wc -w))" apt_install "$sudo" $missing &
  debian_job=$!
}

wait_for_debian_packages() {
  [ -n "$debian_job" ] || return 0
  wait "$debian_job" || say "  what that costs is said below. To mend it: make setup, once apt-get works"
  debian_job=""
  hash -r
}
