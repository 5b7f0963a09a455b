"""What `parity lockstep` does between the request and the last line that it prints."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.cli_options import COMPARISON_FAILED, DONE, NOTHING_COMPARED
from parity.defaults_command import without_outputs
from parity.errors import RequestError
from parity.report.status import StatusLine

if TYPE_CHECKING:
    from parity.compare.lockstep import Lockstep
    from parity.data import Data
    from parity.engines.sheet import Engine
    from parity.network_fits import Ground
    from parity.report.lockstep import Side
    from parity.spec.protocol import Draw
    from parity.spec.study import Study

Plain = dict[str, Any]


def show_lockstep(
    pair: Sequence[str],
    *,
    method: str,
    study_name: str | None,
    n: int | None,
    draw: int,
    steps: int,
    fit: bool,
    epochs: int | None,
    precision: Any,
    tf32: bool,
    device: str,
    json_to: str | None,
    html_to: Path | None,
    quiet: bool,
    **pinned: Any,
) -> int:
    """`parity lockstep`. Exit code 1 where the two part, 3 where nothing could be compared.

    pinned: optimizer, learning_rate, output and input_scaling in place of the method's, None where it keeps its own.
    """
    from parity.commands import study_named
    from parity.data import load
    from parity.engines.environment import describe
    from parity.network_fits import REFERENCE, settled
    from parity.report.document import failed, write_text
    from parity.report.lockstep import lockstep_document
    from parity.report.terminal import send

    study = study_named(study_name or study_of(method))
    if method not in study.methods:
        from parity.errors import unknown

        raise unknown("method", method, study.methods, where=f"study {study.name}")
    if tf32 and device != "gpu":
        raise RequestError("--tf32 belongs to --device gpu; a CPU has no such products")
    if epochs is not None and not fit:
        raise RequestError("--epochs belongs to --fit; without it --steps says how many updates are followed")
    pair = sorted(pair, key=lambda name: name == REFERENCE)  # the reference stands on the right
    engines = [each for name in pair if (each := _engine(name)) is not None]
    if len(pair) != 2 or not engines or pair[0] == pair[1]:
        raise RequestError(
            "name two engines, or one and 'reference', as in parity lockstep py-sklearn py-keras-jax --method mlp-beam"
        )
    data = load(study.data)
    drawn = _draw(study, data, n, draw)
    ground = settled(
        study, method, data, drawn, engines, steps=steps, fit=fit, epochs=epochs, precision=precision, **pinned
    )
    with StatusLine(quiet, "training") as line:
        sides, traces = _sides(pair, engines, ground, device, tf32, line)
        found = None
        if all(side.kind is None for side in sides):
            line.say("comparing")
            found = _held(traces, ground, precision, tf32)
    rerun = shlex.join(["parity", "lockstep", *without_outputs(sys.argv[2:])])
    about: Plain = {"name": study.name, "device": device, "tf32": tf32 if device == "gpu" else None}
    document = lockstep_document(about, method, data, ground, sides, found, describe(), rerun)
    if json_to:
        send(document, json_to)
    if html_to:
        from parity.report.lockstep_html import lockstep_html

        write_text(lockstep_html(document), html_to)
    if not quiet and json_to != "-":
        from parity.report.lockstep_terminal import print_lockstep

        print_lockstep(document)
    if failed(document):
        return COMPARISON_FAILED
    return NOTHING_COMPARED if found is None else DONE


def study_of(method: str) -> str:
    """The preset whose rows a method is compared on where no study is named: the first that has the method."""
    from parity.errors import unknown
    from parity.spec.study import METHODS, PRESETS

    for name, study in PRESETS.items():
        if method in study.methods:
            return name
    raise unknown("method", method, METHODS)


def _engine(name: str) -> Engine | None:
    from parity.engines.sheet import engine
    from parity.network_fits import REFERENCE

    if name == REFERENCE:
        return None
    found = engine(name)
    if "mlp" not in found.fits:
        raise RequestError(f"engine {name} fits no networks; `parity engines` lists who does")
    return found


def _draw(study: Study, data: Data, n: int | None, index: int) -> Draw:
    """One draw of the study's; at a size that it does not have, the draw that it would have there."""
    import dataclasses

    from parity.spec.protocol import make_draws

    protocol = study.protocol
    size = n or protocol.sizes[0]
    wanted = dataclasses.replace(protocol, sizes=(size,), draws=max(protocol.draws, index + 1))
    if index < 0:
        raise RequestError(f"draw {index} is below 0; draws are numbered from 0")
    return make_draws(wanted, data).numbered(size, index)


