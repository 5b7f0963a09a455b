"""The first updates of both sides, traced: what is asked for, and what each side shows on a draw."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from parity.compare.reference_network import Arrays, Floats, glorot_uniform
from parity.errors import RequestError
from parity.explain.inputs import BACKWARDS, SHUFFLED, STANDING, Rows, again_of, rows_of, told_by_weights
from parity.explain.losses import Loss, loss_of
from parity.explain.rules import Updates, updates_of
from parity.explain.starting import OUTPUTS, arrays_of
from parity.explain.treatment import UNTREATED, Case, End, Seen, Treatment, other
from parity.explain.updates import Start, digits_of, dropout_of, penalty_of, start_of
from parity.spec.intervention import Intervention
from parity.spec.models import CNN, MLP

if TYPE_CHECKING:
    from parity.compare.reference_network import Plain as Rule
    from parity.engines.sheet import Engine
    from parity.study.loose_fits import Request

Record = Mapping[str, Any]
Plain = dict[str, Any]

Kind = Literal["shipped", "ordered", "given", "rows", "all"]
"""shipped: nothing is pinned. ordered: rows in an order of ours. given: and from weights of ours, all rows in one
update. rows: in an order of ours, all rows in one update, or each of them in one. all: as they stand, in one update
that has room for more of them than there are.
"""

STEPS: Mapping[Kind, int] = {"shipped": 6, "ordered": 1, "given": 3, "rows": 2, "all": 1}
"Updates of each: six rows tell an order, three updates a rule and its constants, two epochs whether rows stay put."

DEEP: tuple[Kind, ...] = ("shipped", "ordered", "given", "rows", "all")
"All that is asked for on one draw."

SINGLE_STEPS = 6
"Updates where each sees one row, whatever is asked for: six rows' inputs tell a share that is dropped to 0.02."

TEST_ROWS = 2
"Somebody has to be predicted."

FIT_SECONDS = 300.0
"Six updates of one row through R and H2O, each a fit from a checkpoint, take half a minute on a busy machine."

JOBS = 2
"Workers of each runtime: loading a framework and its first update take most of the time."

ROOM = 10
"Times the rows that are given: how many an update has room for that is to show all."

SPREAD = 0.05
"Largest bias that a network of ours starts from: large enough to tell a factor of it, and too small to end learning."

SEED = 9
"Of the start and the order of ours; any would do."


NO_TRACE = "no trace"
"What an engine answers that knows of none."


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One side on one draw, under a treatment."""

    case: Case
    end: End
    seen: Seen
    treatment: Treatment = UNTREATED
    kinds: tuple[Kind, ...] = DEEP


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What one side shows on one draw; None where it shows nothing, or nothing that is recognised."""

    rows: Rows | None = None
    inputs: bool | None = None
    "Whether the inputs that it shows are recognised."
    every: tuple[int, ...] | None = None
    "Places of the rows that one update of all sees, as they stand; one that comes twice is there twice."
    scaling: tuple[str, float] | None = None
    "How inputs are scaled where nothing is asked for, and a factor besides."
    dropped: float | None = None
    "Share of the inputs that is left out."
    order: str | None = None
    "How the rows are visited where no order is given."
    batch: int | None = None
    "Rows of the first update, nothing pinned."
    batch_of_all: int | None = None
    "The same where all rows were asked for."
    start: Start | None = None
    "What becomes of weights that it is given."
    updates: Updates | None = None
    "How updates follow from gradients."
    penalty: float | None = None
    loss: Loss | None = None
    dropout: float | None = None
    digits: str | None = None

    @property
    def rules(self) -> Mapping[Rule, float]:
        """Rules that explain its updates, each with its rate."""
        return {} if self.updates is None else self.updates.rules


Trace = list[Record]
Key = tuple[Asked, Kind, bool]
"The last of them: whether rows are to be visited as they stand, since an order of ours was refused."


def shown(asked: Sequence[Asked]) -> list[Shown]:
    """What each shows: of an engine that gives no trace, nothing."""
    traces = _traces([(each, kind, False) for each in asked for kind in each.kinds if _tells(each, kind)])
    # An order is refused where another number of epochs is run than was asked for: rows as they stand are none.
    refused: list[Key] = [
        (each, kind, True)
        for (each, kind, _), trace in traces.items()
        if isinstance(trace, str) and trace != NO_TRACE and kind not in ("shipped", "all")
    ]
    traces |= _traces(refused)
    return [_recognised(each, traces) for each in asked]


def _recognised(asked: Asked, traces: Mapping[Key, Trace | str]) -> Shown:
    try:
        return _shown(asked, traces)
    except (ValueError, TypeError, LookupError, RequestError):
        # A user's engine can show arrays of any shape, and of anything.
        return Shown()


def _tells(asked: Asked, kind: Kind) -> bool:
    """Whether a trace shows what another does not.

    H2O shows no gradient, no row as shipped, and of single rows no whole epoch: what its rows are is asked for apart.
    """
    if takes_batches(asked.case.side(asked.end).engine):
        return kind != "rows" or "given" not in asked.kinds
    return kind in ("given", "rows")


def _shown(asked: Asked, traces: Mapping[Key, Trace | str]) -> Shown:
    def trace(kind: Kind) -> tuple[Trace, bool]:
        for standing in (False, True):
            found = traces.get((asked, kind, standing), "")
            if not isinstance(found, str):
                return found, standing
        return [], False

    (ordered, _), (given, _) = trace("ordered"), trace("given")
    of_rows, standing = trace("rows") if trace("rows")[0] else trace("given")
    penalty = penalty_of(ordered)
    rows = _rows(asked, of_rows, standing)
    dropped = rows.dropped if rows is not None else None
    told = (rows.scaling, rows.factor) if rows is not None else None
    if not takes_batches(asked.case.side(asked.end).engine):
        x, _ = _of_draw(asked)
        by_weights = told_by_weights(given, x, rows.places) if given and rows is not None else None
        told = (by_weights[0], 1.0) if by_weights is not None else None
        dropped = max(by_weights[1], dropped or 0.0) if by_weights is not None else None
    return Shown(
        rows=rows,
        inputs=rows is not None if len(of_rows) > 1 and "input" in of_rows[1] else None,
        every=_every(asked, trace("all")[0]),
        scaling=told,
        dropped=dropped,
        order=_own_order(asked, traces.get((asked, "shipped", False)), rows),
        batch=_rows_of_an_update(ordered),
        batch_of_all=_rows_of_an_update(given),
        start=start_of(given[0], start_given(asked)) if given else None,
        updates=updates_of(given, _spec(asked).learning_rate_decay or 0.0),
        penalty=penalty,
        loss=loss_of(given, penalty or 0.0),
        dropout=dropout_of(given, _spec(asked).activation),
        digits=digits_of(given) if given else None,
    )


def _rows(asked: Asked, trace: Trace, standing: bool | None) -> Rows | None:
    """standing: whether rows were asked for as they stand; None where no order was asked for."""
    if len(trace) < 2:
        return None
    x, y = _of_draw(asked)
    orders: Sequence[Sequence[int]] | None = None
    if standing is not None:
        n = _given_rows(asked)
        orders = [list(range(n))] * 2 if standing else _orders(asked, n)
    return rows_of(trace, x, y, asked.seen.features, orders)


def _every(asked: Asked, trace: Trace) -> tuple[int, ...] | None:
    if len(trace) < 2:
        return None
    found = again_of(trace[1], _of_draw(asked)[0])
    # What was shown may be the first of several updates.
    return found if found is not None and _given_rows(asked) <= len(found) < ROOM * _given_rows(asked) else None


def _own_order(asked: Asked, shipped: Trace | str | None, rows: Rows | None) -> str | None:
    """The pattern of the order that nobody gave, among rows that stand as those trained on do."""
    if shipped is None or isinstance(shipped, str):
        # A framework that shuffles out of sight says so and shows nothing.
        return SHUFFLED if rows is not None and shipped and "shuffle" in shipped else None
    own = _rows(asked, shipped, None)
    if own is None:
        return None
    n = len(own.mask)
    stands = rows.permutation if rows is not None else tuple(range(n))
    found = tuple(stands.index(place) for place in own.places)
    patterns = {STANDING: tuple(range(n)), BACKWARDS: tuple(range(n))[::-1]}
    return next((name for name, order in patterns.items() if found == order[: len(found)]), SHUFFLED)


def _rows_of_an_update(trace: Trace) -> int | None:
    return len(np.atleast_2d(trace[1]["input"])) if len(trace) > 1 and "input" in trace[1] else None


# What is asked for.


def _traces(keys: Sequence[Key]) -> dict[Key, Trace | str]:
    from parity.study.loose_fits import fits

    device = next((asked.case.device for asked, _, _ in keys), "cpu")
    requests = {key: request for key in keys if (request := _request(*key)) is not None}
    answers = fits(list(requests.values()), jobs=JOBS, seconds=FIT_SECONDS, device=device) if requests else []
    return {key: _usable(answer) for key, answer in zip(requests, answers, strict=True)}


def _usable(answer: Plain | str) -> Trace | str:
    """The records of an answer; why there are none where it was refused, or where some record has no weights."""
    if isinstance(answer, str):
        return answer
    trace = answer.get("trace")
    if not isinstance(trace, list) or len(trace) < 2:
        return NO_TRACE
    return trace if all(isinstance(r, Mapping) and r.get("weights") for r in trace) else NO_TRACE


def _request(asked: Asked, kind: Kind, standing: bool) -> Request | None:
    """None where the treatment makes no specification."""
    from parity.study.loose_fits import Request

    case, seen, treatment = asked.case, asked.seen, asked.treatment
    side = case.side(asked.end)
    try:
        base = _spec(asked)
    except RequestError:
        return None
    x, y = _of_draw(asked)
    features = list(seen.features)
    tested = case.draws.test[:TEST_ROWS]
    train = {"x": x, "y": y, "features": features, "rows": seen.draw.rows}
    test = {"x": np.asarray(case.data.x[tested], dtype=np.float64), "features": features, "rows": tested}
    outside, pinned = dict(treatment.outside), Plain()
    n = _given_rows(asked)
    if kind in ("given", "rows"):
        pinned["batch_size"] = n
    if kind == "given":
        arrays = start_given(asked)
        outside |= {"weights": arrays[::2], "biases": arrays[1::2]}
    single = not takes_batches(side.engine)
    if kind == "rows" and single:
        # Whatever the network, these are its rows; a small one is shown in a fraction of the time.
        pinned |= {"input_scaling": "none", "hidden": (1,)}
        outside |= {"weights": None, "biases": None}
    if kind == "all":
        pinned["batch_size"] = ROOM * n
    if standing or kind == "all":
        pinned["order"] = "given"
    spec = dataclasses.replace(base, **pinned)
    if kind != "shipped":
        outside["row_order"] = None if standing or kind == "all" else tuple(map(tuple, _orders(asked, n)))
    intervention = Intervention(**outside)
    train, test = intervention.given(train, test)
    steps = STEPS[kind] if not single else n if kind == "rows" else SINGLE_STEPS
    options = {
        "seed": seen.draw.seed,
        "overrides": {**side.overrides, **treatment.overrides},
        "trace": {"steps": steps},
        "device": case.device,
        **intervention.options(features),
    }
    return Request(side.name, spec, train, test, options, needs=())


def takes_batches(engine: Engine) -> bool:
    """Whether an update can be of several rows, as far as its table says so: a user's own need not."""
    return engine.runtime != "h2o"


