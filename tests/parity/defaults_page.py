"""A small survey's document, its hostile twin, and how a browser without JavaScript reads the page of one."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from typing import Any

from parity.report.defaults_html import COLUMNS

Plain = dict[str, Any]

HOSTILE = """<script>hit()</script>"><img src=x onerror=hit()> ' onclick=hit() </textarea></style>&amp;{{ 7 * 7 }}"""
"Breaks out of text, attributes, styles and templates where any of them is not escaped."

WORDS_OF_THE_SCHEMA = {"schema", "kind", "outcome", "what_changed", "probability"}
"Fields whose values the schema lists or that are numbers: no data come here."


def parameter(name: str, **known: Any) -> Plain:
    row: Plain = {
        "function": "MLPClassifier",
        "name": name,
        "declared": None,
        "required": False,
        "declared_from": "inspect.signature(MLPClassifier)",
        "given": False,
        "asked": None,
        "effective": None,
        "effective_from": "",
        "choices": None,
        "canonical": None,
        "probe": None,
        **known,
    }
    row["in_force"] = row["effective"] if row["effective_from"] else row["asked"] if row["given"] else row["declared"]
    return row


def trial(value: Any, outcome: str, probability: Any = None, **known: Any) -> Plain:
    effect = None if probability is None else {"probability": probability, "accuracy": -0.01, "iterations": [100, 50]}
    return {
        "value": value,
        "outcome": outcome,
        "message": "",
        "read_back": None,
        "told": False,
        "reset": False,
        "effect": effect,
        **known,
    }


def probe(kind: str, *trials: Plain, reason: str = "", gate: Plain | None = None) -> Plain:
    return {"kind": kind, "reason": reason, "trials": list(trials), "gate": gate, "matches": None}


def small_document() -> Plain:
    """Two engines, one that failed and one that cannot run; each kind of row once."""
    read = {"effective_from": "get_params()"}
    gate = {"settings": {"solver": "sgd"}, "effect": {"probability": 0.034, "accuracy": 0, "iterations": [1, 1]}}
    rate = {"parameter": "training.rate", "value": 0.004999999888241291, "unit": "step an update"}
    parameters = [
        parameter("X", required=True, given=True, asked="x_train"),
        parameter(
            "solver",
            declared="adam",
            effective="adam",
            **read,
            probe=probe("live", trial("lbfgs", "raises", message="no such solver"), trial("sgd", "differs", 0.25)),
        ),
        parameter("rate", declared=0.001, given=True, asked=0.005, effective=0.005, **read, canonical=rate),
        parameter(
            "momentum", declared=0.9, effective=0.9, **read, probe=probe("inert", trial(0.09, "same"), gate=gate)
        ),
        parameter("epochs", declared=200, given=True, asked=200, effective=160, **read),
        parameter(
            "seed",
            declared="none",
            probe=probe("inert", trial(7, "same", read_back=5, told=True, reset=True)),
        ),
        parameter("depth", probe=probe("raises", trial(-1, "raises", message="not -1"), reason="not -1")),
        parameter("hidden", declared=[160, 160, 160], **read, effective=[160, 160, 160]),
    ]
    live = {**probe("live", trial(0.1, "differs", "inf"), trial(0.01, "same")), "matches": 0.01}
    other = [
        parameter("epochs", declared=10, function="fit"),
        parameter("rate", declared=0.01, function="adam", probe=live),
    ]
    behaviour = {"name": "precision", "value": "float64", "evidence": "not a float32 number", "facts": {}}
    single = {**behaviour, "value": "float32", "evidence": "every parameter is a float32 number"}
    tables = [
        ("py-sklearn", "mlp-leek", {"scikit-learn": "1.7.2"}, "", parameters, [behaviour]),
        ("r-keras3", "mlp-leek", {"keras3": "1.4.0"}, "", other, [single]),
        ("py-statsmodels", "leekasso-lm", {}, "RuntimeError: no such file", [], []),
    ]
    names = ("engine", "method", "versions", "reason", "parameters", "behaviours")
    row: Plain = {"left_native": "", "right_native": "", "effect": None, "inert": [], "measured": False}
    differences = [
        {**row, "what": "precision", "left": "float64", "right": "float32", "sentence": "Digits.", "measured": True},
        {**row, "what": "training.rate", "left": "0.005", "right": "0.01", "sentence": "Larger steps.", "effect": 0.25},
        {**row, "what": "momentum", "left": "0.9", "right": "no such parameter", "sentence": "A ball's."},
    ]
    differences[1] |= {"left_native": "MLPClassifier: rate", "right_native": "adam: rate"}
    differences[2] |= {"left_native": "MLPClassifier: momentum", "inert": ["py-sklearn"]}
    changed = {"engine": "py-sklearn", "methods": ["mlp-leek"], "native": "MLPClassifier: tol", "what": "declared"}
    return {
        "schema": "parity/1",
        "kind": "defaults",
        "environment": {},
        "comparisons": [],
        "counts": {"live": 2},
        "tables": [dict(zip(names, table, strict=True)) for table in tables],
        "diffs": [
            {
                "left": "py-sklearn",
                "right": "r-keras3",
                "differences": differences,
                "agreeing": ["loss"],
                "left_open": ["stop.epochs on r-keras3 = auto"],
                "left_only": ["nesterov = true"],
                "right_only": [],
                "left_unnamed": ["MLPClassifier: warm_start"],
                "right_unnamed": ["fit: callbacks"],
            }
        ],
        "changes": {
            "changes": [{**changed, "before": 0.0001, "after": 1e-05}],
            "versions": [{"engine": "py-sklearn", "package": "scikit-learn", "before": "1.5.0", "after": "1.7.2"}],
            "compared": 1234,
            "not_compared": [{"what": "r-h2o mlp-leek", "reason": "no Java"}],
        },
        "not_run": [{"engine": "py-h2o", "reason": "Java is missing", "mend": "apt-get install openjdk-17-jre"}],
        "rerun": "parity defaults mlp-leek --diff py-sklearn r-keras3",
    }


