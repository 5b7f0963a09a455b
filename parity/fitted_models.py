"""What a fitted model of statsmodels or scikit-learn says in plain numbers: coefficients by feature, predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

INTERCEPT = "(intercept)"

INTERCEPT_NAMES = ("(intercept)", "(Intercept)", "Intercept", "intercept", "const")
"What R, formulas, statsmodels and people call the constant."


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The coefficients of a linear model by feature, the intercept under INTERCEPT where there is one."""

    values: dict[str, float]
    named: bool
    "False where the model was fitted to a bare array: the names are then places, from 0."


def is_fitted_model(thing: Any) -> bool:
    """Whether it is a result of statsmodels or has a `predict` as scikit-learn's estimators and networks do."""
    return _is_statsmodels(thing) or (callable(getattr(thing, "predict", None)) and not isinstance(thing, type))


def coefficients(model: Any) -> Coefficients | None:
    """A model's coefficients; None where it has none, as a forest or a network."""
    if _is_statsmodels(model):
        return _of_statsmodels(model)
    final, names = _final_step(model)
    if getattr(final, "coef_", None) is None:
        return None
    return _of_sklearn(final, names)


def named_values(written: Any) -> dict[str, Any]:
    """Coefficients that someone wrote down (a mapping or a Series), the intercept under INTERCEPT."""
    return {INTERCEPT if str(name) in INTERCEPT_NAMES else str(name): value for name, value in dict(written).items()}


def predictions(model: Any, x: Any) -> NDArray[Any]:
    """What the model predicts for rows: (n,) probabilities of class 1 where it has two classes, else predicted values.

    A statsmodels result is given the constant that its model was fitted with, where `x` lacks it.
    """
    if _is_statsmodels(model):
        return np.asarray(model.predict(_with_constant(model, x)))
    if callable(getattr(model, "predict_proba", None)):
        probability = np.asarray(model.predict_proba(x))
        return probability[:, 1] if probability.ndim == 2 and probability.shape[1] == 2 else probability
    predicted = np.asarray(model.predict(x))
    return predicted[:, 0] if predicted.ndim == 2 and predicted.shape[1] == 1 else predicted


def _is_statsmodels(thing: Any) -> bool:
    return hasattr(thing, "params") and hasattr(getattr(thing, "model", None), "exog_names")


def _of_statsmodels(model: Any) -> Coefficients:
    params = model.params
    if hasattr(params, "index"):  # a Series: it was fitted to a frame or by a formula
        return Coefficients({name: float(value) for name, value in named_values(params).items()}, named=True)
    constant = _constant_place(model)
    values = {INTERCEPT: float(params[constant])} if constant is not None else {}
    others = [float(value) for place, value in enumerate(params) if place != constant]
    return Coefficients(values | {str(place): value for place, value in enumerate(others)}, named=False)


def _constant_place(model: Any) -> int | None:
    place = getattr(model.model.data, "const_idx", None)
    return None if place is None else int(place)


def _with_constant(model: Any, x: Any) -> Any:
    names, place = list(model.model.exog_names), _constant_place(model)
    if hasattr(model.model, "formula") or place is None or np.ndim(x) != 2 or np.shape(x)[1] != len(names) - 1:
        return x
    if hasattr(x, "columns"):
        widened = x.copy()
        widened.insert(place, names[place], 1.0)
        return widened[names] if set(names) <= set(widened.columns) else widened
    return np.insert(np.asarray(x, dtype=float), place, 1.0, axis=1)


def _final_step(model: Any) -> tuple[Any, list[str] | None]:
    """The estimator that has the coefficients, and the names of the features given to it, where they are known."""
    if not hasattr(model, "steps"):
        return model, _feature_names(model)
    final = model.steps[-1][1]
    try:
        return final, [str(name) for name in model[:-1].get_feature_names_out()]
    except (AttributeError, ValueError):  # a step that names nothing
        return final, None


def _feature_names(model: Any) -> list[str] | None:
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _of_sklearn(model: Any, names: list[str] | None) -> Coefficients:
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=float))
    features = names or [str(place) for place in range(weights.shape[1])]
    intercepts = np.atleast_1d(np.asarray(getattr(model, "intercept_", 0.0), dtype=float))
    # An estimator without an intercept keeps 0 under that name; it has none.
    fits_one = getattr(model, "fit_intercept", True)
    values: dict[str, float] = {}
    for place, row in enumerate(weights):
        suffix = "" if len(weights) == 1 else f", output {place}"
        if fits_one:
            values[INTERCEPT + suffix] = float(intercepts[place if len(intercepts) > 1 else 0])
        values |= {f"{feature}{suffix}": float(value) for feature, value in zip(features, row, strict=True)}
    return Coefficients(values, named=names is not None)
