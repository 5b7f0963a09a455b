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
