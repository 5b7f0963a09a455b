"""Where linear models part with everything switched: in their columns, their coefficients, or after they are fitted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parity.explain.remaining import FITS, Remaining, remaining
from parity.explain.treatment import UNTREATED, Treatment
from parity.spec.study import METHODS
from parity.study.store import Result

COEFFICIENTS = {"(intercept)": 0.5, "pixel350": 0.01, "pixel406": -0.02, "pixel434": None}
PREDICTED = (0.1, 0.4, 0.9)


def fitted(coefficients: dict[str, Any], predicted: tuple[float, ...] = PREDICTED) -> Result:
    arrays = {"probability": np.array(predicted)}
    return Result("done", {"parameters": {"coefficients": coefficients}}, arrays)


def left_over(right: Result, treatment: Treatment = UNTREATED) -> Remaining | None:
    bench = SimpleNamespace(
        treated=lambda end, switches, seen: treatment,
        case=SimpleNamespace(spec=METHODS["leekasso-glm"]),
        both=lambda asked: [{"left": fitted(COEFFICIENTS), "right": right}],
    )
    return remaining(bench, (), SimpleNamespace(draw=SimpleNamespace(index=3)), ())


@pytest.mark.parametrize(
    ("right", "part"),
    [
        (fitted({**COEFFICIENTS, "pixel434": 0.1}), ("columns", "2", "3, alone with pixel434")),
        (fitted({**COEFFICIENTS, "pixel406": -0.03}), ("coefficients", "pixel406: -0.02", "pixel406: -0.03")),
        (fitted({**COEFFICIENTS, "pixel406": np.nan}), ("coefficients", "pixel406: -0.02", "pixel406: nan")),
        (fitted(COEFFICIENTS, (0.1, 0.6, 0.9)), ("predicted values", "test row 2: 0.4", "test row 2: 0.6")),
        (fitted({**COEFFICIENTS, "pixel406": -0.020001}), ("coefficients", "pixel406: -0.02", "pixel406: -0.020001")),
        (fitted({**COEFFICIENTS, "pixel406": -np.inf}), ("coefficients", "pixel406: -0.02", "pixel406: -inf")),
        (fitted({**COEFFICIENTS, "pixel406": -0.02 * (1 + 1e-9)}), None),
    ],
    ids=["columns", "coefficients", "no number", "predicted values", "nearly", "infinite", "rounding"],
)
def test_the_first_thing_in_which_two_linear_fits_part_is_told(right, part):
    found = left_over(right)

    assert found is not None and (found.draw, found.what) == (3, FITS)
    assert [(each.name, each.left, each.right) for each in found.parts] == ([part] if part else [])


def test_coefficients_of_inputs_in_other_units_are_not_compared():
    right = fitted({name: value and 7 * value for name, value in COEFFICIENTS.items()})

    found = left_over(right, Treatment(outside={"factor": 1 / 7}))

    assert found is not None and found.parts == () and "coefficients" not in found.compared


def test_nothing_is_told_of_a_side_without_a_fit_or_without_coefficients():
    assert left_over(Result("failed", {"reason": "singular"}, {})) is None
    assert left_over(fitted({})) is None