def _sides(
    pair: Sequence[str], engines: Sequence[Engine], ground: Ground, device: str, tf32: bool, line: StatusLine
) -> tuple[tuple[Side, Side], list[Any]]:
    """Both sides with their traces, None for the reference and for a side that has none."""
    from parity.compare.verdict import Kind
    from parity.network_fits import NEEDED, trace_trouble, traced
    from parity.report.lockstep import Side
    from parity.run import able

    running, idle = able(engines, device)
    reasons = {entry["engine"]: entry["reason"] for entry in idle}
    asked = [each for each in engines if each.id in running]
    answers: dict[str, Any] = {}
    if not idle:
        with _tensor_cores(tf32):
            found = traced(ground, asked, device=device, watch=line.say)
        answers = dict(zip((each.id for each in asked), found, strict=True))
    sides, traces = [], []
    for name in pair:
        answer, versions = answers.get(name), running.get(name, {})
        trace = None
        if name in reasons:
            side = Side(name, Kind.NOT_RUN, reasons[name])
        elif isinstance(answer, str):
            side = Side(name, Kind.ERROR, answer)
        elif answer is None:
            side = Side(name)
        else:
            gaps = tuple(answer["not_expressible"] or ())
            barred = [f"{gap['parameter']} ({gap['reason']})" for gap in gaps if gap["parameter"] in NEEDED]
            messages = _distinct(answer.get("messages") or [])
            side = Side(name, Kind.NOT_COMPARABLE if barred else None, ", ".join(barred), gaps, versions, messages)
            trace = answer.get("trace")
            if side.kind is None and (trouble := trace_trouble(trace, ground)):
                side = Side(name, Kind.ERROR, trouble, gaps, versions, messages)
        sides.append(side)
        traces.append(trace)
    return (sides[0], sides[1]), traces


def _distinct(messages: list[str]) -> tuple[str, ...]:
    """Each message once, with how often it came where it came more than once."""
    counted = Counter(messages)
    return tuple(f"{text} ({count} times)" if count > 1 else text for text, count in counted.items())


def _held(traces: list[Any], ground: Ground, precision: str, tf32: bool) -> Lockstep:
    """The comparison; a side without a trace is the reference."""
    import numpy as np

    from parity.compare.lockstep import compare

    # TF32 keeps ten bits of the mantissa, as float16 does.
    kind: Any = np.float16 if tf32 else {"float32": np.float32, "float64": np.float64}[precision]
    left, right = traces
    return compare(
        left, right, ground.start, ground.rule, ground.batches, every=ground.every, precision=kind, l2=ground.l2
    )


@contextlib.contextmanager
def _tensor_cores(allowed: bool) -> Iterator[None]:
    """NVIDIA's libraries read this variable as they load: 0 keeps products of float32 in float32."""
    before = os.environ.get("NVIDIA_TF32_OVERRIDE")
    os.environ["NVIDIA_TF32_OVERRIDE"] = "1" if allowed else "0"
    try:
        yield
    finally:
        os.environ.pop("NVIDIA_TF32_OVERRIDE")
        if before is not None:
            os.environ["NVIDIA_TF32_OVERRIDE"] = before
