"""`parity lockstep` as a user meets it: verdicts, exit codes, document, page, and what bad requests are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from parity.engines.environment import gpus
from parity.engines.sheet import SHEET, engine, engine_file
from parity.report.document import SCHEMA_FILE
from parity.report.lockstep_html import lockstep_html
from tests.parity.conftest import needs

Parity = Callable[..., Any]

needs_sklearn = needs("py-sklearn")


def study(folder: Path, **fields: Any) -> Path:
    """Small networks on the digits."""
    rows = "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields.items())
    path = folder / "study.toml"
    path.write_text(
        'data = "digits"\nclasses = [0, 1]\nsizes = [20]\n\n[methods.small]\nkind = "mlp"\nhidden = [8, 8]\n'
        f'activation = "tanh"\nepochs = 3\n{rows}\n'
    )
    return path


def document(parity: Parity, folder: Path, *arguments: object, **fields: Any) -> dict[str, Any]:
    ran = parity("lockstep", *arguments, "--method", "small", "--study", study(folder, **fields), "--json", "-")
    found: dict[str, Any] = json.loads(ran.stdout)
    jsonschema.validate(found, json.loads(SCHEMA_FILE.read_text()))
    return found


@needs_sklearn
def test_scikit_learn_follows_the_reference(parity: Parity, tmp_path: Path):
    found = document(parity, tmp_path, "py-sklearn", "reference", "--steps", 25)
    (comparison,) = found["comparisons"]
    assert comparison["verdict"] == "within tolerance"
    assert (found["steps"], found["every"], found["specification"]["output"]) == (25, "update", "sigmoid")
    assert 0 < found["resolution"] < 0.01
    assert {each["step"] for each in found["compared"]} == set(range(26))
    assert comparison["gap"] < comparison["tolerance"]["value"]


@needs_sklearn
def test_whole_fits_are_compared_epoch_by_epoch_and_the_order_of_the_sides_does_not_matter(
    parity: Parity, tmp_path: Path
):
    found = document(parity, tmp_path, "reference", "py-sklearn", "--fit", optimizer="adam")
    assert (found["steps"], found["every"]) == (3, "epoch")
    assert [side["name"] for side in found["sides"]] == ["py-sklearn", "reference"]
    assert found["comparisons"][0]["verdict"] == "within tolerance"
    assert all(each["excess"] < 1 for each in found["compared"])


@needs_sklearn
def test_in_float64_next_to_nothing_counts_as_rounding(parity: Parity, tmp_path: Path):
    found = document(parity, tmp_path, "py-sklearn", "reference", "--precision", "float64", optimizer="adam")
    assert found["comparisons"][0]["verdict"] in {"within tolerance", "identical"}
    assert found["resolution"] < 1e-9


@needs_sklearn
def test_a_loss_that_is_reported_otherwise_is_named_with_its_reason(parity: Parity, tmp_path: Path):
    """scikit-learn keeps the probabilities off 0 and 1 in its loss, and not in its gradients."""
    ran = parity(
        "lockstep", "py-sklearn", "reference", "--method", "mlp-beam", "--input-scaling", "none", "--steps", 5,
        "--html", tmp_path / "page.html",
    )  # fmt: skip
    assert ran.returncode == 1
    assert "different: explained" in ran.stdout
    assert "off 0 and 1 before their logarithm is taken" in ran.stdout
    assert "what is reported differs, not what is learnt from it" in ran.stdout
    assert "agree still" in ran.stdout
    page = (tmp_path / "page.html").read_text()
    assert "off 0 and 1 before their logarithm is taken" in page
    assert page.count('class="s4"') > 1  # the legend's, and that of the mark


def test_names_from_outside_are_escaped_in_the_page():
    hostile = '<script>alert("x")</script>'
    side = {"name": hostile, "reason": "", "not_expressible": [{"parameter": hostile, "reason": hostile}],
            "versions": {hostile: hostile}, "messages": [hostile]}  # fmt: skip
    comparison = {"what": hostile, "verdict": "different: explained", "reason": hostile}
    page = lockstep_html(
        {
            "sides": [side, {**side, "name": "reference"}],
            "method": hostile,
            "study": {"name": hostile, "data": {"name": hostile}},
            "comparisons": [{**comparison, "tolerance": {"reason": hostile}}],
            "partings": {
                "pair": {
                    "step": 1, "tensor": hostile, "shape": [2], "place": [0], "values": {hostile: 1.0}, "ratio": None,
                    "tolerance": 0.1, "pattern": hostile,
                    "leaves": [{"name": hostile, "pattern": hostile, "suppositions": [{"what": hostile, "value": 1}]}],
                }
            },
            "compared": [
                {"step": 1, "tensor": hostile, "gap": 1, "excess": 2, "left_excess": 2, "right_excess": 0.0}
            ],
            "every": "update", "steps": 1, "asked": 1, "resolution": 0.1, "dropout_left_out": 0.5,
            "specification": {hostile: hostile}, "rerun": hostile,
        }
    )  # fmt: skip
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["py-sklearn", "--method", "mlp-beam"], "name two engines, or one and 'reference'"),
        (["py-sklearn", "py-sklearn", "--method", "mlp-beam"], "name two engines, or one and 'reference'"),
        (["py-sklearn", "py-skleran", "--method", "mlp-beam"], "py-sklearn"),
        (["r-stats", "reference", "--method", "mlp-beam"], "r-stats fits no networks"),
        (["py-sklearn", "reference", "--method", "mlp-bean"], "mlp-beam"),
        (["py-sklearn", "reference", "--method", "leekasso-lm"], "leekasso-lm is no dense network"),
        (["py-keras-jax", "reference", "--method", "cnn-beam"], "cnn-beam is no dense network"),
        (["py-sklearn", "reference", "--method", "mlp-beam", "--epochs", "2"], "--epochs belongs to --fit"),
        (["py-sklearn", "reference", "--method", "mlp-beam", "--draw", "-1"], "draw -1 is below 0"),
        (["py-sklearn", "reference", "--method", "mlp-beam", "--learning-rate", "nan"], "learning_rate is nan"),
        (["py-sklearn", "reference", "--method", "mlp-beam", "--learning-rate", "0"], "learning_rate is 0"),
        (["py-sklearn", "reference", "--method", "mlp-beam", "--tf32"], "--tf32 belongs to --device gpu"),
    ],
)
def test_a_wrong_request_is_one_line_that_says_what_would_be_right(parity: Parity, arguments: list[str], said: str):
    ran = parity("lockstep", *arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1


@needs_sklearn
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("found['trace'] = None", "it returned no trace"),
        ("found['trace'] = found['trace'][:2]", "its trace shows 1 updates, and 3 were asked for"),
        ("[each['biases'].pop() for each in found['trace']]", "has biases of 2 layers, and the network has 3"),
        ("found['trace'][1]['gradients']['weights'].pop()", "has gradients of weights of 2 layers"),
    ],
)
def test_a_trace_that_does_not_show_what_it_should_is_an_error_and_no_agreement(
    parity: Parity, tmp_path: Path, change: str, said: str
):
    real = engine_file(engine("py-sklearn"))
    (tmp_path / "silent.py").write_text(
        f"import importlib.util\nfound = importlib.util.spec_from_file_location('real', {str(real)!r})\n"
        "real = importlib.util.module_from_spec(found)\nfound.loader.exec_module(real)\n"
        "defaults, translate = real.defaults, real.translate\n"
        f"def fit(*given):\n    found = real.fit(*given)\n    {change}\n    return found\n"
    )
    sheet = SHEET.read_text().replace('"sklearn_engine.py"', f'"{tmp_path / "silent.py"}"')
    (tmp_path / "sheet.toml").write_text(sheet)
    ran = parity(
        "lockstep", "py-sklearn", "reference", "--method", "small", "--study", study(tmp_path), "--steps", 3,
        PARITY_SHEET=str(tmp_path / "sheet.toml"),
    )  # fmt: skip
    assert ran.returncode == 1
    assert said in ran.stdout


@needs_sklearn
def test_networks_of_other_output_layers_are_not_comparable(parity: Parity):
    ran = parity("lockstep", "py-sklearn", "reference", "--method", "mlp-beam", "--output", "softmax", "--steps", 3)
    assert ran.returncode == 3
    assert "not comparable" in ran.stdout
    assert "output" in ran.stdout


@pytest.mark.skipif(bool(gpus()), reason="there is a GPU here")
@needs_sklearn
def test_without_a_gpu_it_is_not_run_and_says_so(parity: Parity):
    ran = parity("lockstep", "py-keras-jax", "reference", "--method", "mlp-beam", "--device", "gpu")
    assert ran.returncode == 3
    assert "not run" in ran.stdout