def _spec(asked: Asked) -> MLP:
    """Raises RequestError for what is no specification."""
    found = dataclasses.replace(asked.case.spec, **asked.treatment.spec)
    assert isinstance(found, MLP)
    return found


def can_be_watched(case: Case) -> bool:
    """Whether the case is of dense networks."""
    return isinstance(case.spec, MLP) and not isinstance(case.spec, CNN)


def _of_draw(asked: Asked) -> tuple[Floats, Any]:
    rows, data = asked.seen.draw.rows, asked.case.data
    return np.asarray(data.x[rows], dtype=np.float64), np.asarray(data.y[rows]).astype(np.int64)


def _given_rows(asked: Asked) -> int:
    """Rows that the engine is given."""
    return len(asked.treatment.outside.get("rows") or asked.seen.draw.rows)


def _orders(asked: Asked, n: int) -> list[list[int]]:
    """For each epoch an order of ours; that of an engine which leaves no choice, where the side is of its kind."""
    from parity.network_fits import row_order

    epochs = _spec(asked).epochs
    sides = (asked.case.left, asked.case.right)
    runtime = asked.case.side(asked.end).engine.runtime
    own = [s.engine for s in sides if s.engine.order is not None and s.engine.runtime == runtime]
    if own:
        return row_order(own[0], n, epochs, asked.seen.draw.seed)
    rng = np.random.default_rng(SEED)
    return [[int(i) for i in rng.permutation(n)] for _ in range(epochs)]


