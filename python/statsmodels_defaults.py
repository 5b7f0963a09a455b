"""What statsmodels tells of its own parameters: in a fitted model, in its document strings and in its annotations."""

from __future__ import annotations

import ast
import inspect
import re
import typing
from collections.abc import Callable, Collection
from typing import Any

from parity.engines.contract import Plain

Rows = Callable[..., list[Plain]]
DATA = ("endog", "exog")


def rows_of(
    model: Any, add_constant: Callable[..., Any], declared: Rows, asked: Plain, override: dict[str, Collection[str]]
) -> list[Plain]:
    """Rows for what makes a model, fits it and predicts from it, in the order of the calls.

    model: the fitted results; declared: `native_calls.declared`; asked, override: its arguments, by function.
    """
    label, results = type(model.model).__name__, type(getattr(model, "_results", model)).__name__
    calls: list[tuple[str, Callable[..., Any], Plain]] = [("add_constant", add_constant, {})]
    if family := asked[label].get("family") and model.model.family:
        for name, each in (("families", family), ("families.links", family.link)):
            calls.append((f"{name}.{type(each).__name__}", type(each), kept(each, type(each))))
    calls += [
        (label, type(model.model), of_model(model.model)),
        (f"{label}.fit", model.model.fit, of_fit(model)),
        (f"{results}.predict", model.predict, {}),
        # It takes what the results' own predict passes on.
        (f"{label}.predict", model.model.predict, {}),
    ]
    return [
        row
        for name, function, told in calls
        for row in declared(
            name,
            function,
            asked=asked.get(name),
            effective=told,
            read=f"attributes of the fitted {label}",
            choices=choices(function),
            override=override.get(name, ()),
        )
    ]


def of_model(model: Any) -> Plain:
    """The constructor's arguments in force; k_constant is what hasconst came to."""
    return {**kept(model, type(model)), "hasconst": bool(model.k_constant)}


def of_fit(model: Any) -> Plain:
    """The arguments of fit() in force: what the results keep, and an optimizer's settings where it kept them."""
    settings = getattr(model, "mle_settings", None) or {}
    names = inspect.signature(model.model.fit).parameters
    told = {**kept(model, model.model.fit), **{name: settings[name] for name in names if name in settings}}
    if "cov_kwds" in told:  # with a sentence on the covariance beside the keywords
        told["cov_kwds"] = {name: value for name, value in told["cov_kwds"].items() if name != "description"}
    return {**told, **({"method": settings["optimizer"]} if settings else {})}


def kept(thing: Any, function: Callable[..., Any]) -> Plain:
    """Arguments, but for the data, that an object keeps under their name, or under it with an underscore before."""
    names = [name for name in inspect.signature(function).parameters if name not in DATA]
    found = {name: next((each for each in (name, f"_{name}") if hasattr(thing, each)), None) for name in names}
    return {name: plain(getattr(thing, attribute)) for name, attribute in found.items() if attribute}


def plain(value: Any) -> Any:
    """One number for an array that holds it in every row; the class of a family or a link."""
    if hasattr(value, "tolist"):
        values = value.tolist()
        return values[0] if isinstance(values, list) and len(set(values)) == 1 else values
    return value if isinstance(value, bool | int | float | str | list | dict | None) else type(value)


def choices(function: Callable[..., Any]) -> dict[str, list[Any]]:
    """Values by parameter that the annotations or the document string list."""
    from statsmodels.tools.docstring import NumpyDocString

    listed = {p.name: from_type(p.type) for p in NumpyDocString(inspect.getdoc(function) or "")["Parameters"]}
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        if typing.get_origin(parameter.annotation) is typing.Literal:
            listed[name] = list(typing.get_args(parameter.annotation))
    return {name: values for name, values in listed.items() if values}


def from_type(written: str) -> list[Any]:
    """The values of a documented type: those of "{'pinv', 'qr'}, optional", both of "bool"; none of any other."""
    if braces := re.search(r"\{['\"].*?\}", written):
        return sorted(ast.literal_eval(braces[0]))
    return [False, True] if re.search(r"\bbool\b", written) else []
