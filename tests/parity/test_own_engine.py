"""A user's own engine, one file in R or Python, is an engine like any other; what is none is told in one line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from parity.engines import own_engine, sheet
from parity.engines.environment import missing
from parity.engines.sheet import engine, engine_file
from parity.errors import RequestError
from parity.report.document import SCHEMA_FILE
from parity.run import code_hash
from parity.spec.study import ENGINE_SUFFIXES, read_study
from tests.parity.conftest import Parity, needs

PAGE = Path(__file__).parents[2] / "docs" / "own_engine.md"
HEAD = '# /// parity\n# fits = ["lm"]\n# ///\n'
FIT = "def fit(spec, train, test, options):\n    return {'probability': test['x'][:, 0]}\n"
R_FIT = "fit <- function(spec, train, test, options) list(probability = test$x[, 1])\n"

needs_r = needs("r-stats")


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test knows the files of another."""
    monkeypatch.setenv(own_engine.VARIABLE, "{}")
    yield


def example(language: str) -> str:
    """The complete file of that language on the page."""
    return next(
        b for b in re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.S) if b.startswith("# /// parity")
    )


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def study(folder: Path, engines: list[str], **lines: str) -> Path:
    """A study of thirty rows a draw on a table of two overlapping classes."""
    rng = np.random.default_rng(3)
    rows = [f"{'no' if i % 2 else 'yes'},{i % 2 + rng.normal()},{rng.normal()},{rng.normal()}" for i in range(120)]
    written(folder, "rows.csv", "outcome,a,b,c\n" + "\n".join(rows))
    given = {"data": '"rows.csv"', "label": '"outcome"', "sizes": "[30]", "draws": "2", "methods": '["leekasso-lm"]'}
    given |= {"engines": json.dumps(engines), **lines}
    return written(folder, "study.toml", "".join(f"{key} = {value}\n" for key, value in given.items()))


