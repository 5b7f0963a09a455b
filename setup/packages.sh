# Python's packages into .venv and R's into .r-library. Sourced by setup.sh.

TORCH_INDEX=https://download.pytorch.org/whl/cpu

# Seconds that the index has to answer: reached or not, it is known by then.
TORCH_PATIENCE=15

# Exists for a day after torch could not be had, so that the next set-ups don't wait for it again.
TORCH_NOTE=.setup/torch-not-reached

r_job=""

environment_works() { .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

make_environment() {
  local python
  environment_works && return 0
  if ! python=$(find_python); then
    say "no Python 3.11 or newer is here, so nothing runs. To mend it: sudo apt-get install -y python3 python3-venv"
    return 1
  fi
  step venv ".venv with $("$python" --version)" "$python" -m venv --clear .venv && return 0
  say "no virtual environment can be made, so nothing runs. To mend it: sudo apt-get install -y python3-venv"
  return 1
}

# uv takes a third of pip's time. It does not read pip's settings, so pip has the last word.
pip_install() {
  local uv
  uv=$(command -v .venv/bin/uv || command -v uv)
  if [ -z "$uv" ] && .venv/bin/python -m pip install -q uv; then
    uv=.venv/bin/uv
  fi
  [ -n "$uv" ] && "$uv" pip install --compile-bytecode --python .venv/bin/python "$@" && return 0
  .venv/bin/python -m pip --version || .venv/bin/python -m ensurepip
  .venv/bin/python -m pip install "$@"
}

# What parity needs of the extras (a,b,c) is met.
python_packages_are_there() { .venv/bin/python setup/python_state.py "$1" >.setup/unmet 2>&1; }

install_python_packages() {
  python_packages_are_there "$1" && return 0
  step pip "Python packages ($1)" pip_install -e ".[$1]" && .venv/bin/python setup/python_state.py --stamp && return 0
  # The frameworks may be what cannot be had; parity and two engines need none.
  if step pip-core "Python packages of parity alone" pip_install -e .; then
    say "  not installed: $(tr '\n' ' ' <.setup/unmet)"
    return 0
  fi
  if .venv/bin/python setup/python_state.py --installed; then
    say "  parity is installed as pyproject.toml was before. To mend it: make setup, once pip can reach an index"
    return 0
  fi
  say "parity's own packages could not be installed, so nothing runs. To mend it: make setup, once pip can reach an index"
  return 1
}

install_rpy2() {
  local pins=r
  command -v Rscript >/dev/null || return 0
  # rpy2-rinterface 3.6.6 and newer need R 4.5; pyproject.toml says more.
  if [ "$(R_DEFAULT_PACKAGES=NULL Rscript -e 'cat(getRversion() >= "4.5")')" = TRUE ]; then
    pins=r-new
  fi
  python_packages_are_there "$pins" && return 0
  step rpy2 "rpy2 for this R" pip_install -e ".[$pins]" && .venv/bin/python setup/python_state.py --stamp
}

# From PyPI, torch for Linux comes with several GB of CUDA: only a CPU build is taken.
torch_wheel() {
  local pip=".venv/bin/python -m pip install --no-deps"
  if [ "$(uname -s)" = Darwin ]; then
    $pip "torch>=2.4"
  else
    $pip --no-index "torch>=2.4" ||
      $pip --index-url "$TORCH_INDEX" --timeout "$TORCH_PATIENCE" --retries 0 "torch>=2.4"
  fi && pip_install "torch>=2.4"
}

install_torch() {
  .venv/bin/python setup/python_state.py torch >/dev/null 2>&1 && return 0
  [ -n "$(find "$TORCH_NOTE" -mtime -1 2>/dev/null)" ] && return 0
  if step torch "torch (a CPU build; optional)" torch_wheel; then
    rm -f "$TORCH_NOTE"
  else
    touch "$TORCH_NOTE"
  fi
}

# r_packages [--test]   R's h2o takes h2o.jar from Python's, so that neither downloads it.
r_packages() {
  local started=$SECONDS
  # Its own lines are for the user; what compilers print between them is not. Where all is there, it prints nothing.
  if Rscript r_scripts/install.R "$@" 2>&1 | tee .setup/r.log | sed -un '/^R packages/p; /^PARITY_CRAN/p'; then
    [ ! -s .setup/r.log ] || took "R packages" "$started"
  else
    say "  R packages failed after $((SECONDS - started)) s; the output is in .setup/r.log"
  fi
}

start_r_packages() {
  command -v Rscript >/dev/null || return 0
  r_packages "$@" &
  r_job=$!
}

wait_for_r_packages() {
  [ -z "$r_job" ] || wait "$r_job"
}
