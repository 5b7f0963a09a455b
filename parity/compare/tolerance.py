"""Every tolerance, with its reason. A run records the ones that it used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A largest gap that counts as none, in the unit of what is compared."""

    value: float
    reason: str


PUBLISHED_CURVE = Tolerance(
    0.025,
    "mean absolute distance over the sizes; two runs of the 2017 script on other draws lie 0.007 to 0.020 from the "
    "published curve, which is itself read off a picture to 0.001 and shows means of 5 draws",
)

ROUNDING = Tolerance(
    1e-4,
    "largest change of a predicted value that counts as rounding: a float32 network trained for some hundred updates "
    "carries an error of 1e-7 to at most 1e-5 where nothing else differs",
)

OBJECTIVE = Tolerance(
    1e-8,
    "relative excess of the objective over its minimum: what a float64 solver of a convex problem reaches, and too "
    "little to move a probability by more than 1e-4 of its standard error",
)

COEFFICIENTS = Tolerance(
    1e-6,
    "largest difference over the largest coefficient, each times its column's sd, where both sides are at the optimum "
    "to rounding",
)

LOOSE_COEFFICIENTS = Tolerance(
    1e-4,
    "the same where a side stops within the tolerance of the objective: near an optimum an excess of 1e-8 is a "
    "distance of about its square root",
)

PREDICTED = Tolerance(
    1e-6,
    "largest difference between a probability and that of the engine's own coefficients; H2O passes both on as text",
)

PROBABILITY = Tolerance(
    1e-4,
    "largest difference of a probability of two sides whose objectives are within their tolerance",
)
