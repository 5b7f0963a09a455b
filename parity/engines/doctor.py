"""What runs here, what does not and why, what that costs, and the one command that mends it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from parity.engines import environment
from parity.engines.environment import Missing
from parity.engines.pictures import ggplot2_gap
from parity.engines.sheet import Engine, checkout, engines

RUNS = "runs"
NOTE = "runs, with a note"
ABSENT = "does not run"

SPACE_GIB = 1.0
"Free disk below which a run is in danger: the store of a study of all engines and H2O's logs take half of it."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    "Engine id, or what else was looked at."
    kind: str
    "engine or system."
    state: str
    "runs; runs, with a note; does not run."
    found: str
    "Versions, or what is wrong."
    cost: str = ""
    "What cannot be done because of it."
    mend: str = ""
    "The one shell command that mends it."
    lacks: tuple[Missing, ...] = ()
    "What an engine lacks, one by one."


def examine() -> list[Finding]:
    """Every engine of the sheet in its order, then the system that they share. Imports no framework, starts no JVM."""
    findings = [_engine(one, environment.missing(one)) for one in engines().values()]
    return [*findings, _r(), _rpy2(), _r_packages(), _ggplot2(), _repository(), _java(), _disk()]


def render(findings: Iterable[Finding]) -> None:
    """Print the findings as two tables, and below them what mends what does not run."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    findings = list(findings)
    console = Console(highlight=False)
    colours = {RUNS: "green", NOTE: "yellow", ABSENT: "red"}
    for kind in ("engine", "system"):
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in (kind, "state", "found"):
            table.add_column(heading, overflow="fold", no_wrap=heading == kind)
        for one in findings:
            if one.kind == kind:
                state = one.state if kind == "engine" else {RUNS: "ok", NOTE: "note", ABSENT: "missing"}[one.state]
                table.add_row(Text(one.subject), Text(state, style=colours[one.state]), Text(one.found))
        console.print(table)
        console.print()
    for line in mending(findings):
        console.print(Text(line), soft_wrap=True)


def mending(findings: Iterable[Finding]) -> list[str]:
    """What is missing and what that costs, a line each, and below them the command that mends it."""
    findings = list(findings)
    commands: dict[str, dict[str, str]] = {}
    for one in findings:
        for gap in one.lacks:
            commands.setdefault(gap.mend, {})[_wrong(gap)] = gap.cost
    for one in findings:
        if one.mend and not one.lacks and one.mend not in commands:
            commands[one.mend] = {one.found: one.cost}
    return [
        line
        for command, wrong in commands.items()
        for line in (*(f"{what}: {cost}" for what, cost in wrong.items()), f"  to mend it: {command}")
    ]


def summary(findings: Iterable[Finding]) -> str:
    """The same in a few lines, for the end of the set-up: what runs, and what mends what does not."""
    findings = list(findings)
    known = [one for one in findings if one.kind == "engine"]
    running = [one.subject for one in known if one.state != ABSENT]
    if len(running) == len(known):
        lines = [f"all {len(known)} engines run here"]
    else:
        lines = [f"{len(running)} of {len(known)} engines run here: {', '.join(running) or 'none'}"]
    return "\n".join([*lines, *mending(one for one in known if one.state != RUNS)])


def _engine(engine: Engine, gaps: list[Missing]) -> Finding:
    blocking = [gap for gap in gaps if gap.blocking]
    if not gaps:
        found = environment.versions(engine)
        return Finding(engine.id, "engine", RUNS, ", ".join(f"{name} {version}" for name, version in found.items()))
    shown = blocking or gaps
    return Finding(
        subject=engine.id,
        kind="engine",
        state=ABSENT if blocking else NOTE,
        found=", ".join(_wrong(gap) for gap in shown),
        cost=f"{engine.id} does not run" if blocking else "; ".join(dict.fromkeys(gap.cost for gap in shown)),
        mend=_one_command(shown),
        lacks=tuple(shown),
    )