class Page(HTMLParser):
    """A page as a browser without JavaScript has it. rows: cells of the big table by column, as (text, title)."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str]] = []
        self.text, self.code = "", {"script": "", "style": ""}
        self.rows: list[dict[str, tuple[str, str]]] = []
        self.inside, self.in_table = "", False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.tags.append((tag, tuple(known)))
        self.text += " "
        self.attributes += known.items()
        self.inside = tag if tag in self.code else ""
        self.in_table = self.in_table or known.get("id") == "parameters"
        if self.in_table and tag == "tr" and "hidden" not in known:
            self.rows.append({})
        if self.in_table and tag in ("td", "th") and self.rows and len(self.rows[-1]) < len(COLUMNS):
            self.rows[-1][list(COLUMNS)[len(self.rows[-1])]] = ("", known.get("title", ""))

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""
        self.text += " "
        self.in_table = self.in_table and tag != "table"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.code[self.inside] += data
            return
        self.text += data
        if self.in_table and self.rows and self.rows[-1]:
            column = list(self.rows[-1])[-1]
            text, title = self.rows[-1][column]
            self.rows[-1][column] = (text + data.strip("\n"), title)

    def row(self, name: str) -> dict[str, str]:
        return next({c: text for c, (text, _) in row.items()} for row in self.rows if row["parameter"][0] == name)


def hostile(value: Any) -> Any:
    """The document with the hostile text behind every text that comes from data."""
    match value:
        case dict():
            return {
                (k if k not in ("scikit-learn", "keras3") else k + HOSTILE): v if _fixed(k, v, value) else hostile(v)
                for k, v in value.items()
            }
        case list():
            return [hostile(each) for each in value]
        case str() if value:
            return value + HOSTILE
        case other:
            return other


def _fixed(name: str, value: Any, within: Plain) -> bool:
    is_change = name == "what" and "before" in within and value in ("declared", "effective", "parameter")
    return is_change or name in WORDS_OF_THE_SCHEMA


def many_rows(document: Plain, count: int = 2500) -> Plain:
    """The document with so many rows that a slow filter is felt."""
    table = document["tables"][0]
    while len(table["parameters"]) < count:
        at = len(table["parameters"])
        more = copy.deepcopy(table["parameters"][at % 8])
        table["parameters"].append({**more, "name": f"{more['name']}_{at}"})
    return document
