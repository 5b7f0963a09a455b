"""Run a command with the environment that R's engines need: python setup/with_r.py Rscript tests/r/testthat.R."""

import os
import sys

from parity.engines.environment import r_environ

os.execvpe(sys.argv[1], sys.argv[1:], {**os.environ, **r_environ()})
