"""What a recipe's code, pasted into a fresh session of R or of Python, gives: what the engine gave, treated alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.data import load
from parity.engines.sheet import engine
from parity.explain import recipe_r
from parity.explain.bench import Bench
from parity.explain.changes import APART
from parity.explain.experiment import observed
from parity.explain.found import Findings, Smallest, Verdict
from parity.explain.recipe import recipes
from parity.explain.recipe_run import run
from parity.explain.recipe_text import WIDTH, comment, listed
from parity.explain.starting import start_of
from parity.explain.switching import Judged
from parity.explain.treatment import ENDS, Case, Difference, End, Seen, Side, Switch, Treatment, always
from parity.run import able
from parity.spec.intervention import LARGEST_F1, TRANSFORMS, Apart, Transform
from parity.spec.models import MLP, Specification
from parity.spec.protocol import make_draws
from parity.spec.study import METHODS, preset
from parity.study.executor import Executor
from parity.study.store import Store
from tests.parity.conftest import fitting, of_explain

Plain = dict[str, Any]

SMALL = MLP(hidden=(6,), activation="tanh", epochs=3)
"A network of which every fit takes a moment."


OWN = """\
# /// parity
# fits = ["lm"]
# screen = "own"
# ///
from parity.engines.contract import beside

shipped = beside(__file__, "sklearn_engine")
{translate}


def fit(spec, train, test, options):
    return shipped.fit({{**spec, "threshold": 0.9}}, train, test, options)
"""
"An engine that cuts where its translation does not say so."

Benches = Callable[..., Bench]


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory, forgotten_engines: None) -> Iterator[Benches]:
    """Any two engines on draws of MNIST's zeros and ones; their workers are shared."""
    folder, study = tmp_path_factory.mktemp("recipes"), preset("leek2017")
    for name, told in (("tells_another_cut", "translate = shipped.translate"), ("tells_nothing", "")):
        (folder / f"{name}.py").write_text(OWN.format(translate=told))
        engine(str(folder / f"{name}.py"))  # before there are workers, which know the files named until then
    data = load(study.data)
    made = make_draws(dataclasses.replace(study.protocol, sizes=(20,), draws=2), data)
    with Store(folder / "s.sqlite", writing=True) as store, Executor(store, study.data, data, made).held() as executor:
        fits = fitting(store, executor)

        def bench(left: str, right: str, spec: Specification = METHODS["leekasso-lm"]) -> Bench:
            sheets = engine(left), engine(right)
            versions, idle = able(sheets)
            if idle:
                pytest.skip(idle[0]["reason"])
            one, two = (Side(end, sheet, versions[sheet.id]) for end, sheet in zip(ENDS, sheets, strict=True))
            return Bench(Case("a-method", spec, "shipped", data, made, 0.01, one, two), fits)

        yield bench


def verdict(name: str, **ways: Treatment) -> Verdict:
    """A live difference with the ways in which each end can be switched."""
    ends: dict[End, Switch] = {
        end: Switch(end, f"{name} of the other", always(ways[end])) for end in ("left", "right") if end in ways
    }
    difference = Difference(name, "one", "other", "", "measured", "")
    return Verdict(Judged(difference, ends), "live", next(iter(ends)))


def findings(
    bench: Bench, *verdicts: Verdict, smallest: Sequence[str] | None = None, seen: Sequence[Seen] = ()
) -> Findings:
    """What an experiment would have found where these differences are live."""
    seen = seen or observed(bench, bench.case.draws.train)
    (base,) = bench.run([()], seen)
    close = bench.closeness(base, bench.tolerances(seen))
    closed = None if smallest is None else Smallest(tuple(smallest), close)
    return Findings(len(seen), close, verdicts, seen=tuple(seen), smallest=closed)


def outside(**fields: Any) -> Treatment:
    return Treatment(outside=fields)


def starting(seen: Seen, end: End) -> Treatment:
    """The start of one side's network, to be given to the other."""
    found = start_of(seen.untrained[end], seen)
    assert found is not None
    return outside(weights=found[0], biases=found[1])


@pytest.fixture(scope="module")
def linear(benches: Benches) -> Bench:
    return benches("r-stats", "py-sklearn")


@pytest.fixture(scope="module")
def pixels(linear: Bench) -> tuple[str, ...]:
    """Columns that vary in every draw."""
    x, draws = linear.case.data.x, linear.case.draws.train
    return tuple(
        name
        for i, name in enumerate(linear.case.data.features)
        if all(len(set(x[draw.rows, i].tolist())) > 5 for draw in draws)
    )


def given_to(code: str) -> str:
    """What of a recipe stands before the engine's own code."""
    return code.partition("is asked for")[0]


def promised(found: Sequence[Plain]) -> None:
    """Each recipe was run, and gave what the engine gave."""
    for each in found:
        assert each["verified"], (each["note"], each["code"])
        assert each["accuracy"] == pytest.approx(each["treated"], abs=1e-9)


