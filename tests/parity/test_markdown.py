"""The page, the comment of a pull request and the one line: what they show, leave out, and do not let in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from parity.compare.verdict import FAILURES, Kind
from parity.report.comment import LONGEST, comment
from parity.report.compared import one_line
from parity.report.markdown import LONGEST_COMMAND, NOTICEABLE, code, markdown, table_cell
from parity.report.summary import summary
from tests.parity.small_documents import HOSTILE, comparison, document, pair, size, study

Parity = Callable[..., Any]

PARSER = MarkdownIt("commonmark").enable("table").enable("strikethrough")

OURS = {"<details>", "</details>", "<code>", "</code>"}
"Tags of HTML that a comment brings itself, beside <summary> with its fixed words."


def shown(text: str) -> list[list[list[str]]]:
    """The cells of every table as a reader sees them; no tag gets in but ours, and every row has every cell."""
    tables: list[list[list[str]]] = []
    tokens = PARSER.parse(text)
    for i, token in enumerate(tokens):
        if token.type == "html_block":
            rest = re.sub(r"<summary>[\w ,.:]*</summary>", "", token.content)
            assert set(re.findall(r"<[^>]*>?", rest)) <= OURS, token.content
        for child in token.children or ():
            assert child.type in ("text", "code_inline", "html_inline", "softbreak", "strong_open", "strong_close"), (
                child
            )
            assert child.type != "html_inline" or child.content in OURS, child.content
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type in ("th_open", "td_open"):
            children = tokens[i + 1].children or ()
            tables[-1][-1].append("".join(c.content for c in children if c.type in ("text", "code_inline")))
    for table in tables:
        assert len(table) > 1 and len({len(row) for row in table}) == 1
    assert not re.search(r"^\|", "".join(t.content for t in tokens if t.type == "paragraph"), re.M)
    return tables


def without_marks(text: str) -> str:
    return text.replace("\u200b", "")


def test_the_page_says_of_every_pair_whether_it_agrees():
    made = study(
        pair("r-stats", "py-sklearn", "lm", "different: unexplained", size(10, 0.03), size(20, 0.08, "inconclusive")),
        pair("r-stats", "py-h2o", "mlp", "not run", reason="py-h2o: no Java"),
        pair(
            "a", "b", "mlp", "inconclusive", size(10, 0.002, "inconclusive", low=None, high=None), draws_needed=10_000
        ),
        one_class_draws=[{"n": 10, "draw": 3, "label": 1}, {"n": 10, "draw": 7, "label": 1}],
    )
    made["study"]["classes"] = ["cat", "dog"]
    page = markdown(made)
    assert "3 pairs of engines on the same rows, at a margin of 0.01 accuracy:" in page
    assert "1 different: unexplained, 1 not run, 1 inconclusive." in page
    table = shown(page)[0]
    assert table[1:] == [
        # The gap of a size that is different, though an open one is wider.
        [
            "r-stats",
            "py-sklearn",
            "lm",
            "different: unexplained",
            "+0.0300",
            "10",
            "+0.0260 to +0.0340",
            "+0.0150",
            "–",
        ],
        ["r-stats", "py-h2o", "mlp", "not run (py-h2o: no Java)", "–", "–", "–", "–", "–"],
        ["a", "b", "mlp", "inconclusive", "+0.0020", "10", "–", "+0.0010", "over 10,000"],
    ]
    assert "- n = 10: draws 3, 7 held class dog only" in page
    assert "### Beside accuracy" not in page


def test_a_document_without_pairs_renders_as_it_did():
    made = study()
    del made["pairs"], made["one_class_draws"]
    assert "Do the engines agree?" not in markdown(made)


def test_measures_beside_accuracy_are_shown_where_they_part_noticeably_and_surely():
    apart = {"left": 0.1, "right": 0.4, "gap": 0.3, "low": 0.2, "high": 0.4}
    unsure = {**apart, "low": -0.1, "high": 0.7}
    small = {**apart, "gap": NOTICEABLE / 2, "low": 0.01, "high": 0.04}
    # Class 1 is found by both; of class 0 the right side finds less.
    less = {"left": 0.945, "right": 0.745, "gap": -0.2, "low": -0.2, "high": -0.2}
    classes = [{"precision": small, "recall": less, "f1": None}, {"precision": small, "recall": unsure, "f1": small}]
    sizes = [
        size(10, 0.0, "identical", log_loss=small, classes=classes),
        size(20, 0.0, "identical", log_loss=apart, calibration_error=unsure),
    ]
    table = shown(markdown(study(pair("a", "b", "lm", "identical", *sizes))))[1]
    assert [row[3:5] for row in table[1:]] == [["log loss", "20"], ["recall of class 0", "10"]]
    assert table[2][5:] == ["0.945", "0.745", "-0.2000", "-0.2000 to -0.2000"]


def test_the_comment_shows_failures_first_by_how_far_they_are_off_and_folds_the_rest():
    made = study(
        pair("a", "b", "lm", "identical", size(10, 0.0, "identical")),
        pair("a", "c", "lm", "different: unexplained", size(10, 0.05)),
        pair("b", "c", "lm", "different: unexplained", size(10, -0.2)),
        pair("a", "d", "lm", "inconclusive", size(10, 0.01, "inconclusive"), draws_needed=40),
        not_run=[{"engine": "r-h2o", "reason": "no Java", "mend": "apt-get install 'x[y]' | cat"}],
    )
    text = comment(made)
    assert text.startswith(
        "### leek2017: 4 pairs — 1 identical, 2 different (worst: b ~ c lm, n = 10, -0.200), 1 inconclusive"
    )
    unfolded, *folded = text.split("<details>")
    (failed,) = shown(unfolded)
    assert [(row[0], row[1]) for row in failed[1:]] == [("b lm", "c lm"), ("a lm", "c lm")]
    assert failed[1][4:] == [
        "-0.2000 at n = 10 (-0.2040 to -0.1960)",
        "0.01",
        "first parts at rung 3, n = 10, gap -0.200",
    ]
    assert [re.search("<summary>(.*)</summary>", part)[1] for part in folded] == [  # type: ignore[index]
        "2 lines that run a failed comparison again", "1 comparison inconclusive", "1 comparison in agreement",
        "1 engine that did not run", "3 facts about the environment",
    ]  # fmt: skip
    assert "40 draws at each size would settle it" in text
    tables = shown(text)
    assert tables[1][1][1] == "parity curves b c --method lm --study leek2017"
    assert tables[-2][1] == ["r-h2o", "no Java", "apt-get install 'x[y]' | cat"]


@pytest.mark.parametrize("count", [10, 400, 3000])
def test_a_comment_is_never_too_long_nor_cut_within_a_row_and_counts_what_it_leaves_out(count: int):
    long = "x|" * 80
    pairs = [
        pair(f"{i} {long}", "b", "lm", "different: unexplained", size(10, i / count), reason=long)
        for i in range(1, count)
    ]
    pairs += [pair(f"{i} {long}", "c", "lm", "identical", size(10, 0.0, "identical")) for i in range(count)]
    text = comment(study(*pairs))
    assert len(text) <= LONGEST
    tables = shown(text)
    failed = tables[0][1:]
    assert [int(row[0].split()[0]) for row in failed] == list(range(count - 1, count - 1 - len(failed), -1))
    left_out = [int(n.replace(",", "")) for n in re.findall(r"^([\d,]+) of [\d,]+ rows left out", text, re.M)]
    listed = sum(len(table) - 1 for table in tables)
    # The failed, their commands, those in agreement, and three facts about the environment.
    assert listed + sum(left_out) == 2 * (count - 1) + count + 3
    assert bool(left_out) == (count > 10)
    if left_out:
        assert len(text) > LONGEST - 3000


def test_a_comment_of_each_kind_of_document_says_where_the_two_part():
    parts = comparison(verdict="different: explained", reason="first parts at rank (aliased): 8 of 11", gap=3.0)
    (failed, *_) = shown(comment(document(parts)))
    assert failed[1][4:] == ["3", "–", "first parts at rung 1, rank (aliased): 8 of 11"]
    assert comment(document(kind="certified")).startswith("### certified: nothing compared\n")


def test_an_open_comparison_says_what_would_settle_it_or_why_that_is_not_known():
    sizes = [size(10, 0.002, "inconclusive", low=None, high=None)]
    one = pair("a", "b", "lm", "inconclusive", *sizes, reason="one draw gives no interval: ask for more draws")
    twenty = pair("a", "c", "lm", "inconclusive", size(10, 0.01, "inconclusive"), draws_needed=40)
    (table, _) = shown(comment(study(one, twenty)))
    assert [row[-1] for row in table[1:]] == [
        "40 draws at each size would settle it",
        "one draw gives no interval: ask for more draws",
    ]


def test_hostile_names_are_shown_and_not_obeyed():
    made = study(
        pair(HOSTILE, "b", HOSTILE, "error", size(10, 0.1), reason=HOSTILE),
        name=HOSTILE,
        not_run=[{"engine": HOSTILE, "reason": HOSTILE, "mend": HOSTILE}],
    )
    made["environment"] = {HOSTILE: HOSTILE}
    for text in (comment(made), markdown(made)):
        shown(text)
        assert "@octocat" not in re.sub("`[^`]*`|<code>.*?</code>", "", text)
    cells = [cell for table in shown(comment(made)) for row in table for cell in row]
    whole = "a|b\\|c'd'</td><script>alert(1)</script>*_x_* [l](javascript:1) @octocat #1 \ufffd[31m"
    assert any(without_marks(cell).startswith(whole) for cell in cells)
    assert comment(made).encode() and markdown(made).encode()  # a lone surrogate is in no file


text = st.text(st.characters(), max_size=40)
risky = st.text("ab |\\`*_~[]()<>!#@&;-=+.:\n\"'1/", max_size=40)


@settings(max_examples=300)
@given(st.one_of(text, risky))
def test_a_cell_shows_any_text_as_it_is(given_text: str):
    made = f"| a | b |\n|---|---|\n| {table_cell(given_text)} | {code(given_text)} |\n"
    html = PARSER.render(made)
    assert html.count("<td>") == 2
    (table,) = shown(made)
    line = one_line(given_text)
    assert without_marks(table[1][0]).strip() == line.replace("`", "'")
    assert table[1][1].strip() == line


def test_a_command_is_whole_or_not_there():
    assert code("pip install 'parity-suite[keras]'") == "`pip install 'parity-suite[keras]'`"
    assert "x" * 10 not in code("x" * (LONGEST_COMMAND + 1))


def test_the_one_line_counts_verdicts_names_the_worst_and_who_did_not_run():
    pairs = [pair("a", str(i), "lm", "identical") for i in range(12)]
    pairs += [pair("b", str(i), "lm", "equivalent", size(10, 0.001, "equivalent")) for i in range(3)]
    pairs += [
        pair("r-stats", "py-sklearn", "lm", "different: explained", size(20, 0.05)),
        pair("r-h2o", "py-keras-jax", "mlp-leek", "different: unexplained", size(10, -0.182), size(15, -0.1)),
    ]
    idle = [{"engine": name, "reason": "", "mend": ""} for name in ("x", "y")]
    assert summary(study(*pairs, not_run=idle)) == (
        "leek2017: 17 pairs — 12 identical, 3 equivalent, 2 different "
        "(1 explained; worst: r-h2o ~ py-keras-jax mlp-leek, n = 10, -0.182); 2 engines not run"
    )


def test_the_one_line_of_other_documents():
    assert summary(study(not_run=[{"engine": "r-h2o"}])) == "leek2017: nothing compared; 1 engine not run"
    published = comparison("r-stats lm", "published lm", "mean accuracy by size", "within tolerance")
    both = {**study(pair()), "comparisons": [published]}
    assert summary(both) == "leek2017: 1 comparison — 1 within tolerance; 1 pair — 1 identical"
    two = [comparison(what="a", verdict="different: unexplained", gap=1.0, tolerance=1e-3)]
    two += [comparison(what="b", verdict="different: unexplained", gap=2.0, tolerance=1.0)]
    assert summary(document(*two, study={"name": "digits"})) == (
        "solvers of digits: 2 comparisons — 2 different (worst: r-stats leekasso-lm ~ py-sklearn leekasso-lm, a, 1)"
    )


@given(st.text(st.characters(), max_size=200), st.sampled_from(list(Kind)))
def test_the_one_line_is_one_printable_line_whatever_the_names(name: str, verdict: Kind):
    sizes = [size(10, 0.1)] if verdict in FAILURES else []
    line = summary(study(pair(name, name, name, str(verdict), *sizes), name=name))
    assert line.isprintable() and len(line) < 500


@pytest.mark.slow
def test_a_real_study_has_all_of_it(parity: Parity, tmp_path: Path):
    path = tmp_path / "study.toml"
    path.write_text(
        'name = "small"\ndata = "digits"\nclasses = [0, 1]\nsizes = [20]\ndraws = 2\n'
        'methods = ["leekasso-lm", "leekasso-glm"]\nengines = ["py-sklearn", "py-statsmodels"]\n'
    )
    ran = parity("run", path, "--store", tmp_path / "s.sqlite", "--json", tmp_path / "d.json", "--quiet")
    made = json.loads((tmp_path / "d.json").read_text())
    assert {p["method"] for p in made["pairs"]} == {"leekasso-lm", "leekasso-glm"}, ran.stderr
    assert re.match(r"small: 2 pairs — ", summary(made))
    assert shown(markdown(made))[0][1][:3] == ["py-sklearn", "py-statsmodels", "leekasso-lm"]
    assert shown(comment(made))
