"""Reports of an explanation: its schema, its waterfall, and what a terminal, Markdown and a picture show of it."""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from markdown_it import MarkdownIt

from parity.report.document import SCHEMA_FILE
from parity.report.explain_html import explanation_html
from parity.report.explain_markdown import explanation_markdown
from parity.report.explain_terminal import print_explanation
from parity.report.explain_words import beside_words
from parity.report.figure import CannotDraw
from parity.report.waterfall import scale, several, ticks, waterfall, waterfall_picture
from parity.report.waterfall_svg import NARROW, WIDE, Layout, waterfall_svg
from tests.parity.explanation_page import (
    PYTHON_CODE,
    R_CODE,
    Plain,
    closeness,
    difference,
    document,
    every_kind,
    explanation,
    first_look,
    hostile,
    interrupted,
    many,
    measure,
    not_run,
    nothing,
    one_draw,
    recipe,
    without_effect,
)

kinds = pytest.mark.parametrize("kind", every_kind())

SCHEMA = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))
PARSER = MarkdownIt("commonmark").enable("table")


def told(source: Plain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int = 100) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    print_explanation(source)
    return capsys.readouterr().out


def in_one(text: str) -> str:
    return " ".join(text.split())


@kinds
def test_every_kind_of_explanation_is_one_of_the_schema(kind: str) -> None:
    SCHEMA.validate(every_kind()[kind])
    SCHEMA.validate(hostile(every_kind()[kind]))


