"""How many retries there may be."""

from hypothesis import given
from hypothesis import strategies as st

from viva_llm.retry_budget import RetryBudget


@given(st.lists(st.booleans(), max_size=400))
def test_retries_are_a_share_of_requests_and_a_reserve(failing):
    """Whatever fails when, retries are at most a fifth of all requests, and the reserve."""
    budget, retries = RetryBudget(0.2), 0
    for number, fails in enumerate(failing, start=1):
        budget.earn()
        retries += fails and budget.take()
        assert retries <= 10 + 0.2 * number


def test_outage_of_everything_is_not_doubled():
    """Once the reserve is gone only every fifth request is tried again."""
    budget, taken = RetryBudget(0.2), 0
    for _ in range(1000):
        budget.earn()
        taken += budget.take()
    assert 205 <= taken <= 211


def test_quiet_time_saves_up_to_a_limit():
    """A replica that dies after a long good time has its requests tried again, but not thousands of them."""
    budget = RetryBudget(0.2)
    for _ in range(10_000):
        budget.earn()
    assert sum(budget.take() for _ in range(1000)) == 100


def test_share_of_nothing_allows_none():
    """A share of 0 turns retries off."""
    budget = RetryBudget(0)
    budget.earn()
    assert not budget.take()
