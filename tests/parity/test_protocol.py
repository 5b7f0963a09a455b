"""Every engine gets the same rows, today and after any upgrade."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.data import Data, Source, load
from parity.errors import RequestError
from parity.spec.protocol import Protocol, make_draws
from parity.spec.study import PRESETS, preset


def pool(n: int, ones: int) -> Data:
    y = np.zeros(n, np.int8)
    y[:ones] = 1
    return Data("pool", np.zeros((n, 1)), y, ("a",), "0" * 64)


def test_the_rows_of_leek2017_are_the_ones_that_were_first_drawn():
    draws = make_draws(preset("leek2017").protocol, load(Source("mnist01")))
    assert draws.train[0].rows.tolist() == [13809, 13157, 14741, 319, 13408, 10473, 8843, 6036, 12940, 9318]
    assert draws.train[0].seed == 1365293766
    assert len(draws.test) == 2956 and int(draws.test.sum()) == 21597906


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**40), n=st.integers(8, 40), draws=st.integers(1, 4))
def test_draws_are_disjoint_from_the_test_rows_and_without_repeats(seed: int, n: int, draws: int):
    protocol = Protocol(sizes=(n,), draws=draws, seed=seed, test_fraction=0.3)
    try:
        made = make_draws(protocol, pool(100, 50))
    except RequestError as error:
        assert "holds one class only" in str(error)
        return
    assert len(made.train) + len(made.one_class) == draws
    for draw in made.train:
        assert len(set(draw.rows)) == n
        assert not set(draw.rows) & set(made.test)
        assert 0 <= draw.seed < 2**31


def test_a_draw_does_not_depend_on_the_other_sizes_or_on_how_many_are_made():
    data = pool(200, 100)
    small = make_draws(Protocol(sizes=(10,), draws=2), data)
    large = make_draws(Protocol(sizes=(10, 50), draws=7), data)
    for left, right in zip(small.train, large.train, strict=False):
        np.testing.assert_array_equal(left.rows, right.rows)
        assert left.seed == right.seed
    np.testing.assert_array_equal(small.test, large.test)


def test_the_rebuttals_rows_come_from_mnists_own_split_with_replacement():
    data = load(Source("mnist01"))
    draws = make_draws(preset("beam2017-python").protocol, data)
    assert draws.test.min() >= 12_665 + 1057 and len(draws.test) == 1058
    assert all(draw.rows.max() < 12_665 for draw in draws.train)
    crowded = dataclasses.replace(preset("beam2017-python").protocol, sizes=(30_000,), draws=1)
    assert len(set(make_draws(crowded, data).train[0].rows)) < 12_665


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"sizes": (1,)}, "size 1 is too small"),
        ({"sizes": (90,)}, "size 90 is larger than the 80 rows"),
        ({"sizes": ()}, "no sizes"),
        ({"draws": 0}, "draws is 0"),
        ({"test_fraction": 1.5}, "must lie between 0 and 1"),
        ({"test_fraction": None}, "needs both train_rows and test_rows"),
        ({"test_fraction": None, "train_rows": (0, 50), "test_rows": (50, 101)}, "within the pool's 100 rows"),
        ({"test_fraction": None, "train_rows": (0, 80), "test_rows": (20, 99)}, "must not be scored on"),
        ({"train_rows": (0, 50), "test_rows": (50, 99)}, "exclude each other"),
    ],
)
def test_a_protocol_that_cannot_be_drawn_is_refused(wrong: dict, sentence: str):
    with pytest.raises(RequestError, match=sentence):
        make_draws(Protocol(**{"sizes": (10,), "draws": 1, **wrong}), pool(100, 50))


def test_draws_of_one_class_are_set_aside_and_the_others_keep_their_numbers_and_rows():
    data = pool(100, 40)
    made = make_draws(Protocol(sizes=(2,), draws=9), data)
    assert made.one_class and sorted(draw.index for draw in (*made.train, *made.one_class)) == list(range(9))
    for draw in made.one_class:
        assert len(set(data.y[draw.rows])) == 1
        with pytest.raises(RequestError, match=f"draw {draw.index} at size 2 holds one class only"):
            made.numbered(2, draw.index)
    for draw in made.train:
        assert len(set(data.y[draw.rows])) == 2 and made.numbered(2, draw.index) is draw


def test_a_size_at_which_every_draw_holds_one_class_is_refused():
    with pytest.raises(RequestError, match="each of the 3 draws at size 2 of pool holds one class only"):
        make_draws(Protocol(sizes=(2,), draws=3), pool(1000, 3))


def test_no_preset_has_a_draw_of_one_class():
    for study in PRESETS.values():
        assert not make_draws(study.protocol, load(study.data)).one_class
