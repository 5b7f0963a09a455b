"""ggplot2, which draws one picture and which no engine needs: whether it is here, and what brings it."""

from __future__ import annotations

from parity.engines.environment import (
    APT,
    Missing,
    comparable,
    install_r_command,
    r,
    r_package_version,
    system_command,
)

OLDEST = "3.4"
"The first in which the width of a line is called linewidth."

COST = "the figure of beam2017-python is not drawn"


def ggplot2_gap() -> Missing | None:
    """What keeps ggplot2 from drawing; None where nothing does, and where there is no R to look in."""
    found = r()
    version = r_package_version("ggplot2")
    if found is None or (version is not None and comparable(version) >= comparable(OLDEST)):
        return None
    debian = "ggplot2" in APT and found.home.startswith("/usr/lib/R")
    mend = system_command("ggplot2") if debian else install_r_command()
    return Missing("ggplot2", version, f">={OLDEST}", COST, mend, blocking=False)