@of_explain
def test_rows_labels_and_scales_changed_from_outside_are_changed_alike_in_both_languages(
    linear: Bench, tmp_path: Path
) -> None:
    mask = np.random.default_rng(1).random((20, 784)) > 0.3

    def varying(seen: Seen) -> Treatment:
        # Of the inputs that are given: the last row of the draw is not, and some are 0.
        x = (linear.case.data.x[seen.draw.rows] * mask)[:-1]
        kept = (x != x[0]).any(axis=0)
        return outside(columns=tuple(n for n, v in zip(seen.features, kept, strict=True) if v))

    def on_both(name: str, **fields: Any) -> Verdict:
        return verdict(name, left=outside(**fields), right=outside(**fields))

    columns = Verdict(
        Judged(
            Difference("constant columns", "left out", "kept", "", "measured", ""),
            {end: Switch(end, "columns that vary over the training rows alone", varying) for end in ("left", "right")},
        ),
        "live",
        "left",
    )
    changed = [
        on_both("order of rows", rows=tuple(range(18, -1, -1))),
        on_both("labels", flipped=(0, 7, 11)),
        on_both("dropped inputs", mask=(mask,)),
        on_both("input_scaling", scaling="standardize-n-1"),
        on_both("precision", scaled_rounding="float16"),
        on_both("label cut", cut=0.6),
        columns,
    ]
    found = recipes(linear, findings(linear, *changed), tmp_path)
    assert [(each["end"], each["language"]) for each in found] == [("left", "R"), ("right", "Python")]
    promised(found)
    as_shipped = observed(linear, linear.case.draws.train[:1])[0].fitted
    for each in found:
        assert abs(each["accuracy"] - linear.fitted(as_shipped[each["end"]]).accuracy) > 0.01
        assert each["title"].startswith("make ") and {"x_train.csv", "y_test.csv"} < set(each["files"])
        # 19 rows at random vary in hundreds of columns: the rule stands there, and no list of them.
        assert "columns that vary over the training rows alone" in each["code"]
        assert "pixel" not in given_to(each["code"])


def test_columns_and_cuts_of_the_other_engine_are_written_out(
    linear: Bench, pixels: tuple[str, ...], tmp_path: Path
) -> None:
    chosen, features = pixels[:9:2], linear.case.data.features
    changed = [
        verdict(
            "columns",
            left=outside(columns=tuple(n for n in features if n != pixels[0])),
            right=outside(columns=pixels[1:40]),
        ),
        verdict("a blank column", left=outside(blanked=chosen[-1:]), right=outside(blanked=chosen[-1:])),
        verdict("scale", left=outside(factor=0.5, scaling="unit-range"), right=outside(scaling="centre")),
        verdict("roots", left=outside(transform="square-root"), right=outside(transform="above-127")),
        verdict("one column's scale", left=outside(rescaled=((chosen[2], 3.0),)), right=outside(dtype="float32")),
        verdict("screened columns", left=outside(selected=chosen[1:]), right=outside(selected=chosen[1:])),
        verdict("aliased columns", left=outside(dropped=chosen[:2]), right=outside(dropped=chosen[:2])),
        verdict("label cut", left=outside(cut=LARGEST_F1), right=outside(cut=LARGEST_F1)),
    ]
    found = recipes(linear, findings(linear, *changed), tmp_path)
    promised(found)
    r_code, python_code = (each["code"] for each in found)
    assert f'left_out <- c("{pixels[0]}")' in r_code
    assert f'selected <- c("{chosen[2]}", "{chosen[3]}", "{chosen[4]}")' in r_code and "colFtests" not in r_code
    assert "SelectKBest" not in python_code and "screened columns of the other" in given_to(python_code)


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_a_transform_is_written_as_the_language_has_it(kind: Transform, linear: Bench, tmp_path: Path) -> None:
    made = outside(transform=kind)
    promised(recipes(linear, findings(linear, verdict("input_scaling", left=made, right=made)), tmp_path))


@of_explain
@pytest.mark.parametrize("apart", APART, ids="-".join)
def test_sets_of_rows_that_are_not_scaled_alike_are_written_so(apart: Apart, linear: Bench, tmp_path: Path) -> None:
    made = outside(apart=apart, train_factor=0.5, test_factor=2.0)
    promised(recipes(linear, findings(linear, verdict("input_scaling", left=made, right=made)), tmp_path))


def test_a_side_is_changed_as_far_as_it_goes_and_the_note_says_what_stays(linear: Bench, tmp_path: Path) -> None:
    cut = verdict("label cut", left=outside(cut=0.9))
    both = verdict("labels", left=outside(flipped=(1,)), right=outside(flipped=(1,)))
    left, right = recipes(linear, findings(linear, cut, both, smallest=["label cut", "labels"]), tmp_path)
    assert "has to be changed" not in left["note"] and "0.9" in left["code"] and left["verified"]
    assert "'label cut' has to be changed on r-stats" in right["note"]
    assert "0.9" not in right["code"].partition("import")[2] and right["verified"]
    # What the other side gives with that change is what this one is held against.
    treated = linear.run([[cut.judged.chosen["left"]]], observed(linear, linear.case.draws.train[:1]))[0]
    assert right["target"] == treated.left[0].accuracy != treated.right[0].accuracy