def ran(parity: Parity, folder: Path, *words: object) -> dict[str, Any]:
    done = parity("run", *words, "--json", "d.json", cwd=folder)
    assert done.returncode == 0, done.stderr + done.stdout
    document: dict[str, Any] = json.loads((folder / "d.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    return document


def of(document: dict[str, Any], engine_id: str) -> list[dict[str, Any]]:
    return [cell for cell in document["cells"] if cell["engine"] == engine_id]


@needs_r
@pytest.mark.slow
def test_the_files_of_the_page_stand_beside_shipped_engines_and_an_edit_refits_its_own_cells(
    parity: Parity, tmp_path: Path
):
    ridge, lda = written(tmp_path, "my_ridge.py", example("python")), written(tmp_path, "my_lda.R", example("r"))
    path = study(tmp_path, ["my_ridge.py", "py-sklearn", "my_lda.R", "r-stats"])
    # From elsewhere: the engines lie beside the study, and not in the folder that it is run from.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    document = ran(parity, elsewhere, path)
    assert {curve["engine"] for curve in document["curves"]} == {"my-ridge", "my-lda", "py-sklearn", "r-stats"}
    assert all(cell["status"] == "done" for cell in document["cells"])
    assert "my-lda" in json.dumps(document["pairs"])
    # On two balanced classes discriminant analysis cuts nearly where least squares does; a ridge shrinks.
    least = np.mean([cell["accuracy"] for cell in of(document, "r-stats")])
    for own in ("my-ridge", "my-lda"):
        assert abs(np.mean([cell["accuracy"] for cell in of(document, own)]) - least) < 0.1
        assert all(cell["seconds"] is not None and cell["messages"] == [] for cell in of(document, own))
    assert "nothing to fit" in parity("run", path, cwd=elsewhere).stdout
    written(tmp_path, "my_ridge.py", ridge.read_text().replace("np.eye", "9 * np.eye"))
    assert re.search(r"\b2 cells fitted.*\b6 were in the store", parity("run", path, cwd=elsewhere).stdout)
    written(tmp_path, "my_lda.R", lda.read_text() + "# nothing but a comment\n")
    assert re.search(r"\b2 cells fitted.*\b6 were in the store", parity("run", path, cwd=elsewhere).stdout)


@pytest.mark.slow
def test_a_file_serves_where_an_id_does_and_says_what_it_lacks(parity: Parity, tmp_path: Path):
    written(tmp_path, "my_ridge.py", example("python"))
    asked = parity("translate", "leekasso-lm", "--engine", "my_ridge.py", cwd=tmp_path)
    assert asked.returncode == 3 and "my_ridge.py has no function translate(spec, options)" in asked.stderr
    shown = parity("defaults", "leekasso-lm", "--engine", "my_ridge.py", cwd=tmp_path)
    assert shown.returncode == 0 and "my_ridge.py has no function defaults(spec, train, options)" in shown.stdout
    more = re.findall(r"```python\n(def translate.*?)```", PAGE.read_text(), re.S)[0]
    written(tmp_path, "my_ridge.py", example("python") + more)
    told = parity("translate", "leekasso-lm", "--engine", "my_ridge.py", cwd=tmp_path)
    assert told.returncode == 0 and "slope = solve(" in told.stdout
    other = parity("translate", "mlp-leek", "--engine", "my_ridge.py", cwd=tmp_path)
    assert other.returncode == 2 and "does not fit mlp-leek" in other.stderr


COPIES = [
    ("py-sklearn", "sklearn_engine.py", 'label=(probability > spec["threshold"])', "label=(probability > 0.8)"),
    ("r-stats", "stats_engine.R", "probability, probability > spec$threshold,", "probability, probability > 0.8,"),
    # What is planted in a neighbour is found beside the copy, and the copy's other neighbours find it as well.
    ("py-sklearn", "sklearn_engine.py", "", ""),
    ("r-stats", "stats_engine.R", "", ""),
]
NEIGHBOURS = {
    "py-sklearn": ("native_calls.py", "", "raise ValueError('planted')\n"),
    "r-stats": ("screen.R", "<= spec$k)", "<= 1)"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "file", "old", "new"), COPIES)
def test_a_copy_of_a_shipped_engine_works_by_its_block_alone_and_a_planted_change_shows(
    parity: Parity, tmp_path: Path, name: str, file: str, old: str, new: str
):
    real = engine(name)
    if any(gap.blocking for gap in missing(real)):
        pytest.skip(f"{name} does not run here")
    block = f'# /// parity\n# id = "copy"\n# fits = {json.dumps(list(real.fits))}\n# screen = "own"\n# ///\n'
    source = engine_file(real).read_text()
    assert old in source
    written(tmp_path, file, block + source)
    path = study(tmp_path, [file, name])
    same = ran(parity, tmp_path, path)
    assert [c["accuracy"] for c in of(same, "copy")] == [c["accuracy"] for c in of(same, name)]
    assert [c["selected"] for c in of(same, "copy")] == [c["selected"] for c in of(same, name)]
    if old:
        written(tmp_path, file, block + source.replace(old, new))
        changed = ran(parity, tmp_path, path)
        assert [c["accuracy"] for c in of(changed, "copy")] != [c["accuracy"] for c in of(changed, name)]
        return
    neighbour, before, after = NEIGHBOURS[name]
    text = (engine_file(real).parent / neighbour).read_text()
    assert before in text
    written(tmp_path, neighbour, text.replace(before, after) if before else text + after)
    changed = ran(parity, tmp_path, path)
    assert [c["accuracy"] for c in of(changed, name)] == [c["accuracy"] for c in of(same, name)]
    if name == "r-stats":
        assert all(isinstance(c["selected"], str) or len(c["selected"]) == 1 for c in of(changed, "copy"))
    else:
        assert all("planted" in c["reason"] for c in of(changed, "copy"))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.py", FIT, "a.py has no table; write one block of comments: # /// parity"),
        ("a.py", HEAD + HEAD + FIT, "a.py has 2 tables"),
        ("a.py", '# /// parity\n# fits = ["lm"]\n' + FIT, "the table of a.py, opened in line 1, is not closed"),
        (
            "a.py",
            "\n\n# /// parity\n# fits = \n# ///\n" + FIT,
            r"a.py is not TOML: Invalid value \(at line 4, column 10\)",
        ),
        ("a.py", HEAD.replace("fits", "fit") + FIT, "unknown key 'fit' in the table of a.py; did you mean 'fits'"),
        ("a.py", HEAD.replace('"lm"', '"gln"') + FIT, "unknown family 'gln' in the table of a.py; did you mean 'glm'"),
        ("a.py", HEAD.replace("# fits", "# id = 'r-stats'\n# fits") + FIT, "parity has an engine of that id"),
        ("a.py", HEAD.replace("# fits", "# id = 'reference'\n# fits") + FIT, "as lockstep calls its own network"),
        ("a.py", HEAD.replace("# fits", "# id = '<b>'\n# fits") + FIT, "the id of a.py is '<b>'; write id ="),
        ("a.py", HEAD.replace("# fits", "# language = 'R'\n# fits") + FIT, "'language', which the file's suffix tells"),
        ("a.py", HEAD.replace("# fits", "# runtime = 'r'\n# fits") + FIT, "runtime .* is 'r', which cannot run Python"),
        ("a.py", HEAD, "a.py defines no function fit"),
        ("a.py", HEAD + "print(fit)\n", "a.py defines no function fit"),
        ("a.py", HEAD + FIT + "x = (\n", r"a.py does not parse: line 6: '\(' was never closed"),
        ("a.R", HEAD + "library(stats)\nother <- function() fit <- 1\n", "a.R defines no function fit"),
        ("a.R", HEAD + R_FIT + "x <- 1 +* 2\n", r"a.R does not parse: line 5: unexpected '\*'"),
        ("a.jl", HEAD, "a.jl is neither Python nor R by its name"),
        ("nowhere/a.py", None, "nowhere/a.py cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_engine_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, said: str
):
    if name.endswith(".R") and any(gap.blocking for gap in missing(engine("r-stats"))):
        pytest.skip("only R tells how R parses")
    monkeypatch.chdir(tmp_path)
    if text is not None:
        written(tmp_path, name, text)
    with pytest.raises(RequestError, match=said) as refused:
        engine(name)
    assert "\n" not in str(refused.value)
    assert own_engine.known() == {}


def test_an_unknown_engine_in_a_study_is_named_and_nothing_is_made(parity: Parity, tmp_path: Path):
    done = parity("run", study(tmp_path, ["my_engine.py", "py-sklearn"]), cwd=tmp_path)
    assert done.returncode == 2 and "engine file my_engine.py cannot be read" in done.stderr
    written(tmp_path, "my_engine.py", HEAD + FIT)
    keyed = study(tmp_path, ["my_engine.py"], overrides='{ "my_engine.py" = { alpha = 1 } }')
    done = parity("run", keyed, cwd=tmp_path)
    assert done.returncode == 2 and "write the engine's id" in done.stderr
    assert not (tmp_path / "parity.sqlite").exists()


def test_what_a_table_leaves_out_follows_from_the_file(tmp_path: Path):
    found = engine(str(written(tmp_path, "my engine (v2).py", HEAD + FIT)))
    assert (found.id, found.language, found.runtime, found.screen) == ("my-engine-v2", "Python", "python", "neutral")
    assert found.own and not any(found.capabilities.values()) and set(found.capabilities) == set(sheet.CAPABILITIES)
    assert engine("my-engine-v2") == found and list(sheet.engines())[-1] == found.id
    assert sheet.called(found.file) == sheet.called(found.id) == found.id
    assert sheet.called(f"{found.file}:fast") == f"{found.id}:fast"
    assert sheet.called("py-sklearn:lbfgs") == "py-sklearn:lbfgs" and sheet.called("reference") == "reference"
    assert sheet.reference(found.id) == os.path.relpath(found.file) and sheet.reference("r-stats") == "r-stats"
    assert found.id not in sheet.shipped()
    network = engine(str(written(tmp_path, "net.py", HEAD.replace('"lm"', '"mlp"') + FIT)))
    assert network.screen is None


def test_two_files_of_one_id_are_refused_and_a_file_may_change_its_own(tmp_path: Path):
    (tmp_path / "other").mkdir()
    first = written(tmp_path, "mine.py", HEAD + FIT)
    engine(str(first))
    with pytest.raises(RequestError, match="has the id 'mine', and so has .*give one of them another id"):
        engine(str(written(tmp_path / "other", "mine.py", HEAD + FIT)))
    engine(str(written(tmp_path, "mine.py", HEAD.replace("# fits", "# id = 'yours'\n# fits") + FIT)))
    assert list(own_engine.known()) == ["yours"]


def test_the_hash_covers_the_files_beside_it_that_it_names_and_no_others(tmp_path: Path):
    helper, table = written(tmp_path, "common.py", "a = 1\n"), written(tmp_path, "weights.csv", "1\n")
    other = written(tmp_path, "unrelated.py", "a = 1\n")
    path = written(tmp_path, "mine.py", HEAD + "import common\nTABLE = 'weights.csv'\n" + FIT)
    before = code_hash(engine(str(path)))
    other.write_text("a = 2\n")
    assert code_hash(engine("mine")) == before
    seen = {before}
    for file in (helper, table, path):
        file.write_text(file.read_text() + "# 2\n")
        seen.add(code_hash(engine("mine")))
    assert len(seen) == 4


def answer_of(text: str, folder: Path, spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the one fit of a Python file answers on three test rows, as a worker has it."""
    from parity.engines.worker import engine_functions

    path = written(folder, f"{folder.name[-30:]}_engine.py", HEAD + text)
    train = {"x": np.eye(3), "y": np.array([0, 1, 1]), "features": ["a", "b", "c"]}
    test = {"x": np.array([[0.1], [0.6], [0.9]]), "features": ["a"]}
    found: dict[str, Any] = engine_functions(engine(str(path)))["fit"](spec or {"threshold": 0.8}, train, test, {})
    return found


def test_probabilities_alone_are_completed(tmp_path: Path):
    found = answer_of("import warnings\n" + FIT.replace("return", "warnings.warn('mine')\n    return"), tmp_path)
    assert found["label"].tolist() == [0, 0, 1]
    assert found["messages"] == ["UserWarning: mine"] and found["seconds"] >= 0 and found["parameters"] is None
    assert answer_of(FIT, tmp_path, {"threshold": None})["label"].tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("[0.1, 0.2, 0.3]", "fit must return `probability` by that name, and returned a list"),
        ("{'prob': [0.1, 0.2, 0.3]}", "and returned the names prob"),
        ("{'probability': ['a', 'b', 'c']}", "`probability` that is not one number a test row"),
        ("{'probability': [0.1, float('nan'), 0.3]}", "no number as `probability` of test row 2, and no `label`"),
        ("{'probability': [0.1, 0.2, 0.3], 'label': [1, 2, 1]}", "fit returned the label 2; a label is 0 or 1"),
    ],
)
def test_an_answer_that_could_be_scored_wrongly_is_refused(tmp_path: Path, answer: str, said: str):
    with pytest.raises(ValueError, match=said):
        answer_of(f"def fit(spec, train, test, options):\n    return {answer}\n", tmp_path)


def test_modules_of_one_name_in_two_folders_stay_apart(tmp_path: Path):
    for name, value in (("one", 0.25), ("two", 0.75)):
        (tmp_path / name).mkdir()
        written(tmp_path / name, "common.py", f"VALUE = {value}\n")
        text = (
            "def fit(spec, train, test, options):\n    import common\n    return {'probability': [common.VALUE] * 3}\n"
        )
        assert answer_of(text, tmp_path / name)["probability"].tolist() == [value] * 3
        assert not (tmp_path / name / "__pycache__").exists()


@needs_r
def test_r_gives_named_vectors_factors_and_warnings(parity: Parity, tmp_path: Path):
    text = (
        'fit <- function(spec, train, test, options) {\n  warning("mine")\n'
        "  p <- setNames(pnorm(test$x[, 1]), rownames(test$x, do.NULL = FALSE))\n"
        "  list(probability = p, label = factor(as.integer(p > 0.9)))\n}\n"
    )
    written(tmp_path, "named.R", HEAD + text)
    written(tmp_path, "broken.R", HEAD + 'fit <- function(spec, train, test, options) stop("not today")\n')
    document = ran(parity, tmp_path, study(tmp_path, ["named.R", "broken.R"]))
    assert all(cell["status"] == "done" and cell["messages"] == ["mine"] for cell in of(document, "named"))
    assert all(cell["accuracy"] != cell["accuracy_by_probability"] for cell in of(document, "named"))
    assert all(cell["status"] == "raised" and "not today" in cell["reason"] for cell in of(document, "broken"))


@pytest.mark.slow
def test_a_path_of_strange_characters_breaks_nothing(parity: Parity, tmp_path: Path):
    folder = tmp_path / "<img src=x onerror=alert(1)> [red] 'q' é"
    folder.mkdir()
    path = written(folder, 'a "b" <script>.py', HEAD + FIT)
    document = ran(parity, tmp_path, study(tmp_path, [f"{folder.name}/{path.name}", "py-sklearn"]))
    assert [cell["status"] for cell in of(document, "a-b-script")] == ["done", "done"]
    from parity.report.markdown import markdown

    assert "<script>" not in markdown(document) and "<img" not in markdown(document)


def test_a_missing_package_is_not_run_with_its_reason(parity: Parity, tmp_path: Path):
    written(tmp_path, "needy.py", HEAD.replace("# fits", '# packages = { no-such-thing = ">=1" }\n# fits') + FIT)
    document = ran(parity, tmp_path, study(tmp_path, ["needy.py", "py-sklearn"]))
    (idle,) = document["not_run"]
    assert idle["engine"] == "needy" and idle["reason"] == "needs no-such-thing >=1, not installed" and idle["mend"]


def test_a_study_names_files_beside_it_and_both_rooms_know_the_same_suffixes(tmp_path: Path):
    found = read_study(study(tmp_path, ["sub/mine.R", "r-stats"])).engines
    assert found == (str((tmp_path / "sub" / "mine.R").resolve()), "r-stats")
    assert set(own_engine.LANGUAGES) == set(ENGINE_SUFFIXES)
