"""What `parity solvers` does between the request and the last line that it prints."""

from __future__ import annotations

import itertools
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.cli_options import COMPARISON_FAILED, DONE
from parity.defaults_command import without_outputs
from parity.errors import NothingCompared, RequestError
from parity.linear_fits import FAMILIES, Fit, Fits, Solver, fitted, solver_named
from parity.report.status import StatusLine

if TYPE_CHECKING:
    from parity.compare.exact_screen import Exact
    from parity.compare.solvers import Card
    from parity.spec.models import Mode
    from parity.spec.study import Study

Plain = dict[str, Any]


def show_solvers(
    pair: Sequence[str],
    *,
    method: str | None,
    everything: bool,
    study_name: str,
    sizes: Sequence[int],
    draw: int | None,
    draws: int | None,
    mode: Mode,
    store: Path | None,
    jobs: int | None,
    json_to: str | None,
    quiet: bool,
) -> int:
    """`parity solvers`. Exit code 1 where two solvers part, 3 where nothing could be compared."""
    from parity.commands import study_named
    from parity.engines.environment import describe
    from parity.report.solvers import solvers_document
    from parity.report.terminal import send
    from parity.study.tables import cache_folder

    study = study_named(study_name)
    solvers, methods = _asked(pair, method, everything, study)
    if draw is not None and draws is not None:
        raise RequestError("--draw names one draw and --draws counts them; ask for one of them")
    numbers = [draw] if draw is not None else list(range(draws or 1))
    if min(numbers) < 0:
        raise RequestError(f"draw {min(numbers)} is below 0; draws are numbered from 0")
    wanted = list(sizes) or [study.protocol.sizes[0]]
    with StatusLine(quiet, "reading settings") as line:
        found = fitted(
            study,
            solvers,
            methods,
            mode=mode,
            sizes=wanted,
            draws=numbers,
            store=store or cache_folder() / "solvers.sqlite",
            jobs=jobs or 0,
            watch=line.fitted,
        )
        cards = [*compared(found, solvers)]
    rerun = shlex.join(["parity", "solvers", *without_outputs(sys.argv[2:])])
    named = shlex.join([study_name, *(["--store", str(store)] if store else [])])
    document = solvers_document(study, mode, found, cards, describe(), rerun, named)
    if json_to:
        send(document, json_to)
    if not quiet and json_to != "-":
        from parity.report.solvers_terminal import print_cards

        print_cards(document)
    if not document["cards"]:
        reasons = [f"{e['engine']}: {e['reason']}" for e in document["not_run"]]
        raise NothingCompared(f"nothing could be compared ({'; '.join(reasons) or 'no two engines fit the method'})")
    return COMPARISON_FAILED if any(card["first"] is not None for card in document["cards"]) else DONE


def compared(found: Fits, solvers: Sequence[Solver]) -> list[tuple[Fit, Fit, Card | None]]:
    """Every pair of fits to one draw under one method; the card is None where one of them could not be had."""
    from parity.compare.solvers import compare

    by_draw: dict[tuple[str, int, int], list[Fit]] = {}
    for fit in found.fits:
        by_draw.setdefault((fit.method, fit.draw.n, fit.draw.index), []).append(fit)
    kept: dict[tuple[int, int, str], Exact] = {}
    cards: list[tuple[Fit, Fit, Card | None]] = []
    for (_, n, index), fits in by_draw.items():
        for left, right in itertools.combinations(fits, 2):
            card = None
            if left.examined and right.examined:
                differ = set(left.examined.side.selected) != set(right.examined.side.selected)
                exact = found.exact(left, kept) if differ else None
                card = compare(left.examined, right.examined, found.rows[n, index], left.spec, exact)
            cards.append((left, right, card))
    return cards


def _asked(pair: Sequence[str], method: str | None, everything: bool, study: Study) -> tuple[list[Solver], list[str]]:
    from parity.engines.sheet import engines

    linear = [name for name, spec in study.methods.items() if spec.family in FAMILIES]
    if not linear:
        raise RequestError(f"study {study.name} has no linear method")
    if everything:
        if pair:
            raise RequestError("--all compares every pair; leave A and B out")
        chosen = [Solver(each) for each in engines().values() if set(each.fits) & set(FAMILIES)]
        return chosen, [method] if method else linear
    if len(pair) != 2:
        raise RequestError("name two engines, as in parity solvers r-stats py-sklearn --method leekasso-glm, or --all")
    if method is None:
        raise RequestError(f"name the --method, one of: {', '.join(linear)}")
    solvers = [solver_named(name) for name in pair]
    if solvers[0] == solvers[1]:
        raise RequestError(f"{pair[0]} is named twice; a comparison needs two")
    return solvers, [method]
