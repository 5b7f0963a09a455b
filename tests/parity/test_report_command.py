"""What `parity report` makes of a document that is there, and what it refuses."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parity.errors import NothingCompared, RequestError
from parity.report_command import show_report
from tests.parity.defaults_page import small_document
from tests.parity.explanation_page import document as explanation
from tests.parity.study_page import lockstep_beside, small_study, solvers_beside


def written(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "parity.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_a_report_is_written_beside_its_document_and_told_in_a_line(tmp_path: Path, capsys: Any) -> None:
    assert show_report(written(tmp_path, small_study())) == 0
    said = capsys.readouterr().out.splitlines()
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert said[0].startswith("leek2017: ") and said[1] == f"see {tmp_path / 'report.html'}" and len(said) == 2


def test_all_reports_are_made_from_one_document(tmp_path: Path) -> None:
    names = {"html_to": "a.html", "markdown_to": "a.md", "junit_to": "a.xml"}
    show_report(written(tmp_path, small_study()), quiet=True, **{k: tmp_path / v for k, v in names.items()})
    assert [(tmp_path / name).stat().st_size > 200 for name in names.values()] == [True] * 3
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("{", "is not JSON"),
        ({"schema": "other/1"}, "has the schema 'other/1'"),
        ({**small_document(), "environment": {}}, "of kind 'defaults', and a report is about one of kind 'study'"),
        ({**small_study(), "curves": [{"engine": "a"}]}, "missing required field `method` - at `$.curves[0]`"),
        ({**small_study(), "cells": None}, "Expected `array`, got `null` - at `$.cells`"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_sentence(tmp_path: Path, document: Any, sentence: str) -> None:
    with pytest.raises(RequestError, match=re.escape(sentence)):
        show_report(written(tmp_path, document))
    assert not (tmp_path / "report.html").exists()


def test_an_explanation_is_shown_on_its_own_page_and_in_its_own_words(tmp_path: Path, capsys: Any) -> None:
    source, page, text = written(tmp_path, explanation()), tmp_path / "a.html", tmp_path / "a.md"
    assert show_report(source, html_to=page, markdown_to=text) == 0
    sentences = [each["sentence"] for each in explanation()["explanations"]]
    assert capsys.readouterr().out.splitlines() == [*sentences, f"see {page}", f"see {text}"]
    assert page.read_text().startswith("<!doctype html>")
    assert text.read_text().startswith("# ")


@pytest.mark.parametrize("option", ["also", "comment_to", "junit_to"])
def test_what_an_explanation_has_not_is_refused(tmp_path: Path, option: str) -> None:
    given: Any = [tmp_path / "other.json"] if option == "also" else tmp_path / "out"
    name = f"--{option.removesuffix('_to')}"
    with pytest.raises(RequestError, match=f"^{name} belongs to a study or its curves"):
        show_report(written(tmp_path, explanation()), **{option: given})


def test_an_explanation_that_is_not_whole_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="kind 'explanation' is not whole"):
        show_report(written(tmp_path, {**explanation(), "explanations": [{"sentence": "so"}]}))
    assert not (tmp_path / "report.html").exists()


def test_a_store_needs_its_study(tmp_path: Path) -> None:
    from parity.study.store import Store

    with Store(tmp_path / "cells.sqlite", writing=True):
        pass
    with pytest.raises(RequestError, match="name the --study"):
        show_report(tmp_path / "cells.sqlite")


def test_a_store_is_reported_as_far_as_it_goes_and_nothing_is_fitted(study_file: Callable[..., Path], tmp_path: Path):
    from parity.api import curves
    from parity.run import document_of_store
    from parity.spec.study import read_study
    from parity.study.store import Store

    lines = {"methods": '["leekasso-lm", "leekasso-glm"]', "sizes": "[20, 30, 40]", "draws": "2"}
    study, store = study_file(**lines, engines='["py-statsmodels", "py-sklearn"]'), tmp_path / "cells.sqlite"
    made = curves(study, ("py-statsmodels", "py-sklearn"), method="leekasso-lm", sizes=[20, 40], draws=4, store=store)
    with Store(store) as opened:
        before = [row["key"] for row in opened.rows()]
    found = document_of_store(read_study(study), store)
    with Store(store) as opened:
        assert [row["key"] for row in opened.rows()] == before
    # Of the second method and the middle size the store holds nothing, so that nothing of them is missing.
    (pair,), (same,) = found["pairs"], made["pairs"]
    assert {**pair, "rerun": "", "curves": ""} == {**same, "rerun": "", "curves": ""}
    assert shlex.split(pair["rerun"])[-6:] == ["--n", "20", "--n", "40", "--draws", "4"]
    with pytest.raises(NothingCompared, match="holds no cell of study"):
        document_of_store(read_study(study_file(**{**lines, "sizes": "[25]"})), store)


def test_documents_of_other_rungs_are_shown_beside(tmp_path: Path) -> None:
    beside = []
    for name, document in (("solvers", solvers_beside()), ("lockstep", lockstep_beside())):
        beside.append(tmp_path / f"{name}.json")
        beside[-1].write_text(json.dumps(document))
    show_report(written(tmp_path, small_study()), also=beside, quiet=True)
    page = (tmp_path / "report.html").read_text()
    assert "rank-deficient-least-squares" in page and "update 3, weights 1" in page
    with pytest.raises(RequestError, match="is a document of kind 'study'"):
        show_report(tmp_path / "parity.json", also=[tmp_path / "parity.json"])


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be written: No such file or directory"):
        show_report(written(tmp_path, small_study()), html_to=tmp_path / "none" / "a.html")
