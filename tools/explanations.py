"""Every explanation of docs/explained again: documents, pages of text and pictures (hours from an empty store)."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from parity.api import explain
from parity.report.document import write, write_text
from parity.report.explain_markdown import explanation_markdown
from parity.report.figure import CannotDraw
from parity.report.waterfall import waterfall_picture

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "explained"
SIZES = (10, 40, 80)

PAIRS = {
    "lm": ("r-stats", "py-sklearn", "leekasso-lm", "leek2017"),
    "glm": ("r-stats", "py-sklearn", "leekasso-glm", "leek2017"),
    "liblinear": ("r-liblinear", "py-sklearn", "leekasso-liblinear", "leek2017"),
    "h2o_keras_leek": ("r-h2o", "py-keras-jax", "mlp-leek", "leek2017"),
    "h2o_keras_beam": ("r-h2o", "py-keras-jax", "mlp-beam", "beam2017-r"),
    "pixels_255": ("py-keras-tensorflow", "py-keras-jax", "mlp-beam", "docs/explained/pixels_255.toml"),
    "pixels_1": ("py-keras-tensorflow", "py-keras-jax", "mlp-beam", "docs/explained/pixels_1.toml"),
    "keras_r_python": ("r-keras3", "py-keras-tensorflow", "mlp-leek", "leek2017"),
    "h2o_python_r": ("py-h2o", "r-h2o", "mlp-leek", "leek2017"),
}
"Name of the page -> left, right, method, study."


def without_places(environment: Any) -> Any:
    """An environment without the files of the machine on which the pages were made."""
    if not isinstance(environment, dict):
        return environment
    kept = {name: value for name, value in environment.items() if not str(value).startswith("/")}
    return {name: without_places(value) for name, value in kept.items()}


def main() -> None:
    """Make the pages that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PAIRS, []], metavar="NAME", help=", ".join(PAIRS))
    parser.add_argument("--store", type=Path, default=ROOT / "out" / "explained.sqlite")
    parser.add_argument("--n", type=int, nargs="*", default=SIZES)
    parser.add_argument("--draws", type=int, default=20)
    given = parser.parse_args()
    for name in given.names or PAIRS:
        left, right, method, study = PAIRS[name]
        started = time.monotonic()
        document = explain(
            study,
            (left, right),
            method=method,
            sizes=given.n,
            draws=given.draws,
            store=given.store,
            recipe_to=ROOT / "out" / "recipes" / name,
            watch=lambda doing, cell, count: (
                None if cell is not None else print(f"  {doing} ({count} fits)", flush=True)
            ),
            rerun=f"python tools/explanations.py {name}",
        )
        kept = ROOT / "out" / "explained" / f"{name}.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        write(document, kept)
        pictures: list[dict[str, str]] = []
        try:
            waterfall_picture(document, FOLDER / f"{name}.png")
            pictures = [{"title": f"From {left} to {right}, one difference after another", "file": f"{name}.png"}]
        except CannotDraw as error:
            print(f"  no picture: {error}")
        shown = {**document, "environment": without_places(document["environment"])}
        write_text(explanation_markdown(shown, pictures), FOLDER / f"{name}.md")
        for each in document["explanations"]:
            print(f"{name} n = {each['n']}: {each['sentence']} ({each['seconds']:.0f} s, {each['cells']} fits)")
        print(json.dumps({name: round(time.monotonic() - started)}), flush=True)


if __name__ == "__main__":
    main()