def start_given(asked: Asked) -> Arrays:
    """Weights and biases in turn that a side is given to start from: numbers of float32, small for large inputs.

    From weights of the usual size, inputs of 0 to 255 would drive every unit to its end, where nothing is learnt.
    """
    spec, (x, _) = _spec(asked), _of_draw(asked)
    units = [x.shape[1], *spec.hidden, _output_units(asked, spec)]
    made = glorot_uniform(units, spec.activation, "sigmoid", SEED).arrays
    rng = np.random.default_rng(SEED)
    largest = 2.0 ** math.ceil(math.log2(max(1.0, float(np.abs(x).max()))))
    arrays = [a if k % 2 == 0 else rng.uniform(-SPREAD, SPREAD, a.shape) for k, a in enumerate(made)]
    arrays[0] = arrays[0] / largest
    return tuple(array.astype(np.float32).astype(np.float64) for array in arrays)


def _output_units(asked: Asked, spec: MLP) -> int:
    """As many as the specification says, or as the side's own network has, or as every one of its framework's has."""
    if spec.output is not None:
        return OUTPUTS[spec.output]
    untrained = asked.seen.untrained.get(asked.end)
    own = arrays_of(untrained, "weights") if untrained is not None else ()
    if own:
        return int(own[-1].shape[-1])
    engines = [asked.case.side(end).engine for end in (asked.end, other(asked.end))]
    told = [each.output for each in engines if each.output is not None and each.runtime == engines[0].runtime]
    return OUTPUTS[told[0] if told else "sigmoid"]