def _wrong(gap: Missing) -> str:
    name = "R's h2o" if gap.package == "h2o-r" else gap.package
    if gap.found is None:
        return f"{name} is missing"
    return f"{name} is {gap.found}, tested with {gap.wanted}"


def _one_command(gaps: list[Missing]) -> str:
    """The commands of several gaps as one line, Python's first: R's h2o takes its jar from there; a set-up last."""
    steps = dict.fromkeys(step for gap in gaps for step in gap.mend.split(" && "))
    set_up = environment.set_up_command()
    return " && ".join(sorted(steps, key=lambda step: (step == set_up, "install.R" in step)))


def _r() -> Finding:
    found = environment.r()
    if found:
        return Finding("R", "system", RUNS, f"{found.version} in {found.home}, BLAS {found.blas or 'of its own'}")
    return _missing_for("R", "no R on the search path or in $R_HOME")


def _java() -> Finding:
    found = environment.java()
    if found is None:
        return _missing_for("Java", "no Java on the search path or in $JAVA_HOME")
    gaps = [gap for one in engines().values() for gap in environment.missing(one) if gap.package == "Java"]
    if gaps:
        return Finding("Java", "system", ABSENT, _wrong(gaps[0]), gaps[0].cost, gaps[0].mend)
    return Finding("Java", "system", RUNS, f"{found.version} at {found.path}")


def _missing_for(package: str, wrong: str) -> Finding:
    gaps = [gap for one in engines().values() for gap in environment.missing(one) if gap.package == package]
    return Finding(package, "system", ABSENT, wrong, gaps[0].cost, gaps[0].mend)


def _rpy2() -> Finding:
    interface, found = environment.python_version("rpy2-rinterface"), environment.r()
    if found is None:
        return Finding("rpy2", "system", NOTE, f"{interface or 'absent'}; which one is right depends on R's version")
    gap = environment.rpy2_gap()
    if gap:
        return Finding("rpy2", "system", ABSENT, _wrong(gap), gap.cost, gap.mend)
    return Finding("rpy2", "system", RUNS, f"rpy2-rinterface {interface}, which works with R {found.version}")


def _r_packages() -> Finding:
    library = environment.r_library()
    if library.is_dir():
        return Finding("R library", "system", RUNS, str(library))
    wrong = f"{library} does not exist yet"
    return Finding("R library", "system", NOTE, wrong, "R packages of CRAN are looked for in R's own libraries alone")


def _ggplot2() -> Finding:
    gap = ggplot2_gap()
    if gap:
        return Finding("ggplot2", "system", NOTE, _wrong(gap), gap.cost, gap.mend)
    version = environment.r_package_version("ggplot2")
    return Finding("ggplot2", "system", RUNS, version or "looked for once there is R")


def _repository() -> Finding:
    """Where install.R would look, in its order. Addresses are not tried: nothing here waits for a network."""
    given, root = os.environ.get("PARITY_CRAN"), checkout()
    folders = [Path(given)] if given and not urlsplit(given).scheme else []
    folders += [root.parent / "shared" / "cran"] if root else []
    here = next((folder for folder in folders if (folder / "src" / "contrib" / "PACKAGES").is_file()), None)
    if given and here != Path(given) and Path(given) in folders:
        wrong = f"PARITY_CRAN is {given}, which is no repository of R packages (it has no src/contrib/PACKAGES)"
        return Finding("CRAN", "system", NOTE, wrong, "R packages come from elsewhere")
    if given and Path(given) not in folders:
        return Finding("CRAN", "system", RUNS, f"{given} (PARITY_CRAN)")
    return Finding("CRAN", "system", RUNS, str(here) if here else "https://cloud.r-project.org (not tried)")


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    if free < SPACE_GIB:
        cost = "a run may end with a full disk; what is finished stays in the store"
        return Finding("disk", "system", NOTE, f"{free:.1f} GiB free here", cost)
    return Finding("disk", "system", RUNS, f"{free:.0f} GiB free here")


if __name__ == "__main__":
    print(summary(examine()))
