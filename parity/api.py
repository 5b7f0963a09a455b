"""What a Python user calls: curves compared and gaps explained, as the documents that reports are made from."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.errors import NothingCompared, RequestError, unknown

if TYPE_CHECKING:
    from parity.explanation import Explained, Watch
    from parity.run import Follow
    from parity.spec.models import Mode
    from parity.spec.study import Study

Plain = dict[str, Any]


def curves(
    study: Study | str | Path,
    pair: Sequence[str] = (),
    *,
    method: str | None = None,
    draws: int | None = None,
    sizes: Sequence[int] = (),
    margin: float | None = None,
    mode: Mode | None = None,
    device: str = "cpu",
    store: Path | None = None,
    jobs: int = 0,
    follow: Follow | None = None,
    rerun: str = "",
) -> Plain:
    """Fit what the store lacks and compare the accuracy curves of a pair of engines, or of every pair of the study.

    study: a preset's name, a study file or a Study. draws: the file's, for a preset DRAWS. store: the user's cache, if
    none is named. Returns the document of kind "curves", one comparison a pair and method. Raises RequestError for a
    wrong request and NothingCompared where no pair could be compared.
    """
    from parity.run import run_study, unwatched
    from parity.spec.study import DRAWS, PRESETS
    from parity.study.tables import cache_folder

    asked = _study(study)
    changed = [word for n in sizes for word in ("--n", str(n))]
    changed += _words({"--draws": draws, "--margin": margin, "--mode": mode}, device)
    if draws is None and asked.reference in PRESETS and "--draws" not in asked.changed:
        draws = DRAWS
    protocol = dataclasses.replace(
        asked.protocol,
        draws=asked.protocol.draws if draws is None else draws,
        sizes=tuple(sizes) or asked.protocol.sizes,
    )
    asked = dataclasses.replace(
        asked,
        protocol=protocol,
        methods=_methods(asked, method),
        engines=_pair(pair) or asked.engines,
        margin=asked.margin if margin is None else margin,
        mode=mode or asked.mode,
        only={} if pair else asked.only,
        history=False,
        changed=(*asked.changed, *changed),
    )
    done = run_study(
        asked,
        store or cache_folder() / "curves.sqlite",
        device=device,
        jobs=jobs,
        rerun=rerun,
        follow=follow or unwatched,
    )
    return compared(done.document)


def compared(document: Plain) -> Plain:
    """A study's document as one of kind "curves": its comparisons are those of the pairs.

    Raises NothingCompared where no pair was compared.
    """
    pairs = document["pairs"]
    if not any(pair["sizes"] for pair in pairs):
        reasons = dict.fromkeys(pair["reason"] for pair in pairs)
        raise NothingCompared(f"nothing could be compared ({'; '.join(reasons) or 'no two engines fit one method'})")
    comparisons = [pair["curves"] for pair in pairs]
    counts = dict(Counter(comparison["verdict"] for comparison in comparisons))
    return {**document, "kind": "curves", "comparisons": comparisons, "counts": counts}


def _words(given: Plain, device: str) -> list[str]:
    """The words of a command line that ask for what is given, by flag; None is nothing."""
    flags = {**given, "--device": None if device == "cpu" else device}
    return [word for flag, value in flags.items() if value is not None for word in (flag, str(value))]


def _study(study: Study | str | Path) -> Study:
    from parity.commands import study_named
    from parity.spec.study import Study

    return study if isinstance(study, Study) else study_named(str(study))


def _methods(study: Study, method: str | None) -> Plain:
    if method is None:
        return study.methods
    if method not in study.methods:
        raise unknown("method", method, study.methods, where=f"study {study.name}")
    return {method: study.methods[method]}


def _pair(pair: Sequence[str]) -> tuple[str, ...]:
    if pair and (len(pair) != 2 or pair[0] == pair[1]):
        raise RequestError("name two engines, as in parity curves r-stats py-sklearn --method leekasso-glm, or --all")
    return tuple(pair)


def explain(
    study: Study | str | Path,
    pair: Sequence[str],
    *,
    method: str,
    sizes: Sequence[int] = (),
    draws: int | None = None,
    fresh: int | None = None,
    budget: float | None = None,
    margin: float | None = None,
    mode: Mode | None = None,
    device: str = "cpu",
    store: Path | None = None,
    jobs: int = 0,
    recipe_to: Path | None = None,
    watch: Watch | None = None,
    rerun: str = "",
) -> Plain:
    """Find which differences between two engines cause the gap of their accuracies, and what closes it.

    study: a preset's name, a study file or a Study. sizes: the study's first, if none is named. draws: DRAWS where none
    are named; fresh: as many again, on which the smallest set is verified. budget: seconds; what the store holds is not
    fitted again. recipe_to: folder for the code that closes the gap, with its rows. Returns the document of kind
    "explanation", one comparison a size. Raises RequestError for a wrong request and NothingCompared where one side
    does not run here. On KeyboardInterrupt the best answer so far is returned.
    """
    from parity.engines.environment import describe
    from parity.explanation import explaining
    from parity.report.explain import explanation_document
    from parity.spec.study import DRAWS
    from parity.study.tables import cache_folder

    asked = _study(study)
    asked = dataclasses.replace(
        asked,
        margin=asked.margin if margin is None else margin,
        mode=mode or asked.mode,
        changed=(*asked.changed, *_words({"--margin": margin, "--mode": mode}, device)),
    )
    count = DRAWS if draws is None else draws
    last: dict[int, Explained] = {}
    with (
        contextlib.suppress(KeyboardInterrupt),
        explaining(
            asked,
            [*pair],
            method,
            sizes=tuple(sizes) or asked.protocol.sizes[:1],
            draws=count,
            fresh=count if fresh is None else fresh,
            store=store or cache_folder() / "explain.sqlite",
            budget=budget,
            device=device,
            jobs=jobs,
            recipe_to=recipe_to,
            **({} if watch is None else {"watch": watch}),
        ) as course,
    ):
        for each in course:
            last[each.n] = each
    if not last:
        raise KeyboardInterrupt
    return explanation_document(asked, list(last.values()), describe(), rerun)
