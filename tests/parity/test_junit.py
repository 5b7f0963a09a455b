"""JUnit XML: what readers of it count on, real documents, and names that would break it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.compare.verdict import FAILURES, Kind
from parity.engines.environment import missing
from parity.engines.sheet import engine
from parity.report.junit import junit
from tests.parity.small_documents import HOSTILE, comparison, document, pair, size, study

Parity = Callable[..., Any]

needs_linear = pytest.mark.skipif(
    any(gap.blocking for name in ("py-sklearn", "py-statsmodels") for gap in missing(engine(name))),
    reason="py-sklearn or py-statsmodels does not run here",
)

OUTCOMES = {"failure", "error", "skipped"}
SECONDS = re.compile(r"\d+\.\d{3}")
"What Surefire's pattern allows, without the commas of thousands that it allows too."


def checked(made: dict[str, Any]) -> ElementTree.Element:
    """The parsed report, after the rules of Jenkins' junit-10.xsd that a report of ours could break."""
    text = junit(made)
    # The declaration says UTF-8, so the text has to be that.
    root = ElementTree.fromstring(text.encode("utf-8"))
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    assert root.tag == "testsuites" and set(root.attrib) <= {"name", "time", "tests", "failures", "errors"}
    assert [child.tag for child in root] == ["testsuite"] * len(root) and len(root)
    for suite in root:
        assert {"name", "tests", "failures", "errors", "skipped"} <= set(suite.attrib)
        cases = suite.findall("testcase")
        assert [child.tag for child in suite] == ["properties"] * (len(suite) - len(cases)) + ["testcase"] * len(cases)
        outcomes = [[child.tag for child in case] for case in cases]
        assert all(len(each) <= 1 and set(each) <= OUTCOMES for each in outcomes)
        assert int(suite.get("tests", -1)) == len(cases) > 0
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(attribute, -1)) == outcomes.count([tag])
        # GitLab ignores all but the first of two cases of one name.
        names = [(case.get("classname"), case.get("name")) for case in cases]
        assert len(set(names)) == len(names) and all(all(each) for each in names)
        for timed in [suite, *cases]:
            assert set(timed.attrib) <= {"name", "classname", "time", "tests", "failures", "errors", "skipped"}
            assert SECONDS.fullmatch(timed.get("time", "0.000"))
        for outcome in suite.iterfind("testcase/*"):
            assert set(outcome.attrib) == {"type", "message"} and all(outcome.attrib.values())
            assert outcome.text and outcome.text.strip()  # GitLab shows the text and not the message
        for property_ in suite.iterfind("properties/*"):
            assert property_.tag == "property" and set(property_.attrib) == {"name", "value"}
    for total in ("tests", "failures", "errors"):
        assert int(root.get(total, -1)) == sum(int(suite.get(total, -1)) for suite in root)
    return root


def test_each_verdict_is_the_outcome_that_it_means():
    root = checked(document(*(comparison(what=str(kind), verdict=str(kind), reason="so") for kind in Kind)))
    found = {case.get("name", "").split(": ", 1)[1]: [child.tag for child in case] for case in root.iter("testcase")}
    skipped = {Kind.INCONCLUSIVE, Kind.NOT_COMPARABLE, Kind.NOT_RUN}
    for kind in Kind:
        failed = ["error"] if kind is Kind.ERROR else ["failure"] if kind in FAILURES else []
        assert found[str(kind)] == (["skipped"] if kind in skipped else failed)


def test_a_failure_says_both_values_gap_tolerance_reason_first_parting_and_rerun():
    told = comparison(
        verdict="different: explained",
        reason="first parts at features (screen: ties): 2 of 10 pixels differ",
        values=(0.865, 0.898),
        gap=0.033,
        tolerance=1e-8,
        why="same rows, closed form",
        rerun="parity solvers r-stats py-sklearn --method leekasso-lm --n 10 --draw 0",
    )
    (failure,) = checked(document(told)).iter("failure")
    assert failure.get("message") == f"different: explained ({told['reason']})"
    lines = (failure.text or "").splitlines()
    assert lines[0].split("   ") == [
        "r-stats leekasso-lm  ~  py-sklearn leekasso-lm", "linear fit, n = 10, draw 0", "different: explained"
    ]  # fmt: skip
    values, parts, rerun = lines[1:]
    assert " ".join(values.split()) == "values 0.865 0.898 gap 0.033 tolerance 1e-08 (same rows, closed form)"
    assert parts.split(maxsplit=3)[3] == "rung 1, features (screen: ties): 2 of 10 pixels differ"
    assert rerun.split(maxsplit=1) == ["rerun", told["rerun"]]


def test_a_pair_of_curves_says_at_which_size_it_first_parts():
    made = study(pair("r-h2o", "py-h2o", "mlp-leek", "different: unexplained", size(10, -0.02), size(20, -0.2)))
    (failure,) = checked(made).iter("failure")
    assert "first parts at  rung 3, n = 10, gap -0.020" in (failure.text or "")
    assert "widest at       n = 20: gap -0.2000 [-0.2040, -0.1960], 20 draws" in (failure.text or "")


def test_a_study_that_judges_nothing_itself_reports_its_pairs_a_suite_each_method_with_the_seconds_of_its_fits():
    cells = [
        {"engine": e, "method": m, "n": 10, "draw": d, "seconds": 0.25}
        for e in ("a", "b", "c") for m in ("lm", "glm") for d in range(4)
    ]  # fmt: skip
    pairs = [pair(*sides, method) for method in ("lm", "glm") for sides in (("a", "b"), ("a", "c"), ("b", "c"))]
    root = checked(study(*pairs, cells=cells))
    assert [(suite.get("name"), suite.get("tests"), suite.get("time")) for suite in root] == [
        ("lm", "3", "3.000"),
        ("glm", "3", "3.000"),
    ]
    assert {case.get("time") for case in root.iter("testcase")} == {"2.000"}