BROKEN: dict[str, Callable[[Plain], Any]] = {
    "a level that there is not": lambda e: e["base"].update(level="close"),
    "no base fits and no reason": lambda e: e.pop("base"),
    "an empty reason": lambda e: e.update(not_run=""),
    "identical with other labels": lambda e: e.update(base=closeness("identical", 0.9, 0.9)),
    "an accuracy in percent": lambda e: e["base"].update(left=76.12),
    "live and switched on no side": lambda e: e["differences"][0].update(switched=None),
    "inert with a share": lambda e: e["differences"][3].update(share=measure(0.1)),
    "unreached in the smallest set": lambda e: e["differences"][5].update(in_smallest=True),
    "seen in a dream": lambda e: e["differences"][0].update(found="guessed"),
    "an effect without an interval": lambda e: e["differences"][0]["share"]["accuracy"].pop("low"),
    "a p-value of two": lambda e: e["remainder"]["accuracy"].update(p=2),
    "a remainder that says not where to look": lambda e: e["remainder"].pop("look"),
    "verified without an accuracy": lambda e: e["recipe"][0].update(accuracy=None),
    "code in no language": lambda e: e["recipe"][0].update(language="C"),
    "interrupted and no word of what is missing": lambda e: e.update(status="interrupted"),
    "no command to rerun": lambda e: e.pop("rerun"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_document_that_contradicts_itself_is_none_of_the_schema(what: str) -> None:
    broken = explanation()
    BROKEN[what](broken)
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate(document(broken))
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate({**document(), "explanations": []})


@kinds
def test_the_steps_lead_from_the_left_accuracy_to_the_right_one(kind: str) -> None:
    for each in every_kind()[kind]["explanations"]:
        drawn = waterfall(each)
        if drawn is not None:
            at = drawn.before
            for step in drawn.steps:
                assert step.start == pytest.approx(at, abs=1e-12)
                at = step.end
            assert at == pytest.approx(drawn.after, abs=1e-4)


def test_the_largest_share_comes_first_whatever_its_sign() -> None:
    drawn = waterfall(many())
    assert drawn is not None
    sizes = [abs(step.mean) for step in drawn.steps if step.kind == "share"]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == 12
    assert drawn.steps[0].mean > drawn.after - drawn.before, "a share may be larger than the gap"
    assert drawn.steps[1].mean == -0.12 and drawn.steps[-1].kind == "remainder"


def test_what_no_share_is_known_of_yet_is_one_bar_that_says_so() -> None:
    drawn = waterfall(interrupted())
    assert drawn is not None
    assert [(s.name, s.kind) for s in drawn.steps] == [
        ("updates", "none"),
        ("initial weights", "none"),
        ("not shared out", "rest"),
    ]
    assert drawn.steps[-1].mean == pytest.approx(0.21)


def test_no_waterfall_is_drawn_where_both_sides_agree_or_nothing_ran() -> None:
    assert waterfall(nothing()) is None and waterfall(not_run()) is None


def test_one_draw_has_no_interval() -> None:
    drawn = waterfall(one_draw())
    assert drawn is not None and all(step.low is None for step in drawn.steps)


def test_sizes_beside_each_other_have_the_same_rows_on_one_scale() -> None:
    drawn = several([explanation(10), many(40), {**nothing(), "n": 80}])
    rows = [[s.name for s in each.steps] for each in drawn]
    assert rows[0][-1] == "unexplained" and drawn[2].steps[-1].note == "–" and drawn[0].differences == rows[0][:-1]
    assert rows[0] == rows[1] == rows[2] and rows[0][0] == "learning rate"
    assert {s.note for s in drawn[2].steps} == {"not found", "–"}
    low, high = scale(drawn)
    reached = [s.start + at for each in drawn for s in each.steps for at in (s.low or 0, s.high or 0, s.mean)]
    assert low < min(reached) and max(reached) < high
    assert all(low <= at <= high and at <= 1 for at in ticks((low, high)))


def test_a_gap_of_rounding_is_not_blown_up_to_fill_the_scale() -> None:
    drawn = waterfall(explanation(base=closeness("equivalent", 0.9, 0.90001), differences=[], remainder=None))
    assert drawn is None
    tiny = explanation(base=closeness("equivalent", 0.9, 0.9001), differences=[], remainder=None)
    low, high = scale(several([tiny]))
    assert high - low >= 0.002


@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_the_drawing_is_well_formed_and_its_arrows_point_where_accuracy_goes(layout: Layout) -> None:
    drawn = waterfall(hostile(many()))
    assert drawn is not None
    root = ElementTree.fromstring(waterfall_svg(drawn, scale([drawn]), layout))
    assert {each.tag for each in root.iter()} == {"svg", "rect", "line", "path", "circle", "text", "tspan", "title"}
    assert "<script>" in "".join(root.itertext())
    for bar in (each for each in root.iter("path") if "bar" in each.get("class", "")):
        start, tip = re.findall(r"[ML]([\d.]+) ", bar.get("d", ""))[:2]
        assert layout.plot[0] <= float(tip) <= layout.plot[1]
        wanted = {"bar rise": 1, "bar fall": -1}.get(bar.get("class", ""))
        assert wanted is None or wanted * (float(tip) - float(start)) >= 0


@pytest.mark.parametrize("width", [80, 110])
@kinds
def test_no_line_of_a_terminal_is_wider_than_it_is_but_code_and_names(
    kind: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = told(every_kind()[kind], monkeypatch, capsys, width).splitlines()
    code = {*R_CODE.splitlines(), *PYTHON_CODE.splitlines()}
    assert [line for line in lines if len(line) > width and line not in code and "a_name_without" not in line] == []


def test_a_terminal_says_what_the_explanation_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(document(), monkeypatch, capsys, 80)
    facts = [
        "r-h2o (left) ~ py-keras-jax (right) mlp-leek, n = 10, 20 draws",
        "with both switched the two are equivalent on fresh draws",
        "█ +0.1502 [+0.1462, +0.1542]",
        "▒ -0.0301 [-0.0341, -0.0261]",
        "updates ● +0.1502 [+0.1462, +0.1542] – -0.0751",
        "r-h2o: 0.005, as H2O anneals it",
        "switched on r-h2o: initial weights = 0.005 in the specification",
        "share of the gap of log loss: -0.4506",
        "measured in what came out: 10 updates of 20 rows",
        "unexplained -0.0003 [-0.0007, +0.0001]",
        "together updates with training.rate: +0.0123",
        "With updates and initial weights switched the gap closes (equivalent on fresh draws)",
        "all switched 0.7612 0.7612 +0.0000 [-0.0020, +0.0020] within tolerance",
        "inert momentum",
        "not taken stopping.patience",
        "not reached order of rows",
        "It was run as it stands here before it was shown",
        "It was not verified",
        "rerun parity explain r-h2o py-keras-jax --method mlp-leek --n 10 --draws 20",
        "1,812 fits in 123.4 s; 110.2 s inside the frameworks, summed over workers",
    ]
    assert [fact for fact in facts if fact not in in_one(text)] == []
    assert f"\n{R_CODE}\n" in text and f"\n{PYTHON_CODE}\n" in text, "code stands at the left edge, as it is typed"


def test_several_sizes_begin_with_a_table_across_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(every_kind()["sizes"], monkeypatch, capsys)
    assert text.index("shares of the gap by n") < text.index("(left)")
    assert "updates +0.1502 ● not found not found" in in_one(text)
    assert "not run r-h2o: needs Java 8, not installed" in in_one(text)
    sixteen = document(*(explanation(10 + 5 * k) for k in range(16)))
    lines = told(sixteen, monkeypatch, capsys, 80).splitlines()
    assert (
        max(map(len, lines[: lines.index("r-h2o (left)  ~  py-keras-jax (right)   mlp-leek, n = 10, 20 draws")])) <= 80
    )
    assert sum("n = 85" in line for line in lines[:40]) == 1


def test_a_side_that_does_not_repeat_itself_is_said_to_scatter_wherever_an_explanation_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = document()
    said = "r-h2o does not repeat itself: fitted twice to the same rows from the same seed, its accuracy scatters by "
    said += "0.0213"
    shown = [told(source, monkeypatch, capsys), explanation_markdown(source), explanation_html(source)]
    assert all(said in in_one(text) for text in shown)
    source["explanations"][0]["scatter"] = {"left": None, "right": None}
    shown = [told(source, monkeypatch, capsys), explanation_markdown(source), explanation_html(source)]
    assert not any("repeat itself" in in_one(text) for text in shown)


PART = {"name": "labels", "left": "as they are given", "right": "row 3 with the other label", "evidence": "targets"}


@pytest.mark.parametrize(
    ("parts", "differences", "said"),
    [
        ([PART], None, "With everything switched the first updates on draw 7 still part, first in labels (as they are"),
        ([], None, "With everything switched the first updates on draw 7 agree in all that both sides show of them:"),
        ([], [], "The first updates on draw 7 agree in all that both sides show of them: rows and labels."),
    ],
)
def test_what_first_updates_still_show_is_told_with_what_is_left(parts, differences, said) -> None:
    found = explanation(remaining={"draw": 7, "compared": ["rows", "labels"], "parts": parts})
    if differences is not None:
        found["differences"] = differences
    SCHEMA.validate(document(found))

    assert said in beside_words(found)
    found["remaining"]["what"] = "fits"
    SCHEMA.validate(document(found))
    assert said.replace("first updates", "fits") in beside_words(found)


def test_what_is_open_or_unfinished_is_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = in_one(told(document(one_draw(), {**first_look(), "n": 20}), monkeypatch, capsys))
    assert "+0.0300 (one draw)" in text and "as shipped: over 10,000 draws would settle it" in text
    assert "these draws do not tell whether the gap closes (open)" in text
    assert "all switched: 38 draws would settle it" in text and "look next at: parity lockstep" in text
    assert "This is the best answer so far. The budget ended before everything but the first look" in text
    assert "Whether the gap closes was not measured." in text


def test_a_name_cannot_give_the_terminal_orders(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = explanation(differences=[difference("\x1b[31mred\u202e", 0.21)], recipe=[recipe(code="a\x1b]0;b\n\tc\n")])
    text = told(document(orders), monkeypatch, capsys)
    assert (
        "\x1b" not in text and "\u202e" not in text and "\ufffd[31mred\ufffd" in text and "a\ufffd]0;b\n\tc\n" in text
    )


@kinds
def test_markdown_shows_what_data_bring_and_obeys_none_of_it(kind: str) -> None:
    source = every_kind()[kind]
    plain, page = (PARSER.parse(explanation_markdown(each)) for each in (source, hostile(source)))
    assert [token.type for token in plain] == [token.type for token in page]
    children = [child for token in page for child in token.children or ()]
    assert not [child for child in children if child.type in ("html_inline", "link_open", "image")]
    assert not [token for token in page if token.type == "html_block"]


def test_markdown_has_the_table_the_closure_and_the_code_as_it_is() -> None:
    text = explanation_markdown(document(), [{"title": "waterfall", "file": "explain.png"}])
    assert "![waterfall](explain.png)" in text and "| training.rate | 0.005 | 0.001 | -0.0301" in text
    assert "- with only updates and initial weights switched, on 20 fresh draws that the search did not see" in text
    fences = [token for token in PARSER.parse(text) if token.type == "fence"]
    assert [(token.info, token.content) for token in fences] == [("python", PYTHON_CODE), ("r", R_CODE)]


def test_the_picture_is_a_panel_for_each_size_and_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    source = document(explanation(10, left="$x^2$ <b>"), {**many(40), "left": "$x^2$ <b>"})
    drawn = [waterfall_picture(source, tmp_path / name).read_bytes() for name in ("a.svg", "b.svg", "c.png")]
    assert drawn[0] == drawn[1] and drawn[2].startswith(b"\x89PNG")
    panels = {e.get("id", "") for e in ElementTree.fromstring(drawn[0]).iter() if e.get("id", "").startswith("axes_")}
    assert panels == {"axes_1", "axes_2"}


def test_why_there_is_no_picture_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotDraw, match="no gap to draw"):
        waterfall_picture(document(not_run()), tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(CannotDraw, match="pip install matplotlib"):
        waterfall_picture(document(), tmp_path / "a.png")


def test_text_that_no_file_can_hold_stops_no_report(tmp_path: Path) -> None:
    source = document(explanation(differences=[without_effect("half a \ud83d, a \x00", "inert")]))
    for text in (explanation_html(source), explanation_markdown(source)):
        (tmp_path / "report").write_text(text, encoding="utf-8")
        assert "half a \ufffd, a \ufffd" in text


def test_no_document_is_changed_by_being_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = every_kind()["sizes"]
    before = copy.deepcopy(source)
    told(source, monkeypatch, capsys)
    explanation_html(source)
    explanation_markdown(source)
    assert source == before
