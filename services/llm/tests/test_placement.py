"""Which replica a key goes to."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viva_llm.placement import Bound, place, ranked

NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), min_size=1, max_size=12, unique=True)
KEYS = st.text(max_size=40)
KEYS_200 = [f"lecture:{number}" for number in range(200)]


@given(KEYS, NAMES)
def test_order_depends_on_nothing_but_the_names(key, names):
    """Every router ranks the same replicas in the same way, in whatever order it found them."""
    assert sorted(ranked(key, names)) == sorted(names)
    assert ranked(key, names) == ranked(key, reversed(names))


@given(KEYS, NAMES)
def test_order_of_the_others_stays_when_one_goes(key, names):
    """A replica that goes leaves the order of the others as it was, so only its own keys move."""
    order = ranked(key, names)
    for gone in names:
        assert ranked(key, [name for name in names if name != gone]) == [name for name in order if name != gone]


@settings(max_examples=20)
@given(NAMES.filter(lambda names: len(names) > 1))
def test_few_keys_move_when_one_comes(names):
    """Only those keys move that go to the new replica."""
    before = {key: ranked(key, names[1:])[0] for key in KEYS_200}
    after = {key: ranked(key, names)[0] for key in KEYS_200}
    assert {after[key] for key in KEYS_200 if after[key] != before[key]} <= {names[0]}


def test_keys_are_spread_evenly_and_so_are_those_of_a_replica_that_goes():
    """No replica has twice its share, and what it leaves does not fall on one of the others."""
    names = [f"http://10.0.0.{number}:8000/v1" for number in range(5)]
    keys = [f"lecture:{number}" for number in range(5000)]
    firsts = Counter(ranked(key, names)[0] for key in keys)
    assert set(firsts) == set(names)
    assert all(800 < count < 1200 for count in firsts.values())
    heirs = Counter(ranked(key, names)[1] for key in keys if ranked(key, names)[0] == names[0])
    assert all(150 < count < 350 for count in heirs.values())
    assert len(heirs) == 4


LOADS = st.lists(st.integers(0, 500), min_size=1, max_size=20)
BOUNDS = st.builds(Bound, st.floats(1, 4), st.integers(1, 32))


@given(LOADS, BOUNDS)
def test_no_replica_is_taken_above_the_bound(loads, bound):
    """The replica that is taken has less than the bound, whatever the loads are."""
    taken = place(loads, [False] * len(loads), bound)
    assert loads[taken] < bound.of(loads)
    assert all(load >= bound.of(loads) for load in loads[:taken])


@given(st.integers(1, 200), st.integers(1, 9), BOUNDS)
def test_one_hot_key_never_fills_a_replica_over_its_bound(requests, replicas, bound):
    """Requests that all prefer the same order leave nobody with more than the bound of the final load."""
    loads = [0] * replicas
    for _ in range(requests):
        loads[place(loads, [False] * replicas, bound)] += 1
    assert sum(loads) == requests
    assert max(loads) <= bound.of(loads)


@given(LOADS, st.data(), BOUNDS)
def test_replica_where_requests_wait_is_passed_over(loads, data, bound):
    """A replica with a queue is taken only when none without one is within the bound."""
    queueing = data.draw(st.lists(st.booleans(), min_size=len(loads), max_size=len(loads)))
    taken = place(loads, queueing, bound)
    assert loads[taken] < bound.of(loads)
    if queueing[taken]:
        assert all(queueing[index] or load >= bound.of(loads) for index, load in enumerate(loads))


@pytest.mark.parametrize(
    ("loads", "taken"), [([0, 0], 0), ([7, 0], 0), ([8, 0], 1), ([8, 7], 0), ([20, 20], 0), ([25, 10], 1)]
)
def test_prefix_is_kept_warm_until_the_load_is_worth_a_cold_one(loads, taken):
    """Up to eight requests, and a quarter more than the mean beyond, go to the first of the order."""
    assert place(loads, [False, False], Bound(1.25, 8)) == taken
