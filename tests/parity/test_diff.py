"""`parity diff`: what is new, fixed, still there or gone between two documents, and what bad requests are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.compare.verdict import FAILURES, Kind
from parity.errors import RequestError
from parity.report.changes import GROUPS, changes, changes_markdown, group_of, groups
from parity.report.compared import UNCOMPARED
from parity.report.document import SCHEMA_FILE
from parity.report.reading import read_document
from parity.study.store import Store
from tests.parity.conftest import needs
from tests.parity.small_documents import HOSTILE, comparison, document, pair, size, study

Parity = Callable[..., Any]

kinds = st.sampled_from([*Kind, None])

needs_sklearn = needs("py-sklearn")


def told(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """Group by what is compared."""
    return {change["what"]: change["group"] for change in changes(old, new)["changes"]}


@pytest.mark.parametrize(
    ("old", "new", "group"),
    [
        (Kind.IDENTICAL, Kind.DIFFERENT_UNEXPLAINED, "new"),
        (Kind.INCONCLUSIVE, Kind.DIFFERENT_EXPLAINED, "new"),
        (Kind.NOT_RUN, Kind.ERROR, "new"),
        (None, Kind.DIFFERENT_UNEXPLAINED, "new"),
        (Kind.DIFFERENT_UNEXPLAINED, Kind.ERROR, "still"),
        (Kind.DIFFERENT_UNEXPLAINED, Kind.EQUIVALENT, "fixed"),
        (Kind.ERROR, Kind.NOT_RUN, "removed"),
        (Kind.DIFFERENT_UNEXPLAINED, Kind.NOT_COMPARABLE, "removed"),
        (Kind.DIFFERENT_UNEXPLAINED, None, "removed"),
        (Kind.DIFFERENT_UNEXPLAINED, Kind.INCONCLUSIVE, "inconclusive"),
        (Kind.IDENTICAL, Kind.INCONCLUSIVE, "inconclusive"),
        (Kind.INCONCLUSIVE, Kind.EQUIVALENT, "settled"),
        (Kind.WITHIN_TOLERANCE, Kind.EQUIVALENT, "unchanged"),
        (Kind.NOT_RUN, Kind.IDENTICAL, "added"),
        (Kind.NOT_RUN, None, "absent"),
    ],
)
def test_two_verdicts_fall_into_one_group(old: Kind | None, new: Kind | None, group: str):
    assert group_of(old, new) == group


@given(kinds, kinds)
def test_what_nobody_compared_is_never_fixed_nor_fine_and_every_failure_is_named(old: Kind | None, new: Kind | None):
    group = group_of(old, new)
    assert group in GROUPS
    if new is None or new in UNCOMPARED:
        assert group in ("removed", "absent")
    assert (new in FAILURES) == (group in ("new", "still"))


def test_counts_are_no_part_of_the_key_and_names_are():
    old = document(
        comparison(what="50 updates from equal weights, n = 10, draw 0"),
        comparison(what="1 draw, n = 10"),
        comparison(what="linear fit, n = 10, draw 1"),
    )
    new = document(
        comparison(what="1,000 updates from equal weights, n = 10, draw 0"),
        comparison(what="20 draws, n = 10"),
        comparison(what="linear fit, n = 10, draw 2"),
    )
    assert told(old, new) == {
        "1,000 updates from equal weights, n = 10, draw 0": "unchanged",
        "20 draws, n = 10": "unchanged",
        "linear fit, n = 10, draw 2": "added",
        "linear fit, n = 10, draw 1": "removed",
    }


def test_what_is_called_the_same_to_the_letter_belongs_together_before_counts_are_left_out():
    old = document(comparison(what="50 updates"), comparison(what="100 updates", verdict="error"))
    new = document(comparison(what="100 updates", verdict="error"), comparison(what="50 updates"))
    assert told(old, new) == {"50 updates": "unchanged", "100 updates": "still"}


def test_comparisons_that_cannot_be_told_apart_are_an_error():
    with pytest.raises(RequestError, match="OLD holds two comparisons of .* both called 'linear fit, n = 10, draw 0'"):
        changes(document(comparison(), comparison(verdict="error")), document(comparison()))
    twice = document(comparison(what="5 updates"), comparison(what="6 updates"))
    with pytest.raises(RequestError, match="new.json holds two comparisons .* 'update'"):
        changes(document(comparison(what="7 updates")), twice, ("old.json", "new.json"))


def test_pairs_of_a_study_and_comparisons_of_curves_are_the_same_question():
    pairs = [pair("a", "b", "lm", "equivalent"), pair("a", "c", "lm", "different: unexplained", size(10, 0.1))]
    curves = document(*(each["curves"] for each in pairs), kind="curves", pairs=pairs)
    both = changes(study(*pairs), curves)
    assert groups(both) == {"still": 1, "unchanged": 1} and both["common"] == 2


def test_gaps_versions_and_what_was_asked_are_shown_with_both_values():
    old = {**study(pair("a", "b", "lm", "equivalent", size(10, 0.002, "equivalent"))), "environment": {"r": None}}
    new = study(pair("a", "b", "lm", "different: unexplained", size(10, 0.02)))
    new["environment"] = {"r": {"version": "4.5.1"}, "packages": {"h2o": "3.46"}}
    new["study"]["protocol"]["draws"] = 30
    found = changes(old, new)
    (change,) = found["changes"]
    assert (change["old"]["gap"], change["new"]["gap"]) == (0.002, 0.02)
    assert (change["old"]["verdict"], change["new"]["verdict"]) == ("equivalent", "different: unexplained")
    assert found["asked_changes"] == [{"name": "study protocol draws", "before": "20", "now": "30"}]
    assert {each["name"]: (each["before"], each["now"]) for each in found["environment_changes"]} == {
        "r": ("none", None),
        "r version": (None, "4.5.1"),
        "packages h2o": (None, "3.46"),
    }


name = st.text(st.characters(), max_size=12)
comparisons = st.lists(
    st.builds(
        comparison, name, name, st.one_of(name, st.from_regex(r"[0-9]{1,3} draws?", fullmatch=True)),
        st.sampled_from(list(Kind)), reason=name, gap=st.one_of(st.none(), st.floats(-1, 1)),
    ),
    max_size=6,
    unique_by=lambda each: (each["left"]["name"], each["right"]["name"], each["what"]),
)  # fmt: skip


@settings(max_examples=200)
@given(comparisons)
def test_a_document_compared_with_itself_has_nothing_new_fixed_or_gone(found: list[dict[str, Any]]):
    same = changes(document(*found), document(*found))
    assert set(groups(same)) <= {"still", "inconclusive", "unchanged", "absent"}
    assert len(same["changes"]) == len(found)
    assert same["asked_changes"] == same["environment_changes"] == []


@settings(max_examples=200)
@given(comparisons, comparisons)
def test_no_comparison_is_lost_and_none_is_counted_twice(old: list[dict[str, Any]], new: list[dict[str, Any]]):
    try:
        found = changes(document(*old), document(*new))
    except RequestError:
        return  # two that only a count tells apart
    assert sum(change["old"] is not None for change in found["changes"]) == len(old)
    assert sum(change["new"] is not None for change in found["changes"]) == len(new)
    order = [list(GROUPS).index(change["group"]) for change in found["changes"]]
    assert order == sorted(order)


def test_hostile_names_stay_in_their_cells():
    from markdown_it import MarkdownIt

    old, new = (document(comparison(HOSTILE, HOSTILE, HOSTILE, v, reason=HOSTILE)) for v in ("identical", "error"))
    found = {"old": {"file": HOSTILE}, "new": {"file": "b"}, **changes(old, {**new, "environment": {HOSTILE: HOSTILE}})}
    html = MarkdownIt("commonmark").enable("table").render(changes_markdown(found))
    assert "<script>" not in html and "<em>" not in html and "href" not in html
    assert html.count("<th>") == 6 + 3 and html.count("<td>") == 6 + 3 * len(found["environment_changes"])


def written(path: Path, made: dict[str, Any]) -> Path:
    path.write_text(json.dumps(made))
    return path


def test_exit_codes_and_what_is_printed(parity: Parity, tmp_path: Path):
    was = study(pair("r-h2o", "py-h2o", "mlp-leek", "equivalent", size(10, 0.001, "equivalent")), pair())
    now = study(
        pair("r-h2o", "py-h2o", "mlp-leek", "different: unexplained", size(10, -0.182), reason="beyond the margin"),
        pair(verdict="not run", reason="r-stats: no R"),
    )
    now["environment"] = {**now["environment"], "packages": {"scikit-learn": "1.10.0"}}
    old, new = written(tmp_path / "old.json", was), written(tmp_path / "new.json", now)
    worse = parity("diff", old, new, "--json", tmp_path / "d.json", "--markdown", tmp_path / "d.md")
    assert worse.returncode == 1, worse.stderr
    assert "new: r-h2o mlp-leek ~ py-h2o mlp-leek: test accuracy by size" in worse.stdout
    assert "equivalent → different: unexplained" in worse.stdout and "0.001 → -0.182" in worse.stdout
    assert "removed: r-stats leekasso-lm" in worse.stdout and "identical → not run" in worse.stdout
    assert "environment: packages scikit-learn 1.9.1 → 1.10.0" in worse.stdout
    assert "parity curves r-h2o py-h2o --method mlp-leek --study leek2017" in worse.stdout
    made = json.loads((tmp_path / "d.json").read_text())
    jsonschema.validate(made, json.loads(SCHEMA_FILE.read_text()))
    lie = {**made, "changes": [{**made["changes"][0], "group": "better"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(lie, json.loads(SCHEMA_FILE.read_text()))
    assert (made["kind"], made["counts"]) == ("diff", {"new": 1, "removed": 1})
    assert "| r-h2o mlp-leek | py-h2o mlp-leek |" in (tmp_path / "d.md").read_text()
    better = parity("diff", new, old)
    assert better.returncode == 0 and "fixed: r-h2o" in better.stdout and "added: r-stats" in better.stdout
    same = parity("diff", new, new, "--quiet")
    assert (same.returncode, same.stdout, same.stderr) == (0, "", "")


def test_documents_without_a_common_comparison_compare_nothing(parity: Parity, tmp_path: Path):
    one = written(tmp_path / "one.json", document(comparison()))
    other = written(tmp_path / "other.json", study(pair(verdict="different: unexplained")))
    ran = parity("diff", one, other)
    assert ran.returncode == 3
    assert f"nothing in common to compare: {one} (solvers) holds 1 comparison, {other} (study) holds 1" in ran.stderr
    idle = written(tmp_path / "idle.json", document(comparison(verdict="not run")))
    ran = parity("diff", one, idle)
    assert ran.returncode == 3 and "was run in both" in ran.stderr
    listing = written(tmp_path / "certified.json", document(kind="certified"))
    assert parity("diff", listing, listing).returncode == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no document"),
        ("", "is not JSON"),
        ("\udcff", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "has the schema None"),
        ('{"schema": "parity/9"}', "has the schema 'parity/9' and this parity reads 'parity/1'"),
        ('{"schema": "parity/1", "kind": "study"}', "is damaged: Object missing required field"),
        (json.dumps(document(comparison())).replace("null", "NaN"), "NaN is no number in JSON"),
        (json.dumps(document({**comparison(), "verdict": "great"})), r"Invalid enum value 'great'.*comparisons\[0\]"),
        (json.dumps(document({**comparison(), "left": "r-stats"})), r"Expected `object`.*comparisons\[0\]\.left"),
        (json.dumps({**study(pair()), "pairs": [{}]}), "is damaged: .*pairs"),
        (json.dumps(document(kind="solvers", study=[])), "is damaged: .*study"),
    ],
)
def test_what_is_no_document_is_refused_in_one_sentence(content: str | None, says: str, tmp_path: Path):
    path = tmp_path / "d.json"
    if content is not None:
        path.write_text(content, errors="surrogateescape")
    with pytest.raises(RequestError, match=says) as refused:
        read_document(path)
    assert str(path) in str(refused.value)


def test_stores_and_folders_are_no_documents(parity: Parity, tmp_path: Path):
    store = tmp_path / "parity.sqlite"
    with Store(store, writing=True):
        pass
    ran = parity("diff", store, store)
    assert ran.returncode == 2 and ran.stdout == "" and len(ran.stderr.splitlines()) == 1
    assert f"{store} is a store and no document; `parity run … --json F` writes a document" in ran.stderr
    with pytest.raises(RequestError, match="is a folder"):
        read_document(tmp_path)


@pytest.mark.slow
@needs_sklearn
def test_real_documents_of_lockstep_are_compared_whatever_the_number_of_updates(parity: Parity, tmp_path: Path):
    path = tmp_path / "study.toml"
    path.write_text(
        'data = "digits"\nclasses = [0, 1]\nsizes = [20]\n\n[methods.small]\nkind = "mlp"\nhidden = [8, 8]\n'
        'activation = "tanh"\nepochs = 3\n'
    )
    for steps in (5, 10):
        ran = parity(
            "lockstep", "py-sklearn", "reference", "--method", "small", "--study", path, "--steps", steps,
            "--json", tmp_path / f"{steps}.json", "--quiet",
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
    ran = parity("diff", tmp_path / "5.json", tmp_path / "10.json")
    assert ran.returncode == 0, ran.stderr
    assert "1 unchanged (it is fine in both)" in ran.stdout and "asked otherwise: asked 5 → 10" in ran.stdout
