"""The capability sheet names engines that exist, and a mistake in it is named with what would be right."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from parity.engines import sheet
from parity.errors import RequestError
from parity.spec.models import MLP, Leekasso


def altered(folder: Path, old: str, new: str) -> Path:
    """A copy of the sheet with the first `old` replaced."""
    text = sheet.SHEET.read_text(encoding="utf-8")
    assert old in text
    copy = folder / "engines.toml"
    copy.write_text(text.replace(old, new, 1), encoding="utf-8")
    return copy


def test_the_sheet_holds_the_ten_engines_of_the_design_and_glmnet():
    assert set(sheet.engines()) == {
        "r-stats", "r-liblinear", "r-glmnet", "r-keras3", "r-h2o", "py-sklearn", "py-statsmodels",
        "py-keras-tensorflow", "py-keras-jax", "py-keras-torch", "py-h2o",
    }  # fmt: skip


@pytest.mark.parametrize("engine", sheet.engines().values(), ids=lambda engine: engine.id)
def test_every_engine_has_its_file_in_the_folder_of_its_language(engine):
    path = sheet.engine_file(engine)
    assert path.is_file()
    assert path.parent.name == {"R": "r_scripts", "Python": "python"}[engine.language]


def test_every_family_of_a_specification_is_one_that_an_engine_may_list():
    specs = [Leekasso(model=model) for model in ("lm", "glm", "liblinear")]
    families = {spec.family for spec in specs} | {MLP(hidden=(2,), activation="tanh", epochs=1).family}
    assert families <= set(sheet.FAMILIES)


@pytest.mark.parametrize(
    ("old", "new", "what", "nearest"),
    [
        ('runtime = "r"', 'runtme = "r"', "key 'runtme'", "runtime"),
        ('language = "R"', 'language = "Pyton"', "language 'Pyton'", "Python"),
        ('fits = ["lm", "glm", "linear"]', 'fits = ["lm", "liblinar"]', "family 'liblinar'", "liblinear"),
        ('runtime = "r-keras"', 'runtime = "r-kears"', "runtime 'r-kears'", "r-keras"),
        ('screen = "own"', 'screen = "neutrl"', "screen 'neutrl'", "neutral"),
        ("row_order = false", "row_ordr = false", "capability 'row_ordr'", "row_order"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_file_the_table_and_the_nearest_name(tmp_path, old, new, what, nearest):
    path = altered(tmp_path, old, new)
    with pytest.raises(RequestError) as refused:
        sheet.read(path)
    message = str(refused.value)
    assert what in message
    assert f"did you mean '{nearest}'?" in message
    assert str(path) in message
    assert "[r-" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('summary = "lm and glm', '# "lm and glm', "[r-stats] of {path} lacks the key 'summary'"),
        ("gradients = false\n", "", "capabilities in [r-stats] of {path} lack 'gradients'"),
        ('genefilter = ">=1.76,<2"', 'genefilter = "1.76 or so"', "version range '1.76 or so'; write it as '>=1.2,<2'"),
        ('fits = ["lm", "glm", "linear"]', "fits = []", "fits in [r-stats] of {path} is []"),
        ("[r-stats]", "[r-stats", "the capability sheet {path} cannot be read"),
    ],
)
def test_a_sheet_that_says_too_little_is_refused_in_one_line(tmp_path, old, new, said):
    path = altered(tmp_path, old, new)
    with pytest.raises(RequestError) as refused:
        sheet.read(path)
    assert said.format(path=path) in str(refused.value)


def test_an_unknown_engine_is_answered_with_the_nearest_one():
    with pytest.raises(RequestError, match=r"unknown engine 'r-stat'; did you mean 'r-stats'\?"):
        sheet.engine("r-stat")


def test_an_engine_can_be_sent_to_a_process_and_be_a_key():
    engine = sheet.engine("r-h2o")
    assert pickle.loads(pickle.dumps(engine)) == engine
    assert {engine: 1}[engine] == 1


def test_reading_the_sheet_imports_the_standard_library_alone():
    code = (
        "import sys; from parity.engines import sheet; sheet.engines();"
        "print(sorted({name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names) - {'__main__'}))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=sheet.PACKAGE.parent, check=True
    )
    assert done.stdout.strip() == "['parity']"