def test_an_end_at_which_nothing_can_be_switched_has_no_recipe(linear: Bench, tmp_path: Path) -> None:
    found = findings(
        linear, verdict("label cut", right=outside(cut=0.7)), verdict("labels", left=outside(flipped=(1,)))
    )
    assert [
        each["end"] for each in recipes(linear, dataclasses.replace(found, verdicts=found.verdicts[:1]), tmp_path)
    ] == ["right"]
    assert recipes(linear, dataclasses.replace(found, verdicts=()), tmp_path) == []


def test_code_that_does_not_give_what_the_engine_gives_is_not_passed_off_as_verified(
    benches: Benches, tmp_path: Path
) -> None:
    bench = benches("tells_another_cut", "py-sklearn")
    (found,) = recipes(bench, findings(bench, verdict("labels", left=outside(flipped=(1,)))), tmp_path)
    assert not found["verified"] and abs(found["accuracy"] - found["treated"]) > 0.01
    assert f"{found['accuracy']:.6f}" in found["note"] and f"{found['treated']:.6f}" in found["note"]


def test_an_engine_that_tells_no_native_code_has_a_recipe_that_says_so(benches: Benches, tmp_path: Path) -> None:
    bench = benches("tells_nothing", "py-sklearn")
    (found,) = recipes(bench, findings(bench, verdict("labels", left=outside(flipped=(1,)))), tmp_path)
    assert found["accuracy"] is None and not found["verified"]
    assert "has no function translate" in found["note"]


@of_explain
def test_networks_are_given_their_start_and_their_order_of_rows(benches: Benches, tmp_path: Path) -> None:
    bench = benches("py-keras-jax", "py-sklearn", SMALL)
    seen = observed(bench, bench.case.draws.train[:1])
    start = {end: starting(seen[0], end) for end in ENDS}
    order = outside(row_order=((*range(19, -1, -1),), (*range(20),), (*range(0, 20, 2), *range(1, 20, 2))))
    pinned = Treatment(spec={"order": "given", "batch_size": 2, "input_scaling": "divide-by-255"})
    changed = [
        verdict("initial weights", left=start["right"], right=start["left"]),
        verdict("order of rows", left=order, right=order),
        verdict("pinned", left=pinned, right=pinned),
    ]
    found = recipes(bench, findings(bench, *changed, seen=seen), tmp_path)
    promised(found)
    for each in found:
        assert {f"{each['end']}_weights_2.csv", f"{each['end']}_row_order.csv"} < set(each["files"])
    assert "model.set_weights" in found[0]["code"] and 'os.environ["KERAS_BACKEND"] = "jax"' in found[0]["code"]
    assert "model._init_coef = given" in found[1]["code"]


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_r_rounds_to_a_shorter_format_as_numpy_does(kind: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.normal(size=200) * 10.0 ** generator.integers(-9, 5, 200), [0, 1, 65519, -7e4]])
    with np.errstate(over="ignore"):
        wanted = values.astype(kind).astype(np.float64)
    written = ["Inf" if np.isposinf(v) else "-Inf" if np.isneginf(v) else f"{v:.17g}" for v in wanted]
    script = tmp_path / "rounded.R"
    lines = [
        *listed("x_train <- cbind(", [f"{v:.17g}" for v in values], ("c(", "))"), "  "),
        "x_test <- x_train",
        *recipe_r.rounded(kind),
        *listed("wanted <- ", written, ("c(", ")"), "  "),
        "stopifnot(identical(dim(x_train), dim(x_test)))",
        'cat(sprintf("%d\\n", sum(x_train != wanted)))',
    ]
    script.write_text("\n".join(lines))
    assert run(script, "R", "r").accuracy == 0


def test_a_script_that_hangs_or_fails_is_ended_and_its_last_words_are_told(tmp_path: Path) -> None:
    (tmp_path / "hangs.py").write_text("import time\nprint(0.5, flush=True)\ntime.sleep(60)\n")
    ended = run(tmp_path / "hangs.py", "Python", "python", seconds=2)
    assert ended.accuracy is None and "took longer than 2 s" in ended.why
    (tmp_path / "fails.py").write_text("print(0.5)\nraise ValueError('no such column')\n")
    failed = run(tmp_path / "fails.py", "Python", "python")
    assert failed.accuracy is None and failed.why.endswith("exit code 1; its last words: ValueError: no such column.")


def test_long_lists_and_comments_keep_within_a_page() -> None:
    names = [f'"a column, {i}"' for i in range(30)]
    lines = listed("chosen = ", names, ("[", "]"), "    ")
    assert max(map(len, [*lines, *comment("one word after the other " * 20)])) <= WIDTH
    assert eval("\n".join(lines).removeprefix("chosen = ")) == [f"a column, {i}" for i in range(30)]
