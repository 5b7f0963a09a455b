#!/usr/bin/env bash
# Sets the project up: Debian packages, .venv, the R library. What is there already is left alone.
#
#   bash setup/setup.sh [--test]      --test: with what `make test` needs
#
# What cannot be had is named with what it costs and the one command that mends it, and the rest goes on.
# Exit 0: parity itself runs. Full output of every step is in .setup/*.log.

set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
mkdir -p .setup

. setup/steps.sh
. setup/system.sh
. setup/packages.sh

groups="r"
extras="keras,h2o,pictures"
if [ "${1:-}" = "--test" ]; then
  groups="r test"
  extras="keras,h2o,pictures,test"
fi

only_one_at_a_time

# Debian's packages and Python's come over the network at the same time; R's are compiled once both are there.
start_debian_packages "$groups"
if ! python_can_make_environments; then
  wait_for_debian_packages
fi
make_environment || exit 1
install_python_packages "$extras" || exit 1
wait_for_debian_packages

start_r_packages "$@"
install_rpy2
install_torch
wait_for_r_packages

summary