def test_what_was_found_is_no_part_of_the_name_of_a_case():
    names = [
        [
            case.get("name")
            for case in checked(study(pair("a", "b", "lm", "inconclusive", size(n, 0.1)))).iter("testcase")
        ]
        for n in (10, 85)
    ]
    assert names[0] == names[1]


def test_where_a_command_judged_something_itself_the_pairs_are_left_to_parity_curves():
    published = comparison("r-stats leekasso-lm", "published lm", "mean accuracy by size", "within tolerance")
    both = {**study(pair(verdict="different: unexplained")), "comparisons": [published]}
    assert checked(both).get("tests") == "1" and not list(checked(both).iter("failure"))
    both["comparisons"] = [{**published, "verdict": "not run", "reason": "no R"}]
    assert checked(both).get("tests") == "2" and list(checked(both).iter("failure"))


@pytest.mark.parametrize(
    "made",
    [
        study(),
        study(pair(verdict="not run", reason="r-stats: no R")),
        document(kind="certified"),
        document(comparison(verdict="not comparable"), comparison(what="b", verdict="not run")),
        document(kind="defaults", changes=None),
    ],
)
def test_a_document_in_which_nothing_was_compared_fails(made: dict[str, Any]):
    root = checked({**made, "not_run": [{"engine": "r-stats", "reason": "no R", "mend": ""}]})
    (failure,) = root.iter("failure")
    assert failure.get("message") == "nothing was compared (r-stats: not run (no R))"


def test_changed_defaults_fail_and_those_that_stayed_pass():
    changes = {
        "compared": 412,
        "changes": [
            {
                "engine": "py-h2o",
                "methods": ["mlp-leek"],
                "native": "H2O: rho",
                "what": "declared",
                "before": 1,
                "after": 2,
            }
        ],
        "versions": [{"engine": "py-h2o", "package": "h2o", "before": "3.44", "after": "3.46"}],
        "not_compared": [{"what": "r-stats", "reason": "no R"}],
    }
    root = checked(document(kind="defaults", changes=changes))
    (failure,) = root.iter("failure")
    assert failure.get("message") == "different: explained (1 is now 2; h2o 3.44 is now 3.46)"
    assert (root.get("tests"), root[0].get("skipped")) == ("3", "1")
    assert checked(document(kind="defaults", changes={**changes, "changes": []})).get("failures") == "0"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("solvers", {"methods": {"lm": {}, "leekasso-lm": {}}}),
        ("lockstep", {"method": "leekasso-lm"}),
        ("robustness", {"accuracies": [{"method": "leekasso-lm"}, {"method": "lm"}]}),
        ("study", {"study": {"methods": {"leekasso-lm": {}}}, "pairs": []}),
    ],
)
def test_a_suite_is_a_method_where_a_document_names_it_and_else_its_kind(kind: str, fields: dict[str, Any]):
    made = document(comparison(), comparison("everything", "else"), kind=kind, **fields)
    assert [suite.get("name") for suite in checked(made)] == ["leekasso-lm", kind]


def test_the_environment_is_in_the_properties():
    found = {p.get("name"): p.get("value") for p in checked(document(comparison())).iter("property")}
    assert found == {"parity": "0.1.0", "packages scikit-learn": "1.9.1", "gpu": "none"}


def test_hostile_names_and_control_characters_survive_parsing():
    made = study(pair(HOSTILE, "b", HOSTILE, "error", reason=HOSTILE), name=HOSTILE)
    made["environment"] = {HOSTILE: HOSTILE}
    (case,) = checked(made).iter("testcase")
    assert "</td><script>alert(1)</script>" in str(case.get("name"))
    assert "\\x1b[31m\\x00\\ud800\\uffff" in str(case.get("name"))


anything = st.text(st.characters(), max_size=30)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(anything, anything, anything, st.sampled_from(list(Kind)), anything), max_size=4),
    anything,
    st.dictionaries(anything, st.one_of(anything, st.none(), st.lists(anything, max_size=2)), max_size=3),
)
def test_any_text_in_any_name_parses(told: list[tuple[str, ...]], kind: str, environment: dict[str, Any]):
    made = document(
        *(comparison(*names, reason=reason, rerun=reason, why=reason) for *names, reason in told), kind=kind
    )
    checked({**made, "environment": environment, "methods": {name: {} for name, *_ in told}})


@pytest.mark.slow
@needs_linear
def test_a_real_document_of_solvers_is_read(parity: Parity, tmp_path: Path):
    path = tmp_path / "study.toml"
    path.write_text('data = "digits"\nclasses = [0, 1]\nsizes = [40]\nmethods = ["leekasso-glm"]\n')
    ran = parity(
        "solvers", "py-statsmodels", "py-sklearn", "--method", "leekasso-glm", "--study", path, "--draws", 2,
        "--store", tmp_path / "s.sqlite", "--json", "-",
    )  # fmt: skip
    root = checked(json.loads(ran.stdout))
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [("leekasso-glm", "2")]
    for failure in root.iter("failure"):
        assert "first parts at  rung 1, " in (failure.text or "")
        assert "rerun           parity solvers py-statsmodels py-sklearn" in (failure.text or "")
    assert root.get("failures") == "2"
